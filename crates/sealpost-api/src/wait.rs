//! Waiting for a change instead of asking again and again: `Prefer: wait=N` (RFC 7240, section 4.3).
//!
//! Who waits costs no reading of the ledger: there is one watcher for each report (`sealpost_pipeline::watch`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use sealpost_core::id::{JobId, PartnerId};
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::seats::{self, Seats};
use sealpost_pipeline::watch::Snapshot;

use crate::edge::Trail;
use crate::serve::Stopping;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(25);
/// When every wait has ended, counted from the request's begin: a body that came slowly, or a full ledger, was waited for
/// before. It leaves time to look once more within the 29 seconds that API Gateway, and so our edge, gives an endpoint.
const ENDS_AFTER: Duration = Duration::from_secs(26);
/// When that look has ended, counted the same way: the answer comes within the 29 seconds, whatever the ledger does.
const LOOKS_UNTIL: Duration = Duration::from_secs(28);
/// Clients of one partner that wait at the same time, event streams included.
const SEATS: usize = 50;
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Who waits.
#[derive(Clone)]
pub(crate) struct Waiting(Seats);

impl Default for Waiting {
    fn default() -> Self {
        Self(Seats::new(SEATS, usize::MAX))
    }
}

impl Waiting {
    /// A seat to wait in, as long as the partner has one left. `how` is for the metric.
    pub(crate) fn seat(&self, partner: &PartnerId, how: &'static str) -> Option<Seat> {
        let own = self.0.take(partner).ok()?;
        metrics::gauge!("sealpost_waiting_clients", "how" => how).increment(1);
        Some(Seat { _own: own, how })
    }
}

/// A place to wait in; free again when dropped.
pub(crate) struct Seat {
    _own: seats::Seat,
    how: &'static str,
}

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::gauge!("sealpost_waiting_clients", "how" => self.how).decrement(1);
    }
}

/// How long the caller wants to wait, and what ends that early.
pub(crate) struct Patience {
    asked: Option<Duration>,
    trail: Trail,
    stopping: Option<Stopping>,
}

impl<S: Send + Sync> FromRequestParts<S> for Patience {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let stopping = parts.extensions.get::<Stopping>().cloned();
        let trail = parts.extensions.get::<Trail>().cloned().unwrap_or_default();
        Ok(Self { asked: preference(&parts.headers), trail, stopping })
    }
}

impl Patience {
    /// Whether the caller wants to wait at all.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// How long the ledger may be asked once more.
    pub(crate) fn left(&self) -> Duration {
        LOOKS_UNTIL.saturating_sub(self.trail.elapsed())
    }

    /// Waits until `wanted` holds for the report, and gives it as it is then. `None` where that did not happen in time.
    /// Second: the header that says how long the wait could have been; none where there was no seat.
    pub(crate) async fn until(
        &self,
        pipeline: &Pipeline,
        waiting: &Waiting,
        partner: &PartnerId,
        id: &JobId,
        wanted: impl FnMut(&Snapshot) -> bool,
    ) -> (Option<Arc<Snapshot>>, Option<Applied>) {
        let Some(asked) = self.asked else { return (None, None) };
        let longest = within(asked, self.trail.elapsed());
        let Some(_seat) = waiting.seat(partner, "wait") else { return (None, None) };
        let mut following = pipeline.follow(id);
        let found = tokio::select! {
            found = following.until(wanted) => Some(found),
            () = tokio::time::sleep(longest) => None,
            // Whoever waits gets the answer of now, and asks the next process.
            () = cancelled(self.stopping.as_ref()) => None,
        };
        (found, Some(Applied(longest)))
    }
}

/// `Preference-Applied`.
pub(crate) struct Applied(Duration);

impl Applied {
    /// Writes it to an answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&format!("wait={}", self.0.as_secs())) {
            headers.insert(PREFERENCE_APPLIED, value);
        }
    }
}

/// Completes when the listener stops; never without one.
pub(crate) async fn cancelled(stopping: Option<&Stopping>) {
    match stopping {
        Some(Stopping(stopping)) => stopping.cancelled().await,
        None => std::future::pending().await,
    }
}

/// What is left of a wait that is asked for when the request has taken so long before it.
fn within(asked: Duration, elapsed: Duration) -> Duration {
    asked.min(ENDS_AFTER.saturating_sub(elapsed))
}

/// The wait that `Prefer` asks for, at most [`LONGEST`]. The first one counts; what makes no sense is overlooked, as are
/// preferences that we don't know (RFC 7240, section 2).
fn preference(headers: &HeaderMap) -> Option<Duration> {
    let lists = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut waits = lists.flat_map(|list| list.split(',')).filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').to_owned())
    });
    let seconds: u64 = waits.next()?.parse().ok().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_found_among_other_preferences() {
        let wait = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(PREFER, HeaderValue::from_static(value));
            }
            preference(&headers).map(|wait| wait.as_secs())
        };
        for (values, expected) in [
            (&["wait=10"][..], Some(10)),
            (&["respond-async, WAIT = 10"], Some(10)),
            (&["return=minimal; wait=3"], None),
            (&["respond-async", "wait=\"7\"; x=y"], Some(7)),
            (&["wait=3, wait=9"], Some(3)),
            (&["wait=100000"], Some(25)),
            (&["wait=0"], None),
            (&["wait=-1"], None),
            (&["wait=soon"], None),
            (&["wait"], None),
            (&["wait=99999999999999999999999"], None),
            (&[], None),
        ] {
            assert_eq!(wait(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_wait_ends_before_the_edge_gives_up() {
        let wait = |asked, elapsed| within(Duration::from_secs(asked), Duration::from_secs(elapsed)).as_secs();
        assert_eq!([wait(25, 0), wait(25, 9), wait(10, 9), wait(5, 28)], [25, 17, 10, 0]);
    }

    #[test]
    fn a_partner_has_so_many_seats_however_it_waits() {
        let waiting = Waiting::default();
        let (acme, globex) = ("acme".parse().expect("an id"), "globex".parse().expect("an id"));
        let mut taken: Vec<_> = (0..SEATS).map(|_| waiting.seat(&acme, "wait").expect("a seat")).collect();
        assert!(waiting.seat(&acme, "events").is_none());
        assert!(waiting.seat(&globex, "wait").is_some());
        taken.pop();
        assert!(waiting.seat(&acme, "wait").is_some());
    }
}
