//! The two servers, each a process that ends with its value.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sealpost_testkit::server::free_port;
use serde_json::Value as Json;

use crate::site::{PARTNER, REPORT, Site};
use crate::{arguments, data};

/// Ticks of a second in `/proc/PID/stat`: `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux that one meets.
const TICKS: f64 = 100.0;

/// A server that runs.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// The partner's API key.
    pub(crate) key: String,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Server {
    /// `sealpost serve --no-worker` with a partner whose limits are there, and wide enough.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn ours(site: &Site) -> Result<Self> {
        let folder = site.file("edge");
        fs::create_dir_all(folder.join("partners")).context("a folder for the edge")?;
        for name in ["catalogue", "database-password", "sealpost.toml"] {
            copy(&site.file(name), &folder.join(name))?;
        }
        let write =
            |name: &str, text: &str| fs::write(folder.join(name), text).with_context(|| format!("write {name}"));
        write("partners/bench.asc", &site.certificate)?;
        write(
            "partners/bench.toml",
            &format!(
                "name = \"Bench\"\nscope = \"{}\"\ncertificates = [\"bench.asc\"]\ngrants = [{{ report = \"{REPORT}\" }}]\n\
                 [limits]\nactive_reports = 10_000_000\nrate = {{ per_second = 100_000, burst = 100_000 }}\n\
                 quota = {{ limit = 1_000_000_000, period = \"month\" }}\n\
                 [limits.methods]\n\"POST /v1/reports\" = {{ per_second = 50_000, burst = 50_000 }}\n",
                data::SCOPE
            ),
        )?;
        let (port, admin) = (free_port(), free_port());
        let sealpost = || {
            let mut command = Command::new(&site.sealpost);
            command.arg("--config").arg(folder.join("sealpost.toml")).arg("--json").current_dir(&folder);
            command.env("SEALPOST__API__LISTEN", format!("127.0.0.1:{port}"));
            command.env("SEALPOST__ADMIN__LISTEN", format!("127.0.0.1:{admin}"));
            command
        };
        let applied = sealpost().args(["apply", "partners"]).output().context("start sealpost apply")?;
        ensure!(applied.status.success(), "sealpost apply: {}", String::from_utf8_lossy(&applied.stderr));
        let made = sealpost().args(["partner", "key", "new", PARTNER, "--label", "bench"]).output();
        let made = made.context("start sealpost partner key")?;
        ensure!(made.status.success(), "sealpost partner key: {}", String::from_utf8_lossy(&made.stderr));
        let made: Json = serde_json::from_slice(&made.stdout).context("what `partner key new` printed")?;
        let key = made["api_key"].as_str().context("the API key")?.to_owned();
        let process = sealpost().args(["serve", "--no-worker"]).stdout(Stdio::null()).spawn().context("start serve")?;
        Self { port, key, process }.ready()
    }

    /// The peer: this program once more, with two bare routes.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn bare() -> Result<Self> {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().context("our own path")?);
        let process = command.args([arguments::BARE, &port.to_string()]).spawn().context("start the peer")?;
        Self { port, key: "sp_none".to_owned(), process }.ready()
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
}

/// Processor time of a process so far, user and system (proc(5)).
///
/// # Errors
/// When there is no such process.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).context("/proc/PID/stat")?;
    let (_, fields) = text.rsplit_once(')').context("/proc/PID/stat")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
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
    use super::cpu_seconds;

    #[test]
    fn our_own_processor_time_grows() {
        let before = cpu_seconds(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while cpu_seconds(std::process::id()).unwrap() <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_seconds(std::process::id()).unwrap() > before);
    }
}
