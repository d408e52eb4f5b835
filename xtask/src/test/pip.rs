//! Packages of Python, fetched: the index is somebody's machine, far away, and a download that stalls is tried again.

use std::path::Path;
use std::process::Command;

use super::step::call;

/// How often it is tried.
const TRIES: usize = 3;
/// Seconds without a byte; pip's own 15 are less than a busy index takes.
const TIMEOUT: &str = "60";

/// `pip install` of this interpreter. What it shall install is added by the caller.
pub(crate) fn install(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "5"]);
    // Whoever has set another knows the way to the index.
    if ["PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT"].iter().all(|name| std::env::var_os(name).is_none()) {
        pip.args(["--timeout", TIMEOUT]);
    }
    pip
}

/// Runs it, and again where it fails: its own retries end with the answer's first byte.
pub(crate) fn run(pip: &mut Command) -> Result<(), String> {
    for _ in 1..TRIES {
        match call(pip) {
            Ok(()) => return Ok(()),
            Err(error) => println!("    {error}; it is tried again"),
        }
    }
    call(pip)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::run;

    /// Runs a command that ends well at the n-th time; how it ended, and how often it ran.
    fn well_at(n: usize) -> (bool, usize) {
        let log = std::env::temp_dir().join(format!("xtask-pip-{}-{n}", std::process::id()));
        let script = format!("echo tried >>\"$0\"; [ $(wc -l <\"$0\") -ge {n} ]");
        let outcome = run(Command::new("sh").args(["-c", &script]).arg(&log));
        let tries = std::fs::read_to_string(&log).unwrap().lines().count();
        std::fs::remove_file(&log).unwrap();
        (outcome.is_ok(), tries)
    }

    #[test]
    fn what_fails_is_tried_three_times() {
        assert_eq!([well_at(1), well_at(3), well_at(9)], [(true, 1), (true, 3), (false, 3)]);
    }
}
