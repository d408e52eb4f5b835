//! Where transfers happen: one OpenSSH server, a line to it for each distance, and the files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sealpost_testkit::far::{FarProxy, Line};
use sealpost_testkit::sshd::{self, HOST_KEY_TYPES, Sshd};
use sealpost_testkit::suite::transport::noise;
use sha2::{Digest as _, Sha256};

use super::workload::{Direction, Shape, Workload};

/// Files in memory are the same for everyone, and take no part of the time.
const MEMORY: &str = "/dev/shm";
/// Room for two files of 1 GiB, and everybody's memory.
const ROOM_KIB: u64 = 5 << 20;
/// Files are made and digested in such pieces.
const PIECE: usize = 4 << 20;

/// The server, the lines and the files. Dropped, they are gone.
pub(crate) struct Place {
    pub(crate) user: String,
    pub(crate) client_key: PathBuf,
    sshd: Sshd,
    lines: BTreeMap<u64, FarProxy>,
    folder: tempfile::TempDir,
    sources: BTreeMap<String, Vec<(String, String)>>,
}

/// One transfer as a client sees it.
pub(crate) struct Task<'a> {
    pub(crate) direction: Direction,
    pub(crate) shape: Shape,
    pub(crate) place: &'a Place,
    /// The server's, or the line's to it.
    pub(crate) port: u16,
    /// The folder that holds nothing but the files.
    pub(crate) source: PathBuf,
    /// The empty folder where they must arrive, under the same names.
    pub(crate) target: PathBuf,
}

impl Place {
    /// Starts the server and the lines for these workloads, and makes their files.
    pub(crate) fn prepare(workloads: &[Workload], megabits: Option<u64>) -> Result<Self> {
        let memory = free_kib(Path::new(MEMORY)).is_some_and(|free| free >= ROOM_KIB);
        let mut folder = tempfile::Builder::new();
        folder.prefix("sealpost-bench-");
        let folder = if memory { folder.tempdir_in(MEMORY) } else { folder.tempdir() }.context("a working folder")?;
        println!("files of both ends in {} ({})", folder.path().display(), if memory { "memory" } else { "on disk" });
        let sshd = Sshd::start();
        let mut place = Self {
            user: sshd::user(),
            client_key: sshd.client_key("ed25519", "256", "RFC4716", ""),
            sshd,
            lines: BTreeMap::new(),
            folder,
            sources: BTreeMap::new(),
        };
        for workload in workloads {
            let milliseconds = workload.round_trip_ms;
            if milliseconds > 0 && !place.lines.contains_key(&milliseconds) {
                let server = SocketAddr::from(([127, 0, 0, 1], place.sshd.port()));
                place.lines.insert(milliseconds, FarProxy::start(server, line(milliseconds, megabits)));
            }
            place.make(workload.shape)?;
        }
        fs::create_dir(place.target()).context("make the target folder")?;
        place.write_known_hosts()?;
        Ok(place)
    }

