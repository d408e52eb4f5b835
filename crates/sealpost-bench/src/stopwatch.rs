//! Runs a command and tells how long it took and how much memory it and its children had at most.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often the memory is looked at. The kernel keeps the peak, so only growth after the last look is missed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Nothing here takes as long; what does has hung, and is killed.
const LIMIT: Duration = Duration::from_secs(300);

/// A run that ended well.
#[derive(Debug)]
pub(crate) struct Run {
    /// Wall clock time.
    pub(crate) seconds: f64,
    /// Peak resident memory of all its processes, added up, in MiB.
    pub(crate) peak_mib: f64,
}

/// Runs it in a process group of its own, with nothing to read.
///
/// # Errors
/// When it can't be started, ends with a failure or takes longer than five minutes.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    run_within(command, LIMIT)
}

fn run_within(command: &mut Command, limit: Duration) -> Result<Run> {
    command.stdin(Stdio::null()).process_group(0);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
    let group = child.id();
    let ended = AtomicBool::new(false);
    let (status, seconds, peaks) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut peaks = BTreeMap::new();
            while !ended.load(Ordering::Relaxed) {
                look(group, &mut peaks);
                if start.elapsed() > limit {
                    kill(group);
                    break;
                }
                std::thread::sleep(LOOK_EVERY);
            }
            peaks
        });
        let status = child.wait();
        let seconds = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, seconds, looking.join().unwrap_or_default())
    });
    let status = status.with_context(|| format!("wait for {}", command.get_program().display()))?;
    ensure!(seconds < limit.as_secs_f64(), "{} was killed after {limit:?}", command.get_program().display());
    ensure!(status.success(), "{} ended with {status}", command.get_program().display());
    let kib: u64 = peaks.values().sum();
    #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
    Ok(Run { seconds, peak_mib: kib as f64 / 1024.0 })
}

/// Ends every process of the group.
fn kill(group: u32) {
    // The standard library kills one process only. That there is nothing left to kill is no trouble.
    drop(Command::new("kill").args(["-KILL", "--"]).arg(format!("-{group}")).stderr(Stdio::null()).status());
}

/// Notes the peak, in KiB, of each process in the group that is alive now.
fn look(group: u32, peaks: &mut BTreeMap<u32, u64>) {
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between two looks at it.
        let read = |file: &str| std::fs::read_to_string(process.path().join(file)).unwrap_or_default();
        if group_of(&read("stat")) != Some(group) {
            continue;
        }
        if let Some(kib) = high_water(&read("status")) {
            let peak = peaks.entry(id).or_insert(0);
            *peak = kib.max(*peak);
        }
    }
}

/// The process group in `/proc/PID/stat`: the third field after the name in parentheses (proc(5)).
fn group_of(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(2)?.parse().ok()
}

/// `VmHWM` in `/proc/PID/status`, in KiB.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_words_are_read() {
        assert_eq!(group_of("12 (a) b) S 1 77 12 0"), Some(77));
        assert_eq!(high_water("Name:\tx\nVmHWM:\t   2048 kB\n"), Some(2048));
    }

    #[test]
    fn a_child_of_the_command_counts_and_a_failure_is_an_error() {
        let run =
            run(Command::new("sh").args(["-c", "head -c 40000000 /dev/zero | tail -c 40000000 >/dev/null; sleep 0.1"]))
                .unwrap();
        assert!(run.peak_mib > 30.0, "{run:?}");
        assert!(super::run(&mut Command::new("false")).is_err());
    }

    #[test]
    fn what_hangs_is_killed_with_its_children() {
        let error =
            run_within(Command::new("sh").args(["-c", "sleep 600 | cat"]), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("killed"), "{error}");
    }
}
