//! Runs a command and tells how long it took, and how much memory and processor time it and its children had.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often the memory is looked at. The kernel keeps the peak, so only growth after the last look is missed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Nothing here takes as long; what does has hung, and is killed.
const LIMIT: Duration = Duration::from_secs(600);

/// A run that ended well.
#[derive(Debug)]
pub(crate) struct Run {
    /// Wall clock time.
    pub(crate) seconds: f64,
    /// Processor time of all its processes, user and system, in steps of 0.01 s.
    pub(crate) cpu_seconds: f64,
    /// Peak resident memory of all its processes, added up, in MiB.
    pub(crate) peak_mib: f64,
}

/// What one process was seen to have.
#[derive(Debug, Default)]
struct Seen {
    ticks: u64,
    peak_kib: u64,
}

/// Runs it in a process group of its own, with nothing to read.
///
/// # Errors
/// When it can't be started, ends with a failure or takes longer than ten minutes.
pub(crate) fn run(command: &mut Command) -> Result<Run> {
    run_within(command, LIMIT)
}

fn run_within(command: &mut Command, limit: Duration) -> Result<Run> {
    command.stdin(Stdio::null()).process_group(0);
    let reaped = reaped_ticks();
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
    let group = child.id();
    let ended = AtomicBool::new(false);
    let (status, seconds, seen) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut seen = BTreeMap::new();
            while !ended.load(Ordering::Relaxed) {
                look(group, &mut seen);
                if start.elapsed() > limit {
                    kill(group);
                    break;
                }
                std::thread::sleep(LOOK_EVERY);
            }
            seen
        });
        let status = child.wait();
        let seconds = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, seconds, looking.join().unwrap_or_default())
    });
    let status = status.with_context(|| format!("wait for {}", command.get_program().display()))?;
    ensure!(seconds < limit.as_secs_f64(), "{} was killed after {limit:?}", command.get_program().display());
    ensure!(status.success(), "{} ended with {status}", command.get_program().display());
    let kib: u64 = seen.values().map(|process: &Seen| process.peak_kib).sum();
    // The kernel's account is complete, but for processes that nobody waited for; those were seen.
    let ticks = seen.values().map(|process| process.ticks).sum::<u64>().max(reaped_ticks().saturating_sub(reaped));
    #[expect(clippy::cast_precision_loss, reason = "memory in KiB and ticks are far below 2^52")]
    Ok(Run { seconds, cpu_seconds: ticks as f64 / TICKS, peak_mib: kib as f64 / 1024.0 })
}

/// Ends every process of the group.
fn kill(group: u32) {
    // The standard library kills one process only. That there is nothing left to kill is no trouble.
    drop(Command::new("kill").args(["-KILL", "--"]).arg(format!("-{group}")).stderr(Stdio::null()).status());
}

/// Notes what each process has that is alive now and in the group, or a descendant of its leader: some clients give
/// their `ssh` a session of its own.
fn look(group: u32, seen: &mut BTreeMap<u32, Seen>) {
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    let mut stats = BTreeMap::new();
    for process in processes.flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between two looks at it.
        if let Some(stat) = std::fs::read_to_string(process.path().join("stat")).ok().as_deref().and_then(Stat::read) {
            stats.insert(id, stat);
        }
    }
    let ours = |mut id: u32| loop {
        match stats.get(&id) {
            Some(stat) if id == group || stat.group == group => return true,
            Some(stat) => id = stat.parent,
            None => return false,
        }
    };
    for (id, stat) in stats.iter().filter(|(id, _)| ours(**id)) {
        let process = seen.entry(*id).or_default();
        process.ticks = process.ticks.max(stat.ticks);
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        process.peak_kib = process.peak_kib.max(high_water(&status).unwrap_or_default());
    }
}

/// Clock ticks a second in `/proc`, on every Linux that we know of (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;

/// What `/proc/PID/stat` says (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    group: u32,
    /// Its own time, user and system.
    ticks: u64,
    /// The same of children that it has waited for, and of theirs.
    reaped: u64,
}

impl Stat {
    fn read(text: &str) -> Option<Self> {
        // The name in parentheses may have parentheses and spaces of its own.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            ticks: field(11)? + field(12)?,
            reaped: field(13)? + field(14)?,
        })
    }
}

/// Ticks of all our children that have ended.
fn reaped_ticks() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    Stat::read(&text).map_or(0, |stat| stat.reaped)
}

/// `VmHWM` in `/proc/PID/status`, in KiB.
pub(crate) fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_words_are_read() {
        let stat = Stat::read("12 (a) b) S 1 77 12 0 -1 4194560 1 2 3 4 50 6 700 8 20 0 1").unwrap();
        assert_eq!(stat, Stat { parent: 1, group: 77, ticks: 56, reaped: 708 });
        assert_eq!(high_water("Name:\tx\nVmHWM:\t   2048 kB\n"), Some(2048));
    }

    #[test]
    fn a_child_of_the_command_counts_and_a_failure_is_an_error() {
        // `tail` can't end before its reader takes what it holds, so it is there for many looks.
        let held = "head -c 40000000 /dev/zero | tail -c 40000000 | { sleep 2; cat >/dev/null; }";
        let run = run(Command::new("sh").args(["-c", held])).unwrap();
        assert!(run.peak_mib > 30.0, "{run:?}");
        assert!(super::run(&mut Command::new("false")).is_err());
    }

    #[test]
    fn processor_time_counts_in_a_session_of_its_own_too() {
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let run = run(Command::new("sh").args(["-c", &format!("setsid -w sh -c '{busy}'; true")])).unwrap();
        assert!(run.cpu_seconds > 0.0 && run.cpu_seconds < 100.0, "{run:?}");
    }

    #[test]
    fn what_hangs_is_killed_with_its_children() {
        let error =
            run_within(Command::new("sh").args(["-c", "sleep 600 | cat"]), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("killed"), "{error}");
    }
}
