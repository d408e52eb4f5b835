//! A circuit breaker per remote host: a server that failed again and again before it did anything is left alone for a
//! while, whoever's files wait for it.
//!
//! ```text
//! closed ──5 failures in a row──▶ open for 15 s ──▶ half-open: one is let through ──it works──▶ closed
//!                                  ▲  twice as long each time, up to 10 min    │
//!                                  └────────────────it fails───────────────────┘
//! ```
//!
//! Kept per process: what one process learns costs another at most five attempts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sealpost_core::connector::{AddressFamily, ConnectorSettings, RetryPolicy};
use sealpost_core::error::{Error, codes};

use crate::{log, telemetry};

#[cfg(test)]
mod tests;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// The first rest.
const FIRST_REST: Duration = Duration::from_secs(15);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How long the one that was let through may take to get somewhere before the next one is let through.
const TRIAL: Duration = Duration::from_secs(60);
/// How soon others look again while one is let through.
const LOOK: Duration = Duration::from_secs(1);
/// Each that is turned away waits so much longer than the one before: they come back one after the other, and cost the
/// ledger at most 100 looks per second, however many they are.
const STEP: Duration = Duration::from_millis(10);
/// How long something may wait for a resting host before it is given up; longer where the connector's own retries take
/// longer. (AWS Transfer Family lets files wait for 12 hours.)
const PATIENCE: Duration = Duration::from_secs(12 * 3600);

/// The hosts that failed lately.
pub(crate) struct Breakers {
    first_rest: Duration,
    hosts: Mutex<HashMap<String, Host>>,
}

impl Default for Breakers {
    fn default() -> Self {
        Self::new(FIRST_REST)
    }
}

/// A host that failed and has not worked since.
#[derive(Default)]
struct Host {
    failures: u32,
    openings: u32,
    rests_until: Option<Instant>,
    trial_since: Option<Instant>,
    turned_away: u32,
}

/// The right to try a host. It has to be told how it went, by [`reached`](Self::reached) or [`end`](Self::end).
pub(crate) struct Passage {
    breakers: Arc<Breakers>,
    host: String,
    is_trial: bool,
    is_settled: AtomicBool,
}

impl Breakers {
    pub(crate) fn new(first_rest: Duration) -> Self {
        Self { first_rest, hosts: Mutex::default() }
    }

    /// Lets one through to the host, or says how long to wait before asking again.
    pub(crate) fn enter(self: &Arc<Self>, settings: &ConnectorSettings) -> Result<Passage, Duration> {
        let host = name(settings);
        let is_trial = self.admit(&host, Instant::now())?;
        Ok(Passage { breakers: self.clone(), host, is_trial, is_settled: AtomicBool::new(false) })
    }

    /// Whether it is let through as the one that tries.
    fn admit(&self, host: &str, now: Instant) -> Result<bool, Duration> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((host, until)) = hosts.get_mut(host).and_then(|host| host.rests_until.map(|until| (host, until)))
        else {
            return Ok(false);
        };
        let rest = until.saturating_duration_since(now);
        let is_tried = host.trial_since.is_some_and(|since| now.saturating_duration_since(since) < TRIAL);
        if rest.is_zero() && !is_tried {
            host.trial_since = Some(now);
            return Ok(true);
        }
        host.turned_away = host.turned_away.saturating_add(1);
        Err(if rest.is_zero() { LOOK } else { rest } + STEP * host.turned_away.min(6_000))
    }

    /// The host works.
    fn close(&self, host: &str) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = hosts.remove(host)
            && before.rests_until.is_some()
        {
            log::host_works(host);
            telemetry::hosts_resting(resting(&hosts));
        }
    }

    /// Another failure. Gives the rest that it leads to.
    fn fail(&self, name: &str, is_trial: bool, now: Instant) -> Option<Duration> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(name.to_owned()).or_default();
        host.failures = host.failures.saturating_add(1);
        // While it rests only the one that was let through counts: the others began before.
        let opens = if host.rests_until.is_some() { is_trial } else { host.failures >= FAILURES };
        if !opens {
            return None;
        }
        let rest = self.first_rest.saturating_mul(1 << host.openings.min(16)).min(LONGEST_REST);
        host.openings = host.openings.saturating_add(1);
        host.rests_until = Some(now + rest);
        host.trial_since = None;
        host.turned_away = 0;
        telemetry::hosts_resting(resting(&hosts));
        Some(rest)
    }

    /// The one that was let through ended without having learnt anything.
    fn give_back(&self, host: &str) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get_mut(host) {
            host.trial_since = None;
        }
    }
}

