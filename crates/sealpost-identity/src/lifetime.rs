//! When a token is valid: `exp`, `nbf`, `iat` (RFC 7519 sections 4.1.4 to 4.1.6).

use jiff::Timestamp;
use sealpost_core::error::Result;
use serde_json::{Map, Value};

use crate::refusal::refused;

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// The year 9999's last second: what lies after it is no date but a trick.
const LATEST: i64 = 253_402_300_799;

/// Checks the times and returns when the token expires.
pub(crate) fn check(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp> {
    let now = now.as_second();
    let Some(expires) = seconds(claims, "exp")? else {
        return Err(refused("it says not when it expires (`exp`)"));
    };
    if now >= expires + LEEWAY {
        return Err(refused(format!("it expired {} s ago", now - expires)));
    }
    if let Some(begins) = seconds(claims, "nbf")?.filter(|begins| now < begins - LEEWAY) {
        return Err(refused(format!("it is not valid yet: it begins (`nbf`) in {} s", begins - now)));
    }
    if let Some(issued) = seconds(claims, "iat")?.filter(|issued| now < issued - LEEWAY) {
        return Err(refused(format!("it was issued (`iat`) {} s in the future; compare the clocks", issued - now)));
    }
    Timestamp::from_second(expires).map_err(|_| refused("its `exp` is not a time"))
}

/// A `NumericDate` (RFC 7519 section 2): seconds since 1970, fractions allowed.
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    #[expect(clippy::cast_possible_truncation, reason = "an `as` of a float saturates, and the range is checked next")]
    let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
    match whole {
        Some(seconds) if (0..=LATEST).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(refused(format!("its `{name}` is not a time in seconds since 1970"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn at_now(claims: &Value) -> Result<Timestamp, String> {
        let now = Timestamp::from_second(NOW).unwrap();
        check(claims.as_object().unwrap(), now).map_err(|error| error.detail().to_owned())
    }

    #[test]
    fn clocks_may_be_a_minute_apart() {
        assert_eq!(at_now(&json!({"exp": NOW + 5})).unwrap().as_second(), NOW + 5);
        at_now(&json!({"exp": NOW - 59, "nbf": NOW + 60, "iat": NOW + 60})).unwrap();
        at_now(&json!({"exp": NOW as f64 + 0.5})).unwrap();
        assert_eq!(at_now(&json!({"exp": NOW - 60})).unwrap_err(), "it expired 60 s ago");
        assert!(at_now(&json!({"exp": NOW + 99, "nbf": NOW + 61})).unwrap_err().contains("in 61 s"));
        assert!(at_now(&json!({"exp": NOW + 99, "iat": NOW + 61})).unwrap_err().contains("61 s in the future"));
    }

    #[test]
    fn what_is_no_time_is_refused_wherever_it_stands() {
        for value in
            [json!(null), json!("1900000000"), json!(true), json!([1]), json!(-1), json!(1e300), json!(u64::MAX)]
        {
            for name in ["exp", "nbf", "iat"] {
                let mut claims = json!({"exp": NOW + 99});
                claims[name] = value.clone();
                assert!(at_now(&claims).unwrap_err().contains(name), "{name} {value}");
            }
        }
        assert!(at_now(&json!({})).unwrap_err().contains("exp"));
    }
}
