//! The partners' API under load, beside a bare axum route that answers the same bytes: status polls, creates, and both at 2,000
//! requests a second.
//!
//! Both servers are processes of their own and get the same requests from the same client in the same run, in turns.
//! Ours does per request what it always does: credentials, rate, quota, scopes, parameters, the ledger; a create is synced
//! to disk. The bare one writes the same bytes from memory.

mod bare;
mod client;
mod load;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::figures::Figures;
use crate::parts::{Bench, Sheet};
use crate::row::Row;
use crate::serving::{Server, Serving, cpu_seconds};

pub(crate) use bare::serve as serve_bare;
pub(crate) use client::{Mix, prepare};
pub(crate) use load::{Outcome, one_by_one};

/// Rounds: each has tens of thousands of requests of its own, so a few are enough.
const ROUNDS: usize = 3;
/// Requests a second, offered whatever the answers take.
const RATE: u32 = 2_000;
/// One of so many requests is a create: 5 %.
const CREATE_EVERY: usize = 20;
/// Reports that are polled.
const REPORTS: usize = 200;

/// What is measured, the names of its figures for us and for the peer, and the ratio that we aim at.
struct Load {
    name: &'static str,
    unit: &'static str,
    figures: [&'static str; 2],
    reach: f64,
}

/// The peer looks nothing up and syncs nothing to disk: what is aimed at says what that may cost.
const LOADS: &[Load] = &[
    Load { name: "edge: status polls", unit: "1/s", figures: ["polls 1/s", "bare polls 1/s"], reach: 0.7 },
    Load { name: "edge: status polls, nothing new", unit: "1/s", figures: ["same 1/s", "bare same 1/s"], reach: 0.7 },
    Load { name: "edge: creates", unit: "1/s", figures: ["creates 1/s", "bare creates 1/s"], reach: 0.25 },
    Load { name: "edge: one poll after the other", unit: "ms", figures: ["poll ms", "bare poll ms"], reach: 0.7 },
    Load {
        name: "edge: one create after the other",
        unit: "ms",
        figures: ["create ms", "bare create ms"],
        reach: 0.25,
    },
    Load { name: "edge: 2,000/s polls + creates, p50", unit: "ms", figures: ["p50 ms", "bare p50 ms"], reach: 0.5 },
    Load { name: "edge: the same, p99", unit: "ms", figures: ["p99 ms", "bare p99 ms"], reach: 0.25 },
    Load { name: "edge: the same, p99.9", unit: "ms", figures: ["p99.9 ms", "bare p99.9 ms"], reach: 0.25 },
];

/// Measures both servers in turns.
///
/// # Errors
/// When a server does not start, or one answer is not what it must be.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    let mut figures = Figures::default();
    let ours = Serving::default().start(bench.site()?)?;
    let (_, answers) = runtime.block_on(prepare(&ours, 1))?;
    let bare = Server::bare(&answers)?;
    let time = Duration::from_secs(bench.arguments.seconds);
    for round in 0..ROUNDS.min(bench.arguments.rounds) {
        let mut turn = [(0, &ours), (1, &bare)];
        turn.rotate_left(round % 2);
        for (side, server) in turn {
            let (polled, _) = runtime.block_on(prepare(server, REPORTS))?;
            let mix = Mix::unchanged(server, &polled, CREATE_EVERY);
            let steady = run(server, || runtime.block_on(load::steady(server, &mix, RATE, time)))?;
            tell(side, "2,000/s", &steady);
            let most = |name: &str, mix: &Mix| -> Result<Outcome> {
                let outcome = run(server, || runtime.block_on(load::most(server, mix, time / 4)))?;
                tell(side, name, &outcome);
                Ok(outcome)
            };
            let polls = most("polls", &Mix::polls(server, &polled))?.per_second();
            let same = most("polls, nothing new", &Mix::unchanged(server, &polled, 0))?.per_second();
            let creates = most("creates", &Mix::creates(server))?.per_second();
            let single = |mix: &Mix| -> Result<f64> {
                let outcome = run(server, || runtime.block_on(one_by_one(server, mix, time / 8)))?;
                Ok(outcome.percentile_ms(0.5))
            };
            let (poll, create) = (single(&Mix::polls(server, &polled))?, single(&Mix::creates(server))?);
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| steady.percentile_ms(share));
            for (load, figure) in LOADS.iter().zip([polls, same, creates, poll, create, p50, p99, p999]) {
                figures.add(Figures::of([(load.figures[side], figure)]));
            }
        }
    }
    LOADS.iter().map(|load| load.row(&figures)).collect::<Result<Vec<_>>>().map(Sheet::of)
}

impl Load {
    fn row(&self, figures: &Figures) -> Result<Row> {
        let [ours, bare] = self.figures;
        let (ours, peer) = (figures.median(ours)?, ("a bare axum route", figures.median(bare)?));
        let row = if self.unit == "ms" { Row::lower } else { Row::higher };
        Ok(row(self.name, self.unit, ours, peer, self.reach))
    }
}

/// A load, with the processor time that server and client took for it.
fn run(server: &Server, load: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
    let (ours, theirs) = (cpu_seconds(std::process::id())?, server.cpu_seconds()?);
    let mut outcome = load()?;
    outcome.client_cpu = cpu_seconds(std::process::id())? - ours;
    outcome.server_cpu = server.cpu_seconds()? - theirs;
    ensure!(outcome.errors == 0, "{} answers were not what they must be: {}", outcome.errors, outcome.first_error);
    Ok(outcome)
}

/// One line for people; also what share of the processor time the client took, since on few cores it could be the one
/// that is too slow.
fn tell(side: usize, load: &str, outcome: &Outcome) {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| outcome.percentile_ms(share));
    println!(
        "{}  {load:<21}  {:>6} requests, {:>6.0}/s, p50 {p50:.2} p99 {p99:.2} p99.9 {p999:.2} ms, {} errors; CPU: server {:.1} s, client {:.1} s ({:.0} %)",
        ["ours", "bare"][side],
        outcome.latencies.len(),
        outcome.per_second(),
        outcome.errors,
        outcome.server_cpu,
        outcome.client_cpu,
        100.0 * outcome.client_cpu / (outcome.client_cpu + outcome.server_cpu).max(0.01),
    );
}
