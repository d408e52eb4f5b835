//! Speed and memory of the whole path, beside the stock tools on the same data in the same run.
//!
//! Rounds of all contestants alternate and medians are compared, so that a busy moment of the machine hits everyone. Only
//! ratios count: absolute figures of a shared machine mean little. Everything but the release binary of `sealpost` is
//! made here: the database and its rows, keys, an OpenSSH server, the distance to it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks to its terminal")]

mod arguments;
mod cold;
mod data;
mod edge;
mod figures;
mod ours;
mod peer;
mod row;
mod site;
mod stopwatch;
mod transfer;

use std::process::ExitCode;

use anyhow::{Context, Result};

use arguments::{Arguments, Part};
use figures::Figures;
use row::Row;
use site::Site;

/// Rounds of the API under load: each has 80,000 requests of its own, so a few are enough.
const EDGE_ROUNDS: usize = 3;

/// Cold starts in each round: they take milliseconds.
const COLD_STARTS: usize = 10;

/// One thing that is measured in every round.
type Contestant<'a> = (&'static str, Box<dyn FnMut() -> Result<Figures> + 'a>);

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
    let mut json = Vec::new();
    let mut tables = String::new();
    if matches!(arguments.part, Part::All | Part::Edge) {
        let rows = reports(arguments)?;
        tables.push_str(&row::table(&rows));
        json.extend(row::json(&rows));
    }
    if matches!(arguments.part, Part::All | Part::Lambda) {
        let rows = cold_starts(arguments)?;
        tables.push_str(&format!("\n{}", row::table(&rows)));
        json.extend(row::json(&rows));
    }
    if matches!(arguments.part, Part::All | Part::Transfer) {
        let table = transfer::measure(arguments)?;
        tables.push_str(&format!("\n{}", table.text()));
        json.extend(table.json());
    }
    println!("\n{tables}");
    if let Some(file) = &arguments.json {
        let mut text = serde_json::to_string_pretty(&json).context("the table as JSON")?;
        text.push('\n');
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// Reports: the whole path, and the API in front of it.
fn reports(arguments: &Arguments) -> Result<Vec<Row>> {
    println!("{} rows × {} columns in a MariaDB of its own …", arguments.rows, data::COLUMNS);
    let site = Site::prepare(arguments)?;
    let mut rows = if arguments.part == Part::Edge { Vec::new() } else { whole_path(arguments, &site)? };
    println!("\nthe API under load, {} rounds of {} s …", EDGE_ROUNDS.min(arguments.rounds), arguments.seconds);
    let edge = edge::measure(&site, EDGE_ROUNDS.min(arguments.rounds), arguments.seconds)?;
    rows.extend(row::edge(&edge)?);
    Ok(rows)
}

/// As a function of AWS Lambda, from nothing to an answer.
fn cold_starts(arguments: &Arguments) -> Result<Vec<Row>> {
    let rounds = arguments.rounds * COLD_STARTS;
    println!("\ncold starts, {rounds} of each …");
    let figures = cold::measure(&site::sealpost(arguments)?, &cold::hello(arguments.hello.as_ref())?, rounds)?;
    row::cold(&figures)
}

/// From query to SFTP, beside the stock tools.
fn whole_path(arguments: &Arguments, site: &Site) -> Result<Vec<Row>> {
    // The first run warms every cache, and gives gpg and sftp the same bytes to work on.
    let sample = ours::sample(site)?;
    println!("CSV {:.1} MB, sealed {:.1} MB; decrypted by gpg, every row there", sample.csv_mb(), sample.sealed_mb());

    let mut contestants = ours::contestants(site, &sample);
    contestants.extend(peer::contestants(site, &sample)?);
    let mut figures = Figures::default();
    for round in 0..arguments.rounds {
        // Each round begins with another one, so that nobody always runs after the same neighbour.
        let count = contestants.len();
        for place in 0..count {
            let (name, run) = &mut contestants[(place + round) % count];
            figures.add(run().with_context(|| format!("{name} in round {}", round + 1))?);
        }
        println!("round {} of {}", round + 1, arguments.rounds);
    }
    row::rows(&figures, &sample)
}
