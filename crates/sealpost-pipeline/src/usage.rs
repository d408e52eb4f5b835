//! Usage plans, as far as they reach beyond one process: quotas, and what a partner's limits may say.

mod quota;

use sealpost_core::error::FieldError;
use sealpost_core::partner::PartnerLimits;
use sealpost_core::usage::RateLimit;

pub use quota::{QuotaStanding, Quotas, Taken};

/// Most requests per second, and most at once, that a limit may allow.
const MOST: u32 = 100_000;

/// Operations of the partners' API that a limit of their own may be set for, as its document names them. A test of
/// `sealpost-api` holds the two together.
pub const OPERATIONS: &[&str] = &[
    "GET /v1/report-types",
    "GET /v1/report-types/{id}",
    "GET /v1/report-types/{id}/schema.xsd",
    "GET /v1/reports",
    "POST /v1/reports",
    "POST /v1/reports:preview",
    "GET /v1/reports/{id}",
    "DELETE /v1/reports/{id}",
    "GET /v1/reports/{id}/events",
    "GET /v1/reports/{id}/file",
    "GET /v1/reports/{id}/timeline",
    "GET /v1/reports/{id}/deliveries",
    "POST /v1/reports/{id}/deliveries",
    "GET /v1/usage",
    "GET /v1/keys",
    "POST /v1/keys",
    "GET /v1/keys/{id}",
    "DELETE /v1/keys/{id}",
    "POST /v1/keys/{id}:challenge",
    "POST /v1/keys/{id}:prove",
    "GET /v1/destinations",
    "POST /v1/destinations",
    "GET /v1/destinations/{id}",
    "PUT /v1/destinations/{id}",
    "DELETE /v1/destinations/{id}",
    "POST /v1/destinations/{id}:test",
    "POST /v1/destinations/{id}/host-keys",
    "DELETE /v1/destinations/{id}/host-keys",
    "GET /v1/api-keys",
    "POST /v1/api-keys",
    "DELETE /v1/api-keys/{id}",
    "POST /v1/api-keys/{id}:rotate",
    "GET /v1/changes",
    "GET /v1/changes/{id}",
    "DELETE /v1/changes/{id}",
    "GET /v1/webhooks",
    "POST /v1/webhooks",
    "GET /v1/webhooks/{id}",
    "PATCH /v1/webhooks/{id}",
    "DELETE /v1/webhooks/{id}",
    "POST /v1/webhooks/{id}:ping",
    "POST /v1/webhooks/{id}:rotate-secret",
    "POST /v1/webhooks/{id}:replay-failed",
    "GET /v1/webhooks/{id}/notifications",
    "POST /v1/webhooks/{id}/notifications/{notification}:replay",
];

/// Everything that is wrong with a partner's limits, below `/limits` of its document.
#[must_use]
pub fn check_limits(limits: &PartnerLimits) -> Vec<FieldError> {
    let mut problems = Vec::new();
    check_rate("/limits/rate", &limits.rate, &mut problems);
    for (operation, limit) in &limits.methods {
        // RFC 6901: `~` and `/` are escaped in a pointer.
        let place = format!("/limits/methods/{}", operation.replace('~', "~0").replace('/', "~1"));
        if !OPERATIONS.contains(&operation.as_str()) {
            let detail = format!("not an operation of the partners' API; known are {}", OPERATIONS.join(", "));
            problems.push(FieldError::new(&place, detail));
        }
        check_rate(&place, limit, &mut problems);
    }
    problems
}

fn check_rate(place: &str, limit: &RateLimit, problems: &mut Vec<FieldError>) {
    let RateLimit { per_second, burst } = *limit;
    // Not a number is in no range.
    if !(per_second > 0.0 && per_second <= f64::from(MOST)) {
        let detail = format!("expected more than 0 and at most {MOST}");
        problems.push(FieldError::new(format!("{place}/per_second"), detail));
    }
    if !(1..=MOST).contains(&burst) {
        problems.push(FieldError::new(format!("{place}/burst"), format!("expected 1 to {MOST}")));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn limits_are_checked_with_pointers() {
        let rate = |per_second, burst| RateLimit { per_second, burst };
        let limits = |rate, methods: &[(&str, RateLimit)]| PartnerLimits {
            rate,
            methods: methods.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect::<BTreeMap<_, _>>(),
            ..PartnerLimits::default()
        };
        let places = |limits: &PartnerLimits| -> Vec<String> {
            check_limits(limits).into_iter().map(|problem| problem.pointer).collect()
        };
        assert!(check_limits(&PartnerLimits::default()).is_empty());
        assert!(check_limits(&limits(rate(0.01, 1), &[("POST /v1/reports", rate(100_000.0, 100_000))])).is_empty());
        for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY, 100_001.0] {
            assert_eq!(places(&limits(rate(per_second, 1), &[])), ["/limits/rate/per_second"], "{per_second}");
        }
        assert_eq!(places(&limits(rate(1.0, 0), &[])), ["/limits/rate/burst"]);
        let unknown = limits(rate(1.0, 1), &[("POST /v1/everything", rate(1.0, 100_001))]);
        assert_eq!(
            places(&unknown),
            ["/limits/methods/POST ~1v1~1everything", "/limits/methods/POST ~1v1~1everything/burst"]
        );
    }
}
