//! Usage plans: how many requests a partner may make, at once, over time, and in a calendar period.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A token bucket: it holds `burst` requests and fills at `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests per second that it fills with; more than 0, at most 100,000. Less than one is one every few seconds.
    pub per_second: f64,
    /// Most requests at once; 1 to 100,000.
    pub burst: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 100.0, burst: 200 }
    }
}

/// Most requests in a calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests.
    pub limit: u64,
    /// In each of these.
    pub period: Period,
}

/// A calendar period, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday's midnight.
    Week,
    /// From the first day's midnight.
    Month,
}

impl Period {
    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The window that `now` lies in.
    #[must_use]
    pub fn window(self, now: Timestamp) -> UsageWindow {
        let today = now.to_zoned(TimeZone::UTC).date();
        let first = match self {
            Self::Day => today,
            Self::Week => today.saturating_sub(i64::from(Weekday::Monday.until(today.weekday())).days()),
            Self::Month => today.first_of_month(),
        };
        let next = match self {
            Self::Day => first.saturating_add(1.day()),
            Self::Week => first.saturating_add(7.days()),
            Self::Month => first.saturating_add(1.month()),
        };
        UsageWindow { period: self, start: midnight(first), end: midnight(next) }
    }
}

fn midnight(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// One period of time in which requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UsageWindow {
    /// Of which kind.
    pub period: Period,
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_calendar_in_utc() {
        for (now, period, start, end) in [
            ("2026-11-22T18:00:00Z", Period::Day, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("2026-11-22T18:00:00Z", Period::Week, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("2026-11-23T00:00:00Z", Period::Week, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            ("2026-12-31T23:59:59Z", Period::Month, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            let window = period.window(now.parse().expect("an instant"));
            assert_eq!((window.start.to_string(), window.end.to_string()), (start.to_owned(), end.to_owned()), "{now}");
        }
    }
}
