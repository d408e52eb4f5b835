//! The partners' API under load: status polls and creates at 2,000 requests a second, beside a bare axum route.
//!
//! Both servers are processes of their own and get the same requests from the same client in the same run, in turns.
//! Ours does per request what it always does: credentials, rate, quota, scopes, parameters, the ledger; a create is synced
//! to disk. The bare one writes the same bytes from memory.

mod bare;
mod client;
mod load;
mod server;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::figures::Figures;
use crate::site::Site;

pub(crate) use bare::serve as serve_bare;
use client::Mix;
use load::Outcome;
use server::Server;

/// Requests a second, offered whatever the answers take.
const RATE: u32 = 2_000;
/// One of so many requests is a create: 5 %.
const CREATE_EVERY: usize = 20;
/// Reports that are polled.
const REPORTS: usize = 200;

/// Measures both servers, `rounds` times in turns.
///
/// # Errors
/// When a server does not start, or one answer is not what it must be.
pub(crate) fn measure(site: &Site, rounds: usize, seconds: u64) -> Result<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    let mut figures = Figures::default();
    let (ours, bare) = (Server::ours(site)?, Server::bare()?);
    let time = Duration::from_secs(seconds);
    for round in 0..rounds {
        let mut turn = [("edge", &ours), ("bare", &bare)];
        turn.rotate_left(round % 2);
        for (name, server) in turn {
            let polled = runtime.block_on(client::prepare(server, REPORTS))?;
            let mix = Mix::new(server, &polled, CREATE_EVERY);
            let steady = run(server, || runtime.block_on(load::steady(server, &mix, RATE, time)))?;
            let most = run(server, || runtime.block_on(load::most(server, &mix, time / 4)))?;
            let polls = Mix::new(server, &polled, usize::MAX);
            let most_polls = run(server, || runtime.block_on(load::most(server, &polls, time / 4)))?;
            tell(name, "2,000/s", &steady);
            tell(name, "as fast as it can", &most);
            tell(name, "the same, polls alone", &most_polls);
            figures.add(of(name, &steady, &most, &most_polls));
        }
    }
    Ok(figures)
}

/// A load, with the processor time that server and client took for it.
fn run(server: &Server, load: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
    let (ours, theirs) = (server::cpu_seconds(std::process::id())?, server.cpu_seconds()?);
    let mut outcome = load()?;
    outcome.client_cpu = server::cpu_seconds(std::process::id())? - ours;
    outcome.server_cpu = server.cpu_seconds()? - theirs;
    ensure!(outcome.errors == 0, "{} answers were not what they must be: {}", outcome.errors, outcome.first_error);
    Ok(outcome)
}

fn of(name: &str, steady: &Outcome, most: &Outcome, polls: &Outcome) -> Figures {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| steady.percentile_ms(share));
    let (all, polls) = (most.per_second(), polls.per_second());
    if name == "edge" {
        Figures::of([
            ("edge p50 ms", p50),
            ("edge p99 ms", p99),
            ("edge p99.9 ms", p999),
            ("edge 1/s", all),
            ("edge polls 1/s", polls),
        ])
    } else {
        Figures::of([
            ("bare p50 ms", p50),
            ("bare p99 ms", p99),
            ("bare p99.9 ms", p999),
            ("bare 1/s", all),
            ("bare polls 1/s", polls),
        ])
    }
}

/// One line for people; also what share of the processor time the client took, since on few cores it could be the one
/// that is too slow.
fn tell(name: &str, load: &str, outcome: &Outcome) {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| outcome.percentile_ms(share));
    println!(
        "{name:<4}  {load:<21}  {:>6} requests, {:>6.0}/s, p50 {p50:.2} p99 {p99:.2} p99.9 {p999:.2} ms, {} errors; CPU: server {:.1} s, client {:.1} s ({:.0} %)",
        outcome.latencies.len(),
        outcome.per_second(),
        outcome.errors,
        outcome.server_cpu,
        outcome.client_cpu,
        100.0 * outcome.client_cpu / (outcome.client_cpu + outcome.server_cpu).max(0.01),
    );
}
