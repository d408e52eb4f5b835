//! Limits of bytes per second: one for everything that a transport carries, one for each connector.
//!
//! A bucket keeps only the time at which it will be empty of debt. Whoever takes bytes puts their time on top and waits
//! until those before it have been paid for. So the order is that of asking: a connection that asks for one packet at a
//! time gets its turn between the packets of all others, and a fast one can't starve a slow one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sealpost_core::connector::Connector;
use sealpost_core::id::ConnectorId;
use tokio::time::{Instant, sleep_until};

/// What may be saved up while nothing is sent, as time: long enough that timers' coarseness loses nothing.
const SAVED: Duration = Duration::from_millis(100);

/// All limits of a transport.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// For everything.
    all: Option<Arc<Bucket>>,
    /// Those of connectors that have one.
    connectors: Mutex<HashMap<ConnectorId, Arc<Bucket>>>,
}

/// The limits of one connector's traffic. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Limiter {
    connector: Option<Arc<Bucket>>,
    all: Option<Arc<Bucket>>,
}

impl Limits {
    /// With a limit for everything; 0 is none.
    pub(super) fn of_all(bytes_per_second: u64) -> Self {
        let all = (bytes_per_second > 0).then(|| Arc::new(Bucket::new(bytes_per_second)));
        Self { all, connectors: Mutex::default() }
    }

    /// What holds for a connector, as its settings are now. All its connections share it.
    pub(super) fn of(&self, connector: &Connector) -> Limiter {
        let mut known = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rate) = connector.settings.network.bytes_per_second.filter(|rate| *rate > 0) else {
            known.remove(&connector.id);
            return Limiter { connector: None, all: self.all.clone() };
        };
        let bucket = known.entry(connector.id.clone()).or_insert_with(|| Arc::new(Bucket::new(rate)));
        bucket.set_rate(rate);
        Limiter { connector: Some(Arc::clone(bucket)), all: self.all.clone() }
    }
}

impl Limiter {
    /// Waits until `bytes` may be sent or received. Costs nothing where there is no limit. Not to be counted as the
    /// server's silence.
    pub(super) async fn take(&self, bytes: u32) {
        for bucket in [&self.connector, &self.all].into_iter().flatten() {
            bucket.take(bytes).await;
        }
    }

    /// Whether there is no limit.
    #[cfg(test)]
    fn is_unlimited(&self) -> bool {
        self.connector.is_none() && self.all.is_none()
    }
}

/// A token bucket.
#[derive(Debug)]
struct Bucket(Mutex<State>);

#[derive(Debug)]
struct State {
    bytes_per_second: u64,
    /// When all that was taken will have been paid for; in the past where time has been saved up.
    paid: Instant,
}

impl Bucket {
    fn new(bytes_per_second: u64) -> Self {
        Self(Mutex::new(State { bytes_per_second, paid: Instant::now() }))
    }

    fn set_rate(&self, bytes_per_second: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes_per_second = bytes_per_second;
    }

    async fn take(&self, bytes: u32) {
        let turn = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = state.paid.max(now.checked_sub(SAVED).unwrap_or(now));
            // `as` is exact enough: the error is far below a nanosecond per byte.
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            let price = Duration::from_secs_f64(f64::from(bytes) / state.bytes_per_second.max(1) as f64);
            state.paid = turn + price;
            turn
        };
        if turn > Instant::now() {
            sleep_until(turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use sealpost_core::connector::ConnectorSettings;

    use super::*;

    fn connector(name: &str, rate: Option<u64>) -> Connector {
        let partner = "acme".parse().expect("a partner's id");
        let mut settings = ConnectorSettings::new("sftp.example", 22, "reports");
        settings.network.bytes_per_second = rate;
        Connector { id: ConnectorId::of(&partner, name), partner, name: name.to_owned(), settings, candidates: vec![] }
    }

    /// Takes `packets` of 1,000 bytes; how long that took.
    async fn carry(limiter: Limiter, packets: u32) -> Duration {
        let begun = Instant::now();
        for _ in 0..packets {
            limiter.take(1_000).await;
        }
        begun.elapsed()
    }

    /// Whether a time is that of so many seconds, but for what may be saved up, a few packets, and the milliseconds of timers.
    fn is_about(took: Duration, seconds: f64) -> bool {
        (seconds - 0.4..=seconds + 0.05).contains(&took.as_secs_f64())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connectors_limit_holds_over_all_its_connections() {
        let limits = Limits::default();
        let slow = connector("main", Some(10_000));
        let (one, two) = tokio::join!(carry(limits.of(&slow), 50), carry(limits.of(&slow), 50));
        assert!(is_about(one, 10.0) && is_about(two, 10.0), "{one:?} {two:?}");
        // Others are not slowed down.
        assert_eq!(carry(limits.of(&connector("other", None)), 1_000).await, Duration::ZERO);
        assert!(limits.of(&connector("main", None)).is_unlimited());
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_of_all_is_shared_evenly() {
        let limits = Limits::of_all(100_000);
        let (first, second) = (connector("first", None), connector("second", None));
        let (one, two) = tokio::join!(carry(limits.of(&first), 500), carry(limits.of(&second), 500));
        assert!(is_about(one, 10.0) && is_about(two, 10.0), "{one:?} {two:?}");
        // One with a limit of its own leaves the rest to the other.
        let slow = connector("slow", Some(1_000));
        let (one, two) = tokio::join!(carry(limits.of(&slow), 10), carry(limits.of(&first), 990));
        assert!(is_about(one, 9.05) && is_about(two, 10.0), "{one:?} {two:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn idleness_is_not_saved_up_and_a_new_rate_holds_at_once() {
        let limits = Limits::default();
        let limiter = limits.of(&connector("main", Some(1_000)));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert!(is_about(carry(limiter.clone(), 10).await, 9.0));
        tokio::time::sleep(Duration::from_secs(1)).await;
        limits.of(&connector("main", Some(10_000)));
        assert!(is_about(carry(limiter, 100).await, 10.0));
    }
}
