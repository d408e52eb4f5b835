//! A check: the service's connector, and its own `TestConnection`.

use std::time::Instant;

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Failure};
use sealpost_core::port::CheckStep;

use super::find::find;
use super::shapes::{Named, Tested};
use super::wanted::can_do;
use super::{AwsTransfer, failure};

/// Steps `service`, `host_key` where the service tells one, and `login`. Without an approved host key the connector is made all
/// the same: it is how the service shows the key.
pub(super) async fn check(engine: &AwsTransfer, connector: &Connector) -> Vec<CheckStep> {
    let mut steps = Vec::new();
    let begun = Instant::now();
    let found = match can_do(&connector.settings) {
        Ok(()) => find(engine, connector, false).await,
        Err(error) => Err(error),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            steps.push(step("service", String::new(), begun, Some(&error)));
            return steps;
        }
    };
    steps.push(step("service", found.arn.clone(), begun, None));
    let begun = Instant::now();
    let tested = match engine.call::<_, Tested>("TestConnection", &Named { connector_id: &found.id }).await {
        Ok(tested) => tested,
        Err(fault) => {
            steps.push(step("login", String::new(), begun, Some(&failure::of_fault(&fault))));
            return steps;
        }
    };
    let message = failure::plain(tested.status_message.as_deref().unwrap_or_default());
    if let Some(key) = tested.sftp_connection_details.and_then(|details| details.host_key) {
        let kind = key.split_whitespace().next().unwrap_or_default().to_owned();
        steps.push(CheckStep { host_key: Some(key), ..step("host_key", kind, begun, None) });
    }
    // It answers a failed test with a success that says so.
    let error = (tested.status != "OK").then(|| Error::new(failure::of_message(&message), message.clone()));
    steps.push(step("login", message, begun, error.as_ref()));
    steps
}

fn step(name: &str, detail: String, begun: Instant, error: Option<&Error>) -> CheckStep {
    CheckStep {
        step: name.to_owned(),
        detail,
        elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        failure: error.map(Failure::from),
        host_key: None,
    }
}
