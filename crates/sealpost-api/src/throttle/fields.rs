//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10): lists of structured fields (RFC 9651).

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use sealpost_pipeline::usage::QuotaStanding;

use super::plan::Standing;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Their names.
pub(crate) const NAMES: [HeaderName; 2] = [LIMIT, POLICY];
/// The name of the limit that all requests of a partner share.
const ALL: &str = "burst";

/// Bytes that a rate and a quota take, mostly.
const ROOM: usize = 96;

/// What one answer says about limits: the tighter one of the rates, and the quota.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    limit: String,
    policy: String,
}

impl Fields {
    /// The tighter of the two rates that concern a request. `operation` is its name and how it stands.
    pub(crate) fn of_rate(all: &Standing, operation: Option<(&str, &Standing)>) -> Self {
        let (name, tight) = operation.filter(|(_, one)| one.remaining <= all.remaining).unwrap_or((ALL, all));
        let mut fields = Self { limit: String::with_capacity(ROOM), policy: String::with_capacity(ROOM) };
        let window = seconds(tight.window).max(1);
        fields.add(name, u64::from(tight.limit.burst), window, tight.remaining, seconds(tight.full_in));
        fields
    }

    /// Adds the quota.
    pub(crate) fn add_quota(&mut self, standing: &QuotaStanding, now: Timestamp) {
        let window = standing.window.end.duration_since(standing.window.start).unsigned_abs();
        let left = standing.window.end.duration_since(now).unsigned_abs();
        let name = standing.quota.period.as_str();
        self.add(name, standing.quota.limit, seconds(window), standing.remaining(), seconds(left));
    }

    fn add(&mut self, name: &str, quota: u64, window: u64, remaining: u64, reset: u64) {
        let comma = if self.limit.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        write!(self.policy, "{comma}\"{name}\";q={quota};w={window}").unwrap_or_default();
        write!(self.limit, "{comma}\"{name}\";r={remaining};t={reset}").unwrap_or_default();
    }

    /// Writes them to an answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, text) in [(LIMIT, &self.limit), (POLICY, &self.policy)] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whole seconds, rounded up: who waits that long has waited long enough.
pub(super) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use sealpost_core::usage::{Period, Quota, RateLimit};

    use super::super::bucket::Bucket;
    use super::super::plan::Plans;
    use super::*;

    #[test]
    fn the_tighter_rate_and_the_quota_are_told() {
        let mut limits = sealpost_core::partner::PartnerLimits {
            rate: RateLimit { per_second: 100.0, burst: 150 },
            ..Default::default()
        };
        let (plans, now) = (Plans::default(), Instant::now());
        let acme = "acme".parse().expect("an id");
        let (_, taken) = plans.take(&acme, &limits, "POST /v1/reports", now);
        let mut fields = Fields::of_rate(&taken.all, None);
        let noon = "2026-01-31T12:00:00Z".parse().expect("an instant");
        let quota = Quota { limit: 1000, period: Period::Day };
        fields.add_quota(&QuotaStanding { quota, window: Period::Day.window(noon), used: 10 }, noon);
        assert_eq!(fields.policy, r#""burst";q=150;w=2, "day";q=1000;w=86400"#);
        assert_eq!(fields.limit, r#""burst";r=149;t=1, "day";r=990;t=43200"#);

        limits.methods.insert("POST /v1/reports".to_owned(), RateLimit { per_second: 0.5, burst: 2 });
        let (_, taken) = plans.take(&acme, &limits, "POST /v1/reports", now);
        let fields = Fields::of_rate(&taken.all, taken.operation.as_ref().map(|one| ("POST /v1/reports", one)));
        let mut headers = HeaderMap::new();
        fields.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""POST /v1/reports";q=2;w=4"#);
        assert_eq!(headers["ratelimit"], r#""POST /v1/reports";r=1;t=2"#);
        assert_eq!(Bucket::full(RateLimit::default(), now).remaining(now), 200);
    }
}
