//! Servers that many test processes share, one after the other and at once: each has its own database or table in it.
//!
//! The first who needs one starts it. It is nobody's child, and ends some seconds after the last process that uses it: all
//! of them hold a shared lock on one file, and the server's shell tries to get it for itself.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::template::shared_folder;

/// Serves until nobody holds the lock, then forgets the address, kills the server and removes the folder (`$0`). Who comes in
/// between finds no address.
const WATCH: &str = r#"dir=$0; base=$1; shift; "$@" </dev/null >"$dir/server.log" 2>&1 & pid=$!
while sleep 5 && kill -0 $pid; do flock -n -x "$base/users" rm -f "$base/address" && break; done
kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$dir""#;

/// The locks of this process, until its end.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// The address of the lasting server of this name: of one that runs and `answers`, or of the one that `start` starts.
///
/// # Panics
/// When the folder of locks can't be used, and where `start` does.
pub(crate) fn join(name: &str, answers: impl Fn(&str) -> bool, start: impl FnOnce(&Path) -> String) -> String {
    let base = shared_folder(&format!("lasting-{name}"));
    let open = |name: &str| {
        let mut options = File::options();
        options.create(true).truncate(false).write(true).open(base.join(name)).expect("a lock file")
    };
    let users = open("users");
    users.lock_shared().expect("share the server's lock");
    HELD.lock().expect("the locks").push(users);
    let starting = open("starting");
    starting.lock().expect("lock the start");
    let known = fs::read_to_string(base.join("address")).ok().filter(|address| answers(address));
    known.unwrap_or_else(|| {
        let address = start(&base);
        fs::write(base.join("address"), &address).expect("write the address");
        address
    })
}

/// Starts a command as nobody's child, with a folder of its own that goes with it.
pub(crate) fn start(base: &Path, folder: &Path, command: &[String], variables: &[(&str, String)]) {
    let mut watch = Command::new("setsid");
    watch.args(["sh", "-c", WATCH]).arg(folder).arg(base).args(command);
    watch.envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
    let watch = watch.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    drop(watch.expect("start setsid: apt-get install util-linux"));
}
