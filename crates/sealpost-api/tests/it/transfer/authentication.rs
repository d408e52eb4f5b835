//! Who may call: signatures, keys, roles, clocks, replays, rates.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_api::transfer::TransferLimits;
use sealpost_core::access_key::AccessRole;
use sealpost_core::usage::RateLimit;
use sealpost_pipeline::TransferSettings;
use serde_json::json;

use super::rig::{Rig, generous};

#[tokio::test(flavor = "multi_thread")]
async fn only_signed_requests_are_believed_and_roles_say_what_they_may() {
    let rig = Rig::start().await;
    let (revoked, secret) = rig.pipeline.issue_access_key(AccessRole::Admin, "revoked", None).await.unwrap();
    rig.pipeline.revoke_access_key(&revoked.id).await.unwrap();
    // Time enough to issue it: one that would have expired already is refused.
    let soon = Timestamp::now() + Duration::from_secs(2);
    let (expired, other) = rig.pipeline.issue_access_key(AccessRole::Admin, "expired", Some(soon)).await.unwrap();
    while Timestamp::now() <= soon {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let further = json!({"old_keys": [
        [revoked.id, secret.expose_text().unwrap()],
        [expired.id, other.expose_text().unwrap()],
    ]});
    rig.run("authentication.py", further).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_change_can_not_be_sent_again() {
    let rig = Rig::start().await;
    rig.run("replay.py", json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_tests_and_guesses_have_a_rate() {
    let slow = RateLimit { per_second: 0.01, burst: 5 };
    let tests = RateLimit { per_second: 0.01, burst: 1 };
    let limits = TransferLimits { rate: slow, tests, ..generous() };
    let rig = Rig::with(limits, TransferSettings::default()).await;
    rig.run("rates.py", json!({"what": "calls"})).await;
    let limits = TransferLimits { failed_attempts: slow, ..generous() };
    let rig = Rig::with(limits, TransferSettings::default()).await;
    rig.run("rates.py", json!({"what": "guesses"})).await;
}
