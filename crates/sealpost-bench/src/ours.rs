//! Our side: the release binary runs the whole path; its timeline tells the stages apart.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::figures::Figures;
use crate::site::{PARTNER, REPORT, Site};
use crate::stopwatch;

/// The bytes that everyone works on: the report as CSV, and sealed.
pub(crate) struct Sample {
    pub(crate) csv: PathBuf,
    pub(crate) sealed: PathBuf,
    csv_bytes: u64,
    sealed_bytes: u64,
}

#[expect(clippy::cast_precision_loss, reason = "figures of a table for people, far below 2^52")]
impl Sample {
    pub(crate) fn csv_mb(&self) -> f64 {
        self.csv_bytes as f64 / 1e6
    }

    pub(crate) fn sealed_mb(&self) -> f64 {
        self.sealed_bytes as f64 / 1e6
    }
}

/// Runs the whole path once, decrypts what arrived with gpg and checks that every row is there.
///
/// # Errors
/// When the run fails or the file is not what it must be.
pub(crate) fn sample(site: &Site) -> Result<Sample> {
    let (_, delivered) = whole_path(site)?;
    let (csv, sealed) = (site.file("sample.csv"), site.file("sample.pgp"));
    // Not a rename: the folders may be on different file systems.
    fs::copy(&delivered, &sealed).with_context(|| format!("copy {}", delivered.display()))?;
    fs::remove_file(&delivered).with_context(|| format!("remove {}", delivered.display()))?;
    let decrypted = site
        .gpg
        .command()
        .args(["--batch", "--quiet", "--no-permission-warning", "--output"])
        .arg(&csv)
        .arg("--decrypt")
        .arg(&sealed)
        .status();
    ensure!(decrypted.context("start gpg")?.success(), "gpg can't decrypt what was delivered");
    let lines = lines(&csv)?;
    ensure!(lines == site.rows + 1, "the file has {lines} lines for {} rows and a header line", site.rows);
    let size = |file: &Path| fs::metadata(file).map(|file| file.len()).with_context(|| format!("{}", file.display()));
    Ok(Sample { csv_bytes: size(&csv)?, sealed_bytes: size(&sealed)?, csv, sealed })
}

/// One report from request to the store, sealed, in a process of its own: how that ran. The file is removed.
pub(crate) fn produce(site: &Site, report: &str, format: &str) -> Result<stopwatch::Run> {
    let printed = site.file("run.json");
    let out = fs::File::create(&printed).with_context(|| format!("create {}", printed.display()))?;
    let mut command = site.sealpost();
    command.args(["report", "run", report, "--partner", PARTNER, "--format", format, "--no-deliver"]);
    let run = stopwatch::run(command.stdout(out).stderr(Stdio::inherit()))
        .with_context(|| fs::read_to_string(&printed).unwrap_or_default())?;
    site.empty_store()?;
    Ok(run)
}

/// One report from request to delivered file, in a process of its own; also the file.
pub(crate) fn whole_path(site: &Site) -> Result<(Figures, PathBuf)> {
    let printed = site.file("run.json");
    let out = fs::File::create(&printed).with_context(|| format!("create {}", printed.display()))?;
    let mut command = site.sealpost();
    command
        .args(["report", "run", REPORT, "--partner", PARTNER, "--format", "csv"])
        .stdout(out)
        .stderr(Stdio::inherit());
    let run = stopwatch::run(&mut command).with_context(|| fs::read_to_string(&printed).unwrap_or_default())?;
    let text = fs::read_to_string(&printed).with_context(|| format!("read {}", printed.display()))?;
    let shown: Json =
        serde_json::from_str(&text).with_context(|| format!("what `report run --json` printed: {text}"))?;
    let delivery = &shown["deliveries"][0];
    if delivery["status"] != "delivered" {
        bail!("the report was not delivered: {text}");
    }
    let produce = seconds(&shown, ("report", "started"), ("report", "stored"))?;
    let deliver = seconds(&shown, ("delivery", "started"), ("delivery", "delivered"))?;
    let remote = delivery["receipt"]["remote_path"].as_str().context("the receipt names no path")?;
    let figures = Figures::of([
        ("ours s", run.seconds),
        ("ours MiB", run.peak_mib),
        ("ours CPU s", run.cpu_seconds),
        ("produce s", produce),
        ("deliver s", deliver),
    ]);
    let name = Path::new(remote).file_name().context("the receipt's path has no file name")?;
    site.empty_store()?;
    Ok((figures, site.inbox().join(name)))
}

/// Seconds between two events of the timeline, each named by subject and event.
fn seconds(shown: &Json, from: (&str, &str), to: (&str, &str)) -> Result<f64> {
    let at = |(subject, event): (&str, &str)| -> Result<Timestamp> {
        let entry = shown["timeline"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|entry| entry["subject"] == subject && entry["event"] == event);
        let at = entry
            .and_then(|entry| entry["at"].as_str())
            .with_context(|| format!("the timeline has no {subject} {event}"))?;
        at.parse().with_context(|| format!("the time {at}"))
    };
    Ok(at(to)?.duration_since(at(from)?).as_secs_f64())
}

fn lines(file: &Path) -> Result<u64> {
    let mut file = fs::File::open(file).with_context(|| format!("open {}", file.display()))?;
    let mut piece = vec![0; 1 << 20];
    let mut lines = 0;
    loop {
        let length = file.read(&mut piece).context("read the CSV")?;
        if length == 0 {
            return Ok(lines);
        }
        lines += u64::try_from(piece[..length].iter().filter(|byte| **byte == b'\n').count()).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::seconds;

    #[test]
    fn stages_are_read_from_the_timeline() {
        let entry = |at: &str, subject: &str, event: &str| json!({ "at": at, "subject": subject, "event": event });
        let shown = json!({ "timeline": [
            entry("2026-01-01T00:00:00Z", "report", "started"),
            entry("2026-01-01T00:00:01.25Z", "report", "stored"),
            entry("2026-01-01T00:00:01.3Z", "delivery", "started"),
        ] });
        assert_eq!(seconds(&shown, ("report", "started"), ("report", "stored")).unwrap(), 1.25);
        assert!(seconds(&shown, ("delivery", "started"), ("delivery", "delivered")).is_err());
    }
}
