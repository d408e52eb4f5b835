//! Runs the tests, by nextest where it is installed, and counts.

use std::fmt;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use super::step::{Context, call, words};
use super::{node, python, sdk, vault};
use crate::workspace::{cargo, limited_cargo};

/// How long the tests may run under `cargo test`, which ends none of them. A run of everything takes an hour at most, half of it
/// building.
const LIMIT: &str = "40m";
/// What `timeout` ends with where it had to end something.
const OVERDUE: i32 = 124;

/// Whose summaries are counted. Nextest shows what a failed test printed, which has the other's summary in it.
#[derive(Clone, Copy)]
enum Runner {
    Nextest,
    Cargo,
}

/// How many tests there were, over all binaries.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

pub(super) fn tests(context: &mut Context) -> Result<(), String> {
    let nextest = has_nextest();
    let mut command = if nextest {
        let mut command = cargo();
        command.args(["nextest", "run", "--workspace", "--lib", "--bins", "--tests", "--locked", "--profile", "ci"]);
        command
    } else {
        println!("    cargo-nextest is not installed; `cargo test` takes longer, one binary after the other");
        let test = ["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast"];
        // Built first: how long that takes says nothing of a test.
        let mut command = cargo();
        command.args(test).arg("--no-run").args(&context.runner);
        call(told(&mut command))?;
        // At a terminal somebody sees that it hangs, and Ctrl-C would not reach what `timeout` has started.
        let mut command = if std::io::stdin().is_terminal() { cargo() } else { limited_cargo(LIMIT) };
        command.args(test);
        command
    };
    command.args(&context.runner);
    let (status, tally) = counted(told(&mut command), if nextest { Runner::Nextest } else { Runner::Cargo })?;
    context.tests = Some(tally.clone());
    println!("{tally}");
    if tally.passed + tally.failed == 0 && status.success() {
        return Err("no test ran".into());
    }
    ended(&command, status)
}

/// Tells a command what the tests ask for.
fn told(command: &mut Command) -> &mut Command {
    command.env("CARGO_TERM_COLOR", if std::io::stdout().is_terminal() { "always" } else { "never" });
    python::on_path(command);
    node::tell(command);
    sdk::tell(command);
    vault::tell(command);
    command
}

/// How a command of tests ended, in words.
fn ended(command: &Command, status: ExitStatus) -> Result<(), String> {
    match status.code() {
        Some(0) => Ok(()),
        Some(OVERDUE) => Err(format!("{} took longer than it may: a test hangs, and was ended", words(command))),
        _ => Err(format!("{} ended with an error", words(command))),
    }
}

/// They are counted too: that none was found is no success.
pub(super) fn doctests() -> Result<(), String> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--doc", "--locked", "--quiet"]);
    // Asked for examples only, cargo looks for them also where the manifest says `doctest = false`.
    for name in crate::tidy::without_examples()? {
        command.args(["--exclude", &name]);
    }
    command.env("CARGO_TERM_COLOR", "never");
    python::on_path(&mut command);
    let (status, tally) = counted(&mut command, Runner::Cargo)?;
    println!("{tally}");
    if status.success() && tally.passed == 0 {
        return Err("no example ran".into());
    }
    ended(&command, status)
}

fn has_nextest() -> bool {
    let version = cargo().args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Runs the command, shows its output as it comes, and adds up the summaries in it.
fn counted(command: &mut Command, runner: Runner) -> Result<(ExitStatus, Tally), String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("start {}: {error}", words(command)))?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let out = child.stdout.take().map(|pipe| copy(pipe, std::io::stdout(), runner, Arc::clone(&tally)));
    let err = child.stderr.take().map(|pipe| copy(pipe, std::io::stderr(), runner, Arc::clone(&tally)));
    for copying in [out, err].into_iter().flatten() {
        copying.join().map_err(|_| "the thread that shows the tests' output ended early".to_owned())?;
    }
    let status = child.wait().map_err(|error| format!("wait for {}: {error}", words(command)))?;
    let tally = tally.lock().map_err(|_| "the count is lost".to_owned())?.clone();
    Ok((status, tally))
}

fn copy(
    from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    runner: Runner,
    tally: Arc<Mutex<Tally>>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if let Ok(mut tally) = tally.lock() {
                tally.add(&String::from_utf8_lossy(&line), runner);
            }
            // A reader that went away is no reason to stop counting.
            drop(to.write_all(&line).and_then(|()| to.flush()));
            line.clear();
        }
    })
}

impl Tally {
    /// Adds a line if it is the summary of nextest (`Summary [ 1.2s] 4 tests run: 3 passed (1 slow), 1 failed, 2 skipped`)
    /// or of one binary under `cargo test` (`test result: ok. 3 passed; 1 failed; 2 ignored; …`).
    fn add(&mut self, line: &str, runner: Runner) {
        let line = plain(line);
        let line = line.trim();
        let counts = match runner {
            Runner::Cargo => line.strip_prefix("test result: "),
            Runner::Nextest => {
                line.strip_prefix("Summary [").and_then(|rest| rest.split_once(" run: ")).map(|(_, counts)| counts)
            }
        };
        let Some(counts) = counts else { return };
        for part in counts.split([',', ';', '.', '(', ')']) {
            let Some((number, what)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            match what.trim() {
                "passed" => self.passed += number,
                "failed" | "timed out" | "exec failed" | "aborted" => self.failed += number,
                "skipped" | "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

/// The line without the terminal's colours.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in line.chars() {
        match (inside, c) {
            (false, '\u{1b}') => inside = true,
            (true, c) if c.is_ascii_alphabetic() => inside = false,
            (false, c) => out.push(c),
            (true, _) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{Runner, Tally, counted, ended};
    use crate::workspace::limited;

    #[test]
    fn what_hangs_is_ended_with_what_it_has_started() {
        let mut hanging = limited("1s", OsStr::new("sh"));
        // A process that stays would keep the pipe open.
        let (status, _) = counted(hanging.args(["-c", "sleep 60; true"]), Runner::Cargo).unwrap();
        let why = ended(&hanging, status).unwrap_err();
        assert!(why.contains("a test hangs"), "{why}");
    }

    fn tally(runner: Runner, lines: &[&str]) -> String {
        let mut tally = Tally::default();
        for line in lines {
            tally.add(line, runner);
        }
        tally.to_string()
    }

    #[test]
    fn the_summary_of_nextest_is_counted() {
        assert_eq!(
            tally(Runner::Nextest, &["     Summary [   0.123s] 45 tests run: 45 passed, 0 skipped\n"]),
            "45 passed, 0 failed"
        );
        let coloured = "\u{1b}[31;1m     Summary\u{1b}[0m [   9.1s] \u{1b}[1m7\u{1b}[0m tests run: \u{1b}[1m4\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m (\u{1b}[1m1\u{1b}[0m slow), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(tally(Runner::Nextest, &[coloured]), "4 passed, 3 failed, 3 skipped");
    }

    #[test]
    fn what_a_failed_test_printed_is_not_counted() {
        let lines =
            ["test result: FAILED. 0 passed; 1 failed; 0 ignored", "Summary [ 1.0s] 2 tests run: 1 passed, 1 failed"];
        assert_eq!(tally(Runner::Nextest, &lines), "1 passed, 1 failed");
    }

    #[test]
    fn the_results_of_all_binaries_add_up() {
        let lines = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.02s",
            "a test that prints 5 passed, 5 failed",
        ];
        assert_eq!(tally(Runner::Cargo, &lines), "5 passed, 1 failed, 1 skipped");
    }
}
