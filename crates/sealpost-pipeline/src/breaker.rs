//! Circuit breakers: what failed again and again before it did anything is left alone for a while. There are two for each
//! attempt. The host's own, for whoever's files wait for it, counts attempts that come to no connection. The connector's
//! counts those that break, stall or make no sense after it, where host key, account and folder have a part: one partner
//! with a foul account at a shared server must not take it away from the others.
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

use jiff::SignedDuration;
use sealpost_core::connector::{AddressFamily, ConnectorSettings, RetryPolicy};
use sealpost_core::error::{Error, codes};
use sealpost_core::id::ConnectorId;

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
/// How long something may wait for a host that does not work before it is given up; longer where the connector's own retries
/// take longer. (AWS Transfer Family lets files wait for 12 hours.)
const PATIENCE: Duration = Duration::from_secs(12 * 3600);
/// How long one is told of that nobody tries. What waits looks again sooner than that, so nothing waits for it any more.
const TOLD_OF: Duration = Duration::from_secs(3600);

/// The hosts, and connectors to them, that failed lately.
pub(crate) struct Breakers {
    first_rest: Duration,
    hosts: Mutex<HashMap<String, Host>>,
}

impl Default for Breakers {
    fn default() -> Self {
        Self::new(FIRST_REST)
    }
}

/// A host, or a connector to one, that failed and has not worked since.
struct Host {
    /// When somebody was let through or turned away, or failed, last.
    seen: Instant,
    failures: u32,
    openings: u32,
    /// When it was left alone first; what tried it in vain since then changes nothing.
    rests_since: Option<Instant>,
    rests_until: Option<Instant>,
    trial_since: Option<Instant>,
    turned_away: u32,
}

/// Why nothing is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    /// How long to wait before asking again.
    pub(crate) pause: Duration,
    /// For how long it has been left alone, those that tried it in vain included.
    pub(crate) lasts: Duration,
}

/// The right to try a host. It has to be told how it went, by [`reached`](Self::reached) or [`end`](Self::end).
pub(crate) struct Passage {
    breakers: Arc<Breakers>,
    host: Gate,
    connector: Gate,
    is_settled: AtomicBool,
}

/// A breaker that was passed.
struct Gate {
    name: String,
    is_trial: bool,
}

impl Breakers {
    pub(crate) fn new(first_rest: Duration) -> Self {
        Self { first_rest, hosts: Mutex::default() }
    }

    /// Lets one through to the host, or says how long to wait before asking again, and how long that has been so.
    pub(crate) fn enter(self: &Arc<Self>, id: &ConnectorId, settings: &ConnectorSettings) -> Result<Passage, Rest> {
        let now = Instant::now();
        let host = name(settings);
        let connector = self.pass(format!("{host}, connector {id}"), now)?;
        // Where the host is tried by another one, this connector's trial is not used up.
        let host = self.pass(host, now).inspect_err(|_| self.give_back(&connector))?;
        Ok(Passage { breakers: self.clone(), host, connector, is_settled: AtomicBool::new(false) })
    }

    fn pass(&self, name: String, now: Instant) -> Result<Gate, Rest> {
        let is_trial = self.admit(&name, now)?;
        Ok(Gate { name, is_trial })
    }

    /// Whether it is let through as the one that tries.
    fn admit(&self, host: &str, now: Instant) -> Result<bool, Rest> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(host) = hosts.get_mut(host) else { return Ok(false) };
        host.seen = now;
        let Some(until) = host.rests_until else { return Ok(false) };
        let rest = until.saturating_duration_since(now);
        let is_tried = host.trial_since.is_some_and(|since| now.saturating_duration_since(since) < TRIAL);
        if rest.is_zero() && !is_tried {
            host.trial_since = Some(now);
            return Ok(true);
        }
        host.turned_away = host.turned_away.saturating_add(1);
        let pause = if rest.is_zero() { LOOK } else { rest } + STEP * host.turned_away.min(6_000);
        let lasts = host.rests_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        Err(Rest { pause, lasts })
    }

    /// The host works.
    fn close(&self, host: &str) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = hosts.remove(host)
            && before.rests_until.is_some()
        {
            log::host_works(host);
            telemetry::hosts_resting(resting(&hosts, Instant::now()));
        }
    }

    /// Forgets those that nobody has tried for so long that nothing can wait for them any more, a connector that is gone or a
    /// server whose files have been given up, and publishes how many rest.
    pub(crate) fn forget(&self, now: Instant) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, host| host.was_seen_within(PATIENCE, now));
        telemetry::hosts_resting(resting(&hosts, now));
    }

    /// Another failure. Gives the rest that it leads to.
    fn fail(&self, name: &str, is_trial: bool, now: Instant) -> Option<Duration> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(name.to_owned()).or_insert_with(|| Host::new(now));
        host.seen = now;
        host.failures = host.failures.saturating_add(1);
        // While it rests only the one that was let through counts: the others began before.
        let opens = if host.rests_until.is_some() { is_trial } else { host.failures >= FAILURES };
        if !opens {
            return None;
        }
        let rest = self.first_rest.saturating_mul(1 << host.openings.min(16)).min(LONGEST_REST);
        host.openings = host.openings.saturating_add(1);
        host.rests_since.get_or_insert(now);
        host.rests_until = Some(now + rest);
        host.trial_since = None;
        host.turned_away = 0;
        telemetry::hosts_resting(resting(&hosts, now));
        Some(rest)
    }

    /// The one that was let through, if this is it, ended without having learnt anything.
    fn give_back(&self, gate: &Gate) {
        if !gate.is_trial {
            return;
        }
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get_mut(&gate.name) {
            host.trial_since = None;
        }
    }
}