impl Passage {
    /// The host has done something that was asked of it. Cheap; may be called often.
    pub(crate) fn reached(&self) {
        if !self.is_settled.swap(true, Ordering::Relaxed) {
            self.breakers.close(&self.host);
        }
    }

    /// It ended, with this error or well.
    pub(crate) fn end(self, error: Option<&Error>) {
        match error.map(verdict) {
            None | Some(Verdict::Answers) => self.reached(),
            Some(Verdict::SaysNothing) => {}
            Some(Verdict::Fails) if self.is_settled.swap(true, Ordering::Relaxed) => {}
            Some(Verdict::Fails) => {
                let rest = self.breakers.fail(&self.host, self.is_trial, Instant::now());
                if let (Some(rest), Some(error)) = (rest, error) {
                    telemetry::host_rests();
                    log::host_rests(&self.host, error, rest);
                }
            }
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.is_trial && !self.is_settled.load(Ordering::Relaxed) {
            self.breakers.give_back(&self.host);
        }
    }
}

/// How long something that waits for a resting host is kept.
pub(crate) fn patience(policy: &RetryPolicy) -> Duration {
    let pauses = (1..policy.max_attempts.min(10_000)).filter_map(|attempt| policy.pause_after(attempt, 1.0));
    pauses.fold(Duration::ZERO, Duration::saturating_add).max(PATIENCE)
}

/// What an error says of the host.
enum Verdict {
    /// It can't be reached, or does not behave like an SSH server.
    Fails,
    /// It is there; something else is wrong.
    Answers,
    /// The error arose on our side.
    SaysNothing,
}

fn verdict(error: &Error) -> Verdict {
    use codes::deliver;
    let fails =
        [&deliver::UNKNOWN_HOST, &deliver::UNREACHABLE, &deliver::TIMEOUT, &deliver::BROKEN, &deliver::PROTOCOL];
    let answers = [
        &deliver::HOST_KEY_MISMATCH,
        &deliver::NEGOTIATION,
        &deliver::AUTHENTICATION,
        &deliver::DIRECTORY,
        &deliver::PERMISSION,
        &deliver::EXISTS,
        &deliver::FULL,
        &deliver::SIZE_MISMATCH,
        &deliver::REFUSED,
        &deliver::NO_SUCH_FILE,
        &deliver::CHANGED,
    ];
    match error {
        error if fails.iter().any(|code| error.is(code)) => Verdict::Fails,
        error if answers.iter().any(|code| error.is(code)) => Verdict::Answers,
        _ => Verdict::SaysNothing,
    }
}

/// `host:port` and the way there, by proxy, source address and family: a host that can't be reached on one may be on
/// another.
fn name(settings: &ConnectorSettings) -> String {
    let network = &settings.network;
    let mut name = format!("{}:{}", settings.host.to_ascii_lowercase(), settings.port);
    if let Some(proxy) = &network.proxy {
        name += &format!(" by {}", proxy.url);
    }
    if let Some(source) = network.source_address {
        name += &format!(" from {source}");
    }
    match network.family {
        AddressFamily::Any => name,
        AddressFamily::Ipv4 => name + " over IPv4",
        AddressFamily::Ipv6 => name + " over IPv6",
    }
}

fn resting(hosts: &HashMap<String, Host>) -> usize {
    hosts.values().filter(|host| host.rests_until.is_some()).count()
}
