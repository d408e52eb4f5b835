//! Sealing alone: 1 GiB of the report's text, one recipient, into nothing; beside `gpg` without compression.

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use jiff::Timestamp;
use sealpost_core::partner::MessageFormat;
use sealpost_core::port::{SealPlan, Sealer};
use sealpost_core::sink::ByteSink;
use sealpost_seal::OpenPgp;

use crate::figures::Figures;
use crate::parts::{Bench, Sheet, in_turns};
use crate::row::Row;
use crate::site::Site;
use crate::{Contestant, ours, peer};

const BYTES: u64 = 1 << 30;

/// Measures.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let site = bench.site()?;
    let (file, megabytes) = text(site, if bench.arguments.quick { BYTES / 8 } else { BYTES })?;
    let seal = |name, figure, message| {
        let file = &file;
        Contestant::new(name, move || Ok(Figures::of([(figure, seal(site, file, message)?)])))
    };
    let contestants = vec![
        seal("SEIPDv1", "seal s", MessageFormat::Seipdv1),
        seal("SEIPDv2", "seal aead s", MessageFormat::Seipdv2),
        Contestant::new("gpg", || peer::gpg(site, &file)),
    ];
    let figures = in_turns(contestants, bench.arguments.rounds)?;
    fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
    let row = |name: &str, ours: &str, reach| -> Result<Row> {
        let peer = ("gpg --compress-algo none", megabytes / figures.median("gpg s")?);
        Ok(Row::higher(name, "MB/s", megabytes / figures.median(ours)?, peer, reach))
    };
    Ok(Sheet::of(vec![
        row("seal alone, SEIPDv1", "seal s", 1.1)?,
        row("seal alone, SEIPDv2 (AEAD)", "seal aead s", 1.8)?,
    ]))
}

/// A file of at least so many bytes of CSV, and its MB.
fn text(site: &Site, bytes: u64) -> Result<(PathBuf, f64)> {
    let sample = ours::sample(site)?;
    let csv = fs::read(&sample.csv).with_context(|| format!("read {}", sample.csv.display()))?;
    let name = site.file("gibibyte.csv");
    let mut file = fs::File::create(&name).with_context(|| format!("create {}", name.display()))?;
    let mut written = 0;
    while written < bytes {
        file.write_all(&csv).context("write the text")?;
        written += csv.len() as u64;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people, far below 2^52")]
    Ok((name, written as f64 / 1e6))
}

/// Seconds for the file through our sealer, in this process.
fn seal(site: &Site, file: &Path, message: MessageFormat) -> Result<f64> {
    let start = Instant::now();
    let recipients = [site.certificate.clone()];
    let plan = SealPlan {
        recipients: &recipients,
        message,
        armor: false,
        signer: None,
        file_name: "contracts.csv",
        now: Timestamp::now(),
    };
    let mut sink = OpenPgp.seal(&plan, Box::new(Nowhere))?;
    let mut plain = fs::File::open(file).with_context(|| format!("open {}", file.display()))?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = plain.read(&mut piece).context("read the text")?;
        if length == 0 {
            break;
        }
        sink.write_all(&piece[..length]).context("seal")?;
    }
    sink.finish()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Throws bytes away.
pub(crate) struct Nowhere;

impl std::io::Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Nowhere {
    fn finish(self: Box<Self>) -> sealpost_core::Result<()> {
        Ok(())
    }
}