impl Host {
    fn new(now: Instant) -> Self {
        Self {
            seen: now,
            failures: 0,
            openings: 0,
            rests_since: None,
            rests_until: None,
            trial_since: None,
            turned_away: 0,
        }
    }

    fn was_seen_within(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.seen) <= time
    }
}

impl Passage {
    /// The host has done something that was asked of it. Cheap; may be called often.
    pub(crate) fn reached(&self) {
        if !self.is_settled.swap(true, Ordering::Relaxed) {
            self.breakers.close(&self.host.name);
            self.breakers.close(&self.connector.name);
        }
    }

    /// It ended, with this error or well.
    pub(crate) fn end(self, error: Option<&Error>) {
        let verdict = error.map_or(Verdict::Works, verdict);
        match verdict {
            Verdict::Works => return self.reached(),
            Verdict::SaysNothing => return,
            Verdict::NoConnection | Verdict::NoSense => {}
        }
        if self.is_settled.swap(true, Ordering::Relaxed) {
            return;
        }
        let failed = if verdict == Verdict::NoConnection {
            self.breakers.give_back(&self.connector);
            &self.host
        } else {
            self.breakers.close(&self.host.name);
            &self.connector
        };
        let rest = self.breakers.fail(&failed.name, failed.is_trial, Instant::now());
        if let (Some(rest), Some(error)) = (rest, error) {
            telemetry::host_rests();
            log::host_rests(&failed.name, error, rest);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.is_settled.load(Ordering::Relaxed) {
            self.breakers.give_back(&self.host);
            self.breakers.give_back(&self.connector);
        }
    }
}

impl Rest {
    /// Whether something that is so old is given up. Age alone says nothing: it may have waited for its turn all the time, and
    /// a host that has begun to rest just now is not what it waited for.
    pub(crate) fn is_too_long(self, age: SignedDuration, policy: &RetryPolicy) -> bool {
        let patience = patience(policy);
        self.lasts > patience && SignedDuration::try_from(patience).is_ok_and(|patience| age > patience)
    }
}

/// How long something that waits for a host that does not work is kept.
fn patience(policy: &RetryPolicy) -> Duration {
    let pauses = (1..policy.max_attempts.min(10_000)).filter_map(|attempt| policy.pause_after(attempt, 1.0));
    pauses.fold(Duration::ZERO, Duration::saturating_add).max(PATIENCE)
}

/// What the end of an attempt says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The host can't be connected to, whoever tries.
    NoConnection,
    /// It was connected to, and then broke it off, fell silent or did not behave like an SSH server. That may be the
    /// account's doing.
    NoSense,
    /// It does what it is there for; where something is wrong, it is something else.
    Works,
    /// The error arose on our side.
    SaysNothing,
}

fn verdict(error: &Error) -> Verdict {
    use codes::deliver;
    let works = [
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
    let is_one_of = |all: &[&sealpost_core::error::Code]| all.iter().any(|code| error.is(code));
    if is_one_of(&[&deliver::UNKNOWN_HOST, &deliver::UNREACHABLE]) {
        Verdict::NoConnection
    } else if is_one_of(&[&deliver::TIMEOUT, &deliver::BROKEN, &deliver::PROTOCOL]) {
        Verdict::NoSense
    } else if is_one_of(&works) {
        Verdict::Works
    } else {
        Verdict::SaysNothing
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

fn resting(hosts: &HashMap<String, Host>, now: Instant) -> usize {
    hosts.values().filter(|host| host.rests_until.is_some() && host.was_seen_within(TOLD_OF, now)).count()
}
