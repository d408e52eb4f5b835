//! What every server of the testkit shares: a free port, a child process that dies with its owner, readiness.

use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::template::shared_folder;

/// Ports are given to processes by the block. Together they lie below the range that the kernel takes ports of outgoing connections
/// from: one of those would be taken again before the server has it.
const LOWEST: u16 = 10_000;
const BLOCK: u16 = 50;
const BLOCKS: u16 = 400;

/// What this process has of the ports.
struct Ports {
    /// Of its blocks, each until its end.
    locks: Vec<File>,
    /// Of the last block, those that were not given out.
    left: Range<u16>,
}

static PORTS: Mutex<Ports> = Mutex::new(Ports { locks: Vec::new(), left: 0..0 });

/// A port that was free a moment ago, and that no other process of this user is given, nor this one again. For servers that can't be
/// told to use port 0; one that has ended can be started again on the same.
///
/// # Panics
/// When other processes have all ports.
#[must_use]
pub fn free_port() -> u16 {
    let mut ports = PORTS.lock().expect("the ports");
    loop {
        if let Some(port) = ports.left.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
        let (lock, block) = free_block().expect("a block of ports that nobody has");
        ports.locks.push(lock);
        ports.left = block;
    }
}

/// A block of ports that no process has, and the lock by which this one has it.
fn free_block() -> Option<(File, Range<u16>)> {
    let folder = shared_folder("ports");
    // Tests run in many processes at once, which must not all begin with the same block.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let start = u16::try_from(hasher.finish() % u64::from(BLOCKS)).unwrap_or_default();
    (0..BLOCKS).find_map(|step| {
        let first = LOWEST + (start + step) % BLOCKS * BLOCK;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(first.to_string()));
        let lock = lock.expect("a lock file for ports");
        lock.try_lock().ok()?;
        Some((lock, first..first + BLOCK))
    })
}

/// The first of these programs that exists.
///
/// # Panics
/// When none does: the message names the Debian package to install.
#[must_use]
pub fn program(candidates: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/usr/lib/openssh", "/usr/lib/sftp-server"].map(PathBuf::from));
    for name in candidates {
        for folder in &folders {
            let file = folder.join(name);
            if file.is_file() {
                return file;
            }
        }
    }
    panic!("none of {candidates:?} is installed: apt-get install {package} (or `cargo xtask test`, which does it)")
}

/// Where `cargo xtask test` installs what is no package: in the user's cache, unless this variable says where.
#[must_use]
pub fn installed(variable: &str, path: &str) -> PathBuf {
    let cache = || match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => Some(PathBuf::from(cache)),
        None => Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")),
    };
    std::env::var_os(variable).map_or_else(|| cache().unwrap_or_default().join("sealpost").join(path), PathBuf::from)
}

/// A child process that is killed when this is dropped.
pub struct Server(Child);

impl Server {
    /// Starts it, with its output in a log file that a failing test can show.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start(command: &mut Command, log: &std::path::Path) -> Self {
        let log = std::fs::File::create(log).expect("create the server's log");
        let errors = log.try_clone().expect("share the server's log");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        Self(child.unwrap_or_else(|error| panic!("start {command:?}: {error}")))
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until `ready` says yes; `false` when it has ended before, or does not say so in time.
    pub fn is_ready_within(&mut self, patience: Duration, mut ready: impl FnMut() -> bool) -> bool {
        let start = Instant::now();
        loop {
            let is_ready = ready();
            // Where it has ended, somebody else has its port and answers.
            if !matches!(self.0.try_wait(), Ok(None)) {
                return false;
            }
            if is_ready || start.elapsed() > patience {
                return is_ready;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until `ready` says yes.
///
/// # Panics
/// After `patience`.
pub fn wait_until(what: &str, patience: Duration, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < patience, "{what} was not ready within {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests;
