//! Loads: a steady one that does not wait for answers, as much as there can be, and one request after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::{Mutex, mpsc};

use super::client::Mix;
use crate::http::Connection;
use crate::serving::Server;

/// Connections that are open at the same time.
const CONNECTIONS: usize = 64;

/// What a load brought.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// From the moment that a request was due to its whole answer, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// Answers with another status than they must have, and connections that broke.
    pub(crate) errors: usize,
    pub(crate) first_error: String,
    pub(crate) seconds: f64,
    pub(crate) server_cpu: f64,
    pub(crate) client_cpu: f64,
}

impl Outcome {
    /// The latency that this share of all requests stays below, in milliseconds.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list, rounded down"
        )]
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(index.min(self.latencies.len().saturating_sub(1))).map_or(0.0, |one| one.as_secs_f64() * 1e3)
    }

    /// Answers a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds.max(1e-9)
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.errors += other.errors;
        if self.first_error.is_empty() {
            self.first_error = other.first_error;
        }
    }

    async fn ask(&mut self, connection: &mut Connection, (request, expected): (&[u8], u16), due: Instant) -> bool {
        let wrong = match connection.ask(request).await {
            Ok(status) if status == expected => {
                self.latencies.push(due.elapsed());
                return true;
            }
            Ok(status) => format!("{status} instead of {expected}: {}", connection.answer()),
            Err(error) => format!("{error:#}"),
        };
        self.errors += 1;
        if self.first_error.is_empty() {
            self.first_error = wrong;
        }
        false
    }
}

/// `rate` requests a second, each at its time whatever became of those before (an open loop), so that a server that
/// stalls can't hide it: who is late is measured from when it was due.
///
/// # Errors
/// When no connection can be opened.
pub(crate) async fn steady(server: &Server, mix: &Mix, rate: u32, time: Duration) -> Result<Outcome> {
    let (due, requests) = mpsc::unbounded_channel::<(usize, Instant)>();
    let requests = Arc::new(Mutex::new(requests));
    let begin = Instant::now() + Duration::from_millis(50);
    // A thread of its own: the runtime's clock has whole milliseconds only.
    let pacer = std::thread::spawn(move || {
        let count = usize::try_from(u64::from(rate) * time.as_secs()).unwrap_or(usize::MAX);
        for number in 0..count {
            let at = begin + Duration::from_secs_f64(number_as_f64(number) / f64::from(rate));
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if due.send((number, at)).is_err() {
                return;
            }
        }
    });
    let workers = (0..CONNECTIONS).map(|_| async {
        let mut connection = Connection::open(server.port).await?;
        let mut outcome = Outcome::default();
        loop {
            let next = requests.lock().await.recv().await;
            let Some((number, at)) = next else { return anyhow::Ok(outcome) };
            if !outcome.ask(&mut connection, mix.request(number), at).await {
                connection = Connection::open(server.port).await?;
            }
        }
    });
    let outcome = all(workers, begin).await;
    pacer.join().ok().context("the pacer")?;
    outcome
}

/// As many requests as get answered: every connection sends the next one as soon as it has an answer.
///
/// # Errors
/// When no connection can be opened.
pub(crate) async fn most(server: &Server, mix: &Mix, time: Duration) -> Result<Outcome> {
    let (begin, number) = (Instant::now(), AtomicUsize::new(0));
    let workers = (0..CONNECTIONS).map(|_| async {
        let mut connection = Connection::open(server.port).await?;
        let mut outcome = Outcome::default();
        while begin.elapsed() < time {
            let request = mix.request(number.fetch_add(1, Ordering::Relaxed));
            if !outcome.ask(&mut connection, request, Instant::now()).await {
                connection = Connection::open(server.port).await?;
            }
        }
        anyhow::Ok(outcome)
    });
    all(workers, begin).await
}

/// One request after the other, on one connection: what a single client waits.
///
/// # Errors
/// When no connection can be opened.
pub(crate) async fn one_by_one(server: &Server, mix: &Mix, time: Duration) -> Result<Outcome> {
    let begin = Instant::now();
    let mut connection = Connection::open(server.port).await?;
    let mut outcome = Outcome::default();
    let mut number = 0;
    while begin.elapsed() < time && outcome.ask(&mut connection, mix.request(number), Instant::now()).await {
        number += 1;
    }
    outcome.seconds = begin.elapsed().as_secs_f64();
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

async fn all(workers: impl Iterator<Item = impl Future<Output = Result<Outcome>>>, begin: Instant) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for one in futures::future::join_all(workers).await {
        outcome.add(one?);
    }
    outcome.seconds = begin.elapsed().as_secs_f64();
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn number_as_f64(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_list() {
        let latencies = (1..=1000).map(Duration::from_millis).collect();
        let outcome = Outcome { latencies, seconds: 2.0, ..Outcome::default() };
        assert_eq!(outcome.percentile_ms(0.5), 501.0);
        assert_eq!(outcome.percentile_ms(0.999), 1000.0);
        assert_eq!(outcome.per_second(), 500.0);
        assert_eq!(Outcome::default().percentile_ms(0.5), 0.0);
    }
}
