//! Servers, each a process that ends with its value: `sealpost serve` in a folder of its own, and the bare peer.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sealpost_testkit::server::free_port;
use serde_json::Value as Json;

use crate::site::{PARTNER, Site};
use crate::{arguments, data};

/// Ticks of a second in `/proc/PID/stat`: `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux that one meets.
const TICKS: f64 = 100.0;

/// A server that runs.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// The partner's API key.
    pub(crate) key: String,
    process: Child,
    /// Its folder, which goes with it.
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// How `sealpost serve` is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serving {
    /// Whether it works on tasks too, on so many at once.
    pub(crate) worker: Option<usize>,
    /// Whether reports are delivered to the SFTP server.
    pub(crate) delivers: bool,
    /// Further partners in the ledger.
    pub(crate) partners: usize,
    /// Its files in memory; on disk otherwise, where a sync is one.
    pub(crate) in_memory: bool,
}

impl Serving {
    /// Starts it, with a partner whose limits are there, and wide enough.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(&self, site: &Site) -> Result<Server> {
        let folder = if self.in_memory { tempfile::tempdir() } else { disk() }.context("a folder for the server")?;
        let home = folder.path().to_owned();
        for name in ["catalogue", "database-password", "sealpost.toml"] {
            copy(&site.file(name), &home.join(name))?;
        }
        fs::create_dir_all(home.join("partners")).context("a folder for partners")?;
        let write = |name: &str, text: &str| fs::write(home.join(name), text).with_context(|| format!("write {name}"));
        write("partners/bench.asc", &site.certificate)?;
        let connector = if self.delivers { format!("[connectors.sftp]\n{}", site.connector()) } else { String::new() };
        write(
            "partners/bench.toml",
            &format!(
                "name = \"Bench\"\nscope = \"{}\"\ncertificates = [\"bench.asc\"]\ngrants = [{}]\n\
                 [limits]\nactive_reports = 10_000_000\nrate = {{ per_second = 100_000, burst = 100_000 }}\n\
                 quota = {{ limit = 1_000_000_000, period = \"month\" }}\n\
                 [limits.methods]\n\"POST /v1/reports\" = {{ per_second = 100_000, burst = 100_000 }}\n{connector}",
                data::SCOPE,
                data::grants(),
            ),
        )?;
        for number in 0..self.partners {
            let text = format!(
                "name = \"Partner {number}\"\nscope = \"{number}\"\ncertificates = [\"bench.asc\"]\ngrants = [{{ report = \"contracts\" }}]\n"
            );
            write(&format!("partners/partner-{number}.toml"), &text)?;
        }
        let (port, admin) = (free_port(), free_port());
        let sealpost = || {
            let mut command = Command::new(&site.sealpost);
            command.arg("--config").arg(home.join("sealpost.toml")).arg("--json").current_dir(&home);
            command.env("SEALPOST__API__LISTEN", format!("127.0.0.1:{port}"));
            command.env("SEALPOST__ADMIN__LISTEN", format!("127.0.0.1:{admin}"));
            if let Some(at_once) = self.worker {
                command.env("SEALPOST__WORKER__CONCURRENCY", at_once.to_string());
            }
            command
        };
        let applied = sealpost().args(["apply", "partners"]).output().context("start sealpost apply")?;
        ensure!(applied.status.success(), "sealpost apply: {}", String::from_utf8_lossy(&applied.stderr));
        let made = sealpost().args(["partner", "key", "new", PARTNER, "--label", "bench"]).output();
        let made = made.context("start sealpost partner key")?;
        ensure!(made.status.success(), "sealpost partner key: {}", String::from_utf8_lossy(&made.stderr));
        let made: Json = serde_json::from_slice(&made.stdout).context("what `partner key new` printed")?;
        let key = made["api_key"].as_str().context("the API key")?.to_owned();
        let mut serve = sealpost();
        serve.arg("serve").args(self.worker.is_none().then_some("--no-worker"));
        let process = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("start serve")?;
        Server { port, key, process, _folder: folder }.ready()
    }
}

impl Server {
    /// The peer: this program once more, with two bare routes that give these answers.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn bare(answers: &[String]) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the peer")?;
        let file = folder.path().join("answers.json");
        fs::write(&file, Json::from(answers).to_string()).context("write the answers")?;
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().context("our own path")?);
        let process = command.args([arguments::BARE, &port.to_string()]).arg(file).spawn().context("start the peer")?;
        Self { port, key: "sp_none".to_owned(), process, _folder: folder }.ready()
    }

    fn ready(mut self) -> Result<Self> {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.process.try_wait().context("look at the server")? {
                bail!("the server ended with {status}");
            }
            ensure!(begun.elapsed() < Duration::from_secs(30), "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(self)
    }

    /// Processor time so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.process.id())
    }

    /// The most memory that it has had, in MiB (`VmHWM`, proc(5)).
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).context("/proc/PID/status")?;
        let kib = crate::stopwatch::high_water(&status).context("VmHWM")?;
        #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
        Ok(kib as f64 / 1024.0)
    }
}

/// A folder on disk: `/tmp`, and what `TMPDIR` names, may be memory.
pub(crate) fn disk() -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("sealpost-bench-").tempdir_in(PathBuf::from("/var/tmp"))
}

/// Processor time of a process so far, user and system (proc(5)).
///
/// # Errors
/// When there is no such process.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64> {
    ticks(&id.to_string(), 11)
}

/// Processor time of the processes that this one has started and waited for, and of theirs (proc(5)).
///
/// # Errors
/// When the kernel does not tell.
pub(crate) fn cpu_seconds_of_children() -> Result<f64> {
    ticks("self", 13)
}

/// Processor time of everything that runs on the machine so far: all but idling, waiting for a disk and what its host took
/// (proc(5)).
///
/// # Errors
/// When the kernel does not tell.
pub(crate) fn busy_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let all = text.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("/proc/stat")?;
    let ticks: Vec<f64> = all.split_whitespace().filter_map(|ticks| ticks.parse().ok()).collect();
    // user nice system idle iowait irq softirq
    let [user, nice, system, _, _, irq, softirq, ..] = ticks[..] else { anyhow::bail!("/proc/stat: {all}") };
    Ok((user + nice + system + irq + softirq) / TICKS)
}

/// Two fields of `/proc/PID/stat`, user and system time, as seconds. Fields are counted behind the program's name.
fn ticks(process: &str, first: usize) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).context("/proc/PID/stat")?;
    let (_, fields) = text.rsplit_once(')').context("/proc/PID/stat")?;
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(first).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("copy {}", from.display());
    if from.is_file() {
        // With its permissions: one of them is a secret.
        return fs::copy(from, to).map(drop).with_context(failed);
    }
    fs::create_dir_all(to).with_context(failed)?;
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{busy_seconds, cpu_seconds};

    #[test]
    fn our_own_processor_time_grows_and_the_machine_has_it_too() {
        let (before, all) = (cpu_seconds(std::process::id()).unwrap(), busy_seconds().unwrap());
        let mut sum = 0_u64;
        while cpu_seconds(std::process::id()).unwrap() <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_seconds(std::process::id()).unwrap() > before);
        while busy_seconds().unwrap() <= all {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
