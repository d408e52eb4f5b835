//! The whole path as CSV: query, format, seal, store, SFTP; beside what only reads, what only sends, a shell's chain and a
//! function of Python.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::figures::Figures;
use crate::ours::{self, Sample};
use crate::parts::{Bench, Sheet, in_turns};
use crate::row::{Row, at_most};
use crate::serving::{busy_seconds, cpu_seconds};
use crate::site::{REPORT, Site};
use crate::{Contestant, peer, python};

/// It takes half a minute.
const ROUNDS_OF_PYTHON: usize = 1;

/// Measures.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let site = bench.site()?;
    // The first run warms every cache, and gives sftp the same bytes to work on.
    let sample = ours::sample(site)?;
    println!("CSV {:.1} MB, sealed {:.1} MB; decrypted by gpg, every row there", sample.csv_mb(), sample.sealed_mb());
    let drain = peer::compile_drain(site)?;
    let figures = in_turns(contestants(site, &sample, &drain), bench.arguments.rounds)?;
    let [wall, ours, server] = ["stored s", "stored CPU s", "stored server CPU s"].map(|figure| figures.median(figure));
    let (wall, ours, server) = (wall?, ours?, server?);
    let [delivered, busy] = ["ours s", "busy s"].map(|figure| figures.median(figure));
    let (delivered, busy, cores) = (delivered?, busy?, cores());
    let remarks = format!(
        "Overlap, from the query to the store: {wall:.2} s, in which the database server had {server:.2} s of a processor and we {ours:.2} s; one after the other would be {:.2} s.\n\
         With the delivery: {delivered:.2} s, in which all processes of the machine had {busy:.2} s of its {cores} cores: were they never idle, it would be {:.2} s.\n",
        server + ours,
        busy / cores
    );
    Ok(Sheet { remarks, ..Sheet::of(rows(&figures, &sample)?) })
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 cores")]
fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64
}

fn contestants<'a>(site: &'a Site, sample: &'a Sample, drain: &'a Path) -> Vec<Contestant<'a>> {
    let put = |name: &'static str, figure: &'static str, options: &'static [&'static str]| {
        Contestant::new(name, move || Ok(Figures::of([(figure, peer::put(site, options, &sample.sealed)?)])))
    };
    vec![
        Contestant::new("sealpost", || {
            let before = busy_seconds()?;
            let (mut figures, delivered) = ours::whole_path(site)?;
            figures.add(Figures::of([("busy s", busy_seconds()? - before)]));
            fs::remove_file(&delivered).with_context(|| format!("remove {}", delivered.display()))?;
            Ok(figures)
        }),
        Contestant::new("sealpost, to the store", || {
            let before = cpu_seconds(site.database.id())?;
            let run = ours::produce(site, REPORT, "csv")?;
            let server = cpu_seconds(site.database.id())? - before;
            Ok(Figures::of([
                ("stored s", run.seconds),
                ("stored CPU s", run.cpu_seconds),
                ("stored server CPU s", server),
            ]))
        }),
        Contestant::new("mariadb --quick", || peer::client(site)),
        Contestant::new("C client", || peer::c_client(site, drain)),
        put("sftp", "sftp s", &[]),
        put("tuned sftp", "tuned sftp s", peer::TUNED),
        Contestant::new("script", || peer::script(site)),
        Contestant::rarely("python", ROUNDS_OF_PYTHON, || {
            let run = python::run(site, "csv", "", true)?;
            Ok(Figures::of([("python s", run.seconds), ("python MiB", run.peak_mib)]))
        }),
    ]
}

fn rows(figures: &Figures, sample: &Sample) -> Result<Vec<Row>> {
    const CLIENT: (&str, &str) = ("mariadb --quick, read only", "client s");
    const C_CLIENT: (&str, &str) = ("C client, read only", "C client s");
    const SCRIPT: (&str, &str) = ("mariadb | gpg, then sftp", "script s");
    const PYTHON: (&str, &str) = ("pandas, gnupg, paramiko", "python s");
    const SFTP: (&str, &str) = ("sftp put, defaults", "sftp s");
    const TUNED: (&str, &str) = ("sftp put, AES-GCM, 128 × 255 KiB", "tuned sftp s");
    let seconds = |name: &str, ours: &str, (peer_name, peer): (&str, &str), reach| -> Result<Row> {
        Ok(Row::lower(name, "s", figures.median(ours)?, (peer_name, figures.median(peer)?), reach))
    };
    let speed = |name: &str, (peer_name, peer): (&str, &str), reach| -> Result<Row> {
        let megabytes = |figure| Ok::<_, anyhow::Error>(sample.sealed_mb() / figures.median(figure)?);
        Ok(Row::higher(name, "MB/s", megabytes("deliver s")?, (peer_name, megabytes(peer)?), reach))
    };
    let peak = |(peer_name, peer): (&str, &str), reach| -> Result<Row> {
        let name = "query, CSV, seal, store, SFTP: peak memory";
        Ok(Row::lower(name, "MiB", figures.median("ours MiB")?, (peer_name, figures.median(peer)?), reach))
    };
    Ok(vec![
        // The server's own speed is the floor for everyone: a C loop that throws the rows away.
        seconds("query, CSV, seal, store", "stored s", C_CLIENT, at_most(1.3))?,
        seconds("query, CSV, seal, store, SFTP", "ours s", CLIENT, at_most(1.25))?,
        seconds("the same, beside a shell", "ours s", SCRIPT, 2.5)?,
        seconds("the same, beside Python", "ours s", PYTHON, 8.0)?,
        speed("of it the delivery", SFTP, 1.2)?,
        speed("the same, tuned peer", TUNED, 1.0)?,
        peak((PYTHON.0, "python MiB"), 10.0)?,
    ])
}
