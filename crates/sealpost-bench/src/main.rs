//! Speed and memory of the whole path, beside the stock tools on the same data in the same run.
//!
//! Rounds of all contestants alternate and medians are compared, so that a busy moment of the machine hits everyone. Only
//! ratios count: absolute figures of a shared machine mean little. Everything but the release binary of `sealpost` is
//! made here: the database and its rows, keys, an OpenSSH server, the distance to it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks to its terminal")]

mod arguments;
mod build;
mod cold;
mod curve;
mod data;
mod edge;
mod figures;
mod formats;
mod growth;
mod http;
mod jobs;
mod memory;
mod ours;
mod parts;
mod peer;
mod plot;
mod python;
mod reports;
mod row;
mod sealing;
mod serving;
mod site;
mod size;
mod stopwatch;
mod transfer;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use arguments::Arguments;
use figures::Figures;
use parts::{Bench, Sheet};

/// One thing that is measured in every round.
struct Contestant<'a> {
    name: &'static str,
    /// It runs in so many rounds only: what takes minutes needs no five of them.
    rounds: usize,
    run: Box<dyn FnMut() -> Result<Figures> + 'a>,
}

impl<'a> Contestant<'a> {
    fn new(name: &'static str, run: impl FnMut() -> Result<Figures> + 'a) -> Self {
        Self { name, rounds: usize::MAX, run: Box::new(run) }
    }

    fn rarely(name: &'static str, rounds: usize, run: impl FnMut() -> Result<Figures> + 'a) -> Self {
        Self { name, rounds, run: Box::new(run) }
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some(arguments::BARE) => {
            return ended(words.next().and_then(|port| port.parse().ok()).context("a port").and_then(edge::serve_bare));
        }
        Some(arguments::CARRIER) => {
            return ended(words.next().context("an order").and_then(|file| transfer::carry_out(file.as_ref())));
        }
        _ => {}
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    ended(run(&arguments))
}

fn ended(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let bench = Bench::new(arguments)?;
    let mut all = Sheet::default();
    let mut failed = Vec::new();
    for part in &arguments.parts {
        println!("\n== {}: {}", part.name, part.summary);
        match (part.measure)(&bench) {
            Ok(sheet) => {
                all.rows.extend(sheet.rows);
                all.curves.extend(sheet.curves);
                all.remarks.push_str(&sheet.remarks);
            }
            // What was measured before is not lost by it.
            Err(error) => failed.push(format!("{}: {error:#}", part.name)),
        }
        write(arguments, &all)?;
    }
    println!("\n{}", row::table(&all.rows));
    for curve in &all.curves {
        println!("{}", curve.text());
    }
    if !all.remarks.is_empty() {
        println!("{}", all.remarks);
    }
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\n       "));
    Ok(())
}

/// Writes what there is so far: a later part that hangs must not take it away.
fn write(arguments: &Arguments, sheet: &Sheet) -> Result<()> {
    let put = |file: &Path, text: String| {
        let folder = file.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
    };
    if let Some(file) = &arguments.json {
        let rows = serde_json::to_string_pretty(&row::json(&sheet.rows)).context("the table as JSON")?;
        put(file, rows + "\n")?;
        if !sheet.curves.is_empty() {
            let curves: Vec<_> = sheet.curves.iter().map(curve::Curve::json).collect();
            let curves = serde_json::to_string_pretty(&curves).context("the curves as JSON")?;
            put(&file.with_extension("curves.json"), curves + "\n")?;
        }
    }
    if let Some(file) = &arguments.plot {
        put(file, plot::picture(&sheet.rows, &sheet.curves))?;
    }
    Ok(())
}