    /// A file beside the transferred ones.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.file("known_hosts")
    }

    pub(crate) fn host_key(&self) -> String {
        self.sshd.host_key("ed25519")
    }

    pub(crate) fn task(&self, workload: &Workload) -> Task<'_> {
        Task {
            direction: workload.direction,
            shape: workload.shape,
            place: self,
            port: self.lines.get(&workload.round_trip_ms).map_or(self.sshd.port(), |line| line.address().port()),
            source: self.source(workload.shape),
            target: self.target(),
        }
    }

    /// Holds what arrived against the source, name by name and digest by digest, and removes it.
    pub(crate) fn take(&self, shape: Shape) -> Result<()> {
        let expected = self.sources.get(&folder_name(shape)).context("files that were never made")?;
        let arrived = digests(&self.target());
        let emptied = self.empty();
        let (arrived, ()) = (arrived?, emptied?);
        ensure!(arrived.len() == expected.len(), "{} files arrived of {}", arrived.len(), expected.len());
        let wrong = arrived.iter().zip(expected).find(|(arrived, expected)| arrived != expected);
        ensure!(wrong.is_none(), "not what was sent: {wrong:?}");
        Ok(())
    }

    /// Removes what is in the target folder.
    pub(crate) fn empty(&self) -> Result<()> {
        fs::remove_dir_all(self.target()).context("empty the target folder")?;
        fs::create_dir(self.target()).context("make the target folder")
    }

    fn source(&self, shape: Shape) -> PathBuf {
        self.file(&folder_name(shape))
    }

    fn target(&self) -> PathBuf {
        self.file("target")
    }

    fn make(&mut self, shape: Shape) -> Result<()> {
        let folder = self.source(shape);
        if self.sources.contains_key(&folder_name(shape)) {
            return Ok(());
        }
        fs::create_dir(&folder).context("make a source folder")?;
        for (seed, name) in (0_u64..).zip(shape.names()) {
            let mut file = fs::File::create(folder.join(name)).context("make a source file")?;
            let mut left = usize::try_from(shape.bytes).context("a size")?;
            let mut piece = 0;
            while left > 0 {
                let bytes = noise(left.min(PIECE), seed << 32 | piece);
                file.write_all(&bytes).context("fill a source file")?;
                left -= bytes.len();
                piece += 1;
            }
        }
        self.sources.insert(folder_name(shape), digests(&folder)?);
        Ok(())
    }

    /// Every key of the server under every port: some clients choose the key's type themselves.
    fn write_known_hosts(&self) -> Result<()> {
        let ports = self.lines.values().map(|line| line.address().port()).chain([self.sshd.port()]);
        let lines: String = ports
            .flat_map(|port| HOST_KEY_TYPES.map(|kind| format!("[127.0.0.1]:{port} {}\n", self.sshd.host_key(kind))))
            .collect();
        fs::write(self.known_hosts(), lines).context("write known_hosts")
    }
}

/// A line of this round trip.
pub(super) fn line(round_trip_ms: u64, megabits: Option<u64>) -> Line {
    Line {
        one_way: Duration::from_millis(round_trip_ms) / 2,
        bytes_per_second: megabits.map(|megabits| megabits * 125_000),
    }
}

fn folder_name(shape: Shape) -> String {
    format!("{}x{}", shape.files, shape.bytes)
}

/// Names and SHA-256 of the files in a folder, by name.
fn digests(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut piece = vec![0; PIECE];
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let entry = entry.context("a folder's entry")?;
        let mut file = fs::File::open(entry.path()).with_context(|| format!("{}", entry.path().display()))?;
        let mut digest = Sha256::new();
        loop {
            let length = file.read(&mut piece).with_context(|| format!("{}", entry.path().display()))?;
            if length == 0 {
                break;
            }
            digest.update(&piece[..length]);
        }
        let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        found.push((entry.file_name().to_string_lossy().into_owned(), digest));
    }
    found.sort();
    Ok(found)
}

fn free_kib(folder: &Path) -> Option<u64> {
    let output = Command::new("df").args(["-k", "--output=avail"]).arg(folder).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_noticed() {
        let workload = Workload { shape: Shape { files: 2, bytes: 100 }, ..super::super::workload::WORKLOADS[0] };
        let place = Place::prepare(&[workload], None).unwrap();
        let task = place.task(&workload);
        let copy = |name: &str| fs::copy(task.source.join(name), task.target.join(name)).unwrap();
        copy("file-0001.bin");
        assert!(place.take(workload.shape).unwrap_err().to_string().contains("1 files arrived of 2"));
        copy("file-0001.bin");
        fs::write(task.target.join("file-0002.bin"), "x").unwrap();
        assert!(place.take(workload.shape).unwrap_err().to_string().contains("file-0002.bin"));
        copy("file-0001.bin");
        copy("file-0002.bin");
        place.take(workload.shape).unwrap();
        assert_eq!(fs::read_dir(&task.target).unwrap().count(), 0);
    }
}
