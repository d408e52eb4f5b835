//! Keys of tokens' issuers, renewed while an event is answered: between events Lambda stops the process, and whatever would renew them in
//! the background.

use std::time::Duration;

use sealpost_identity::Issuers;
use serde_json::Value as Json;

/// How long an event waits for an issuer that did not answer the last time, whose callers' keys may be here. A token whose keys are
/// not here waits for them where it is verified.
const PATIENCE: Duration = Duration::from_millis(250);

/// Renews the keys that are due, where the event may be a token's.
pub(super) async fn renew_keys(issuers: &Issuers, event: &Json) {
    if has_token(event) {
        issuers.refresh_if_due(PATIENCE).await;
    }
}

/// Whether an access token stands where events have one: in the headers, or as what an authorizer looks at.
fn has_token(event: &Json) -> bool {
    let headers = ["headers", "multiValueHeaders"].into_iter().filter_map(|name| event[name].as_object()).flatten();
    let credentials = headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, value)| value);
    credentials.chain([&event["authorizationToken"], &event["identitySource"]]).any(names_token)
}

fn names_token(value: &Json) -> bool {
    // Payload 1.0 of HTTP APIs joins what an authorizer looks at by commas. A JWT has three parts (RFC 7515, section 3.1).
    let is_token = |word: &str| word.bytes().filter(|byte| *byte == b'.').count() == 2;
    match value {
        Json::Array(values) => values.iter().any(names_token),
        Json::String(text) => text.split([' ', ',']).any(is_token),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_found_wherever_events_have_them_and_keys_are_none() {
        for event in [
            json!({"headers": {"Authorization": "Bearer a.b.c"}}),
            json!({"headers": null, "multiValueHeaders": {"authorization": ["a.b.c"]}}),
            json!({"authorizationToken": "bearer a.b.c"}),
            json!({"identitySource": ["GET /v1/reports", "a.b.c"]}),
            json!({"identitySource": "192.0.2.1,Bearer a.b.c"}),
        ] {
            assert!(has_token(&event), "{event}");
        }
        for event in [
            json!({}),
            json!({"headers": {"authorization": "Bearer sp_abcdefghijkm_x", "host": "a.example.com"}}),
            json!({"headers": {"x-api-key": "sp_abcdefghijkm_x"}, "identitySource": ["sp_abcdefghijkm_x", "192.0.2.1"]}),
        ] {
            assert!(!has_token(&event), "{event}");
        }
    }
}
