//! SFTP transfers, near and far, beside the stock clients in the same run.
//!
//! Everyone is a process of its own, sends and retrieves the same files to and from the same OpenSSH server, and goes over
//! the same line: loopback, or a proxy that makes the server far away. After each transfer, outside the measured time, all
//! files are held against their digests.

mod line;
mod ours;
mod peer;
mod place;
mod shelf;
mod table;
mod workload;

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::arguments::Arguments;
use crate::parts::{Bench, Sheet};
use crate::stopwatch;
pub(crate) use ours::carry_out;
use peer::PEERS;
use place::{Place, Task};
use table::{Outcome, Standing, Table};
use workload::{Shape, WORKLOADS, Workload};

/// A peer that takes so many times as long as the fastest in the first round doesn't run again.
const CONTENDER: f64 = 1.25;

/// Makes the command that does a task; `None` where the client has nothing to add to another line.
type Make<'a> = Box<dyn Fn(&Task<'_>) -> Result<Option<Command>> + 'a>;

/// A client and its runs.
struct Client<'a> {
    name: &'static str,
    command: Make<'a>,
    runs: Vec<Outcome>,
    failure: Option<String>,
}

/// Measures everything that was asked for.
///
/// # Errors
/// When the server or the files can't be made. A client that fails is a line of the table.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let arguments = bench.arguments;
    let table = compared(arguments)?;
    println!("\n{}", table.text());
    Ok(Sheet::of(table.rows()))
}

fn compared(arguments: &Arguments) -> Result<Table> {
    let options = &arguments.transfer;
    let wanted = |workload: &Workload| {
        options.only.is_empty() || options.only.iter().any(|part| workload.name.contains(part.as_str()))
    };
    let workloads: Vec<Workload> = WORKLOADS
        .into_iter()
        .filter(wanted)
        .map(|workload| if arguments.quick { workload.smaller() } else { workload })
        .collect();
    if workloads.is_empty() {
        bail!("no workload is called like that; there are: {}", WORKLOADS.map(|workload| workload.name).join("; "));
    }
    let mut table = Table::default();
    for milliseconds in [50, 100] {
        if workloads.iter().any(|workload| workload.round_trip_ms == milliseconds) {
            table.lines.push((milliseconds, line::raw(&place::line(milliseconds, options.megabits))?));
        }
    }
    let place = Place::prepare(&workloads, options.megabits)?;
    for workload in workloads {
        println!("\n{} …", workload.name);
        table.results.push(compare(arguments, &place, workload)?);
    }
    Ok(table)
}

/// Everyone's rounds of one workload, in turns.
fn compare(arguments: &Arguments, place: &Place, workload: Workload) -> Result<table::Result> {
    let ours = |task: &Task<'_>| ours::command(task, &arguments.transfer).map(Some);
    let mut clients = vec![Client::new("ours", Box::new(ours))];
    let peers = PEERS.iter().filter(|peer| !arguments.quick || peer.quick);
    let peers = peers.filter(|peer| !workload.takes_minutes() || peer.minutes);
    let peers = peers.filter(|peer| !workload.is_many_far() || peer.many);
    if !arguments.transfer.alone {
        clients.extend(peers.map(|peer| Client::new(peer.name, Box::new(peer.command))));
    }
    let rounds = workload.rounds(if arguments.quick { 1 } else { arguments.rounds });
    for round in 0..rounds {
        let fastest = clients[1..].iter().filter_map(Client::seconds).fold(f64::INFINITY, f64::min);
        let count = clients.len();
        for turn in 0..count {
            // Each round begins with another one, so that nobody always runs after the same neighbour.
            let client = &mut clients[(turn + round) % count];
            let hopeless = client.seconds().is_some_and(|seconds| seconds > fastest * CONTENDER);
            let needed = client.name == "ours" || client.name == peer::TUNED_SFTP && !workload.is_far();
            if client.failure.is_none() && (round == 0 || needed || !hopeless) {
                client.run(place, &workload)?;
            }
        }
        if round == 0 {
            clients.retain(|client| client.failure.is_some() || !client.runs.is_empty());
        }
    }
    let mut standings: Vec<Standing> = clients.into_iter().map(Client::standing).collect();
    Ok(table::Result { workload, ours: standings.remove(0), peers: standings })
}

impl<'a> Client<'a> {
    fn new(name: &'static str, command: Make<'a>) -> Self {
        Self { name, command, runs: Vec::new(), failure: None }
    }

    /// One more run, checked. What it fails by is kept.
    fn run(&mut self, place: &Place, workload: &Workload) -> Result<()> {
        let task = place.task(workload);
        let Some(mut command) = (self.command)(&task)? else { return Ok(()) };
        match timed(&mut command, place, workload.shape) {
            Ok(outcome) => {
                let Outcome { seconds, cpu_seconds, peak_mib } = outcome;
                let speed = workload.shape.megabytes() / seconds;
                println!(
                    "  {:<20} {seconds:>7.2} s {speed:>7.1} MB/s  CPU {cpu_seconds:>5.2} s  {peak_mib:>4.0} MiB",
                    self.name
                );
                self.runs.push(outcome);
            }
            Err(error) => {
                println!("  {:<20} failed: {error:#}", self.name);
                self.failure = Some(format!("{error:#}"));
                place.empty()?;
            }
        }
        Ok(())
    }

    /// The best so far.
    fn seconds(&self) -> Option<f64> {
        self.runs.iter().map(|run| run.seconds).min_by(f64::total_cmp)
    }

    fn standing(self) -> Standing {
        let median = |figure: fn(&Outcome) -> f64| {
            let mut figures: Vec<f64> = self.runs.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            let middle = figures.len() / 2;
            if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
        };
        let outcome = match self.failure {
            Some(failure) => Err(failure),
            None if self.runs.is_empty() => Err("it did not run".to_owned()),
            None => Ok(Outcome {
                seconds: median(|run| run.seconds),
                cpu_seconds: median(|run| run.cpu_seconds),
                peak_mib: median(|run| run.peak_mib),
            }),
        };
        Standing { name: self.name, outcome }
    }
}

/// Runs it, then looks whether everything arrived.
fn timed(command: &mut Command, place: &Place, shape: Shape) -> Result<Outcome> {
    let log = place.file("client.log");
    let out = std::fs::File::create(&log).with_context(|| format!("create {}", log.display()))?;
    let errors = out.try_clone().with_context(|| format!("share {}", log.display()))?;
    let run = stopwatch::run(command.stdout(Stdio::from(out)).stderr(Stdio::from(errors)));
    let run = run.with_context(|| {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        said.trim().lines().next_back().unwrap_or("it said nothing").to_owned()
    })?;
    place.take(shape)?;
    Ok(Outcome { seconds: run.seconds, cpu_seconds: run.cpu_seconds, peak_mib: run.peak_mib })
}
