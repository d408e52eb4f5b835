//! A check: the service's connector, and its own `TestConnection`.

use std::time::Instant;

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Failure, Result};
use sealpost_core::port::CheckStep;

use super::find::find;
use super::shapes::{Named, Tested};
use super::wanted::can_do;
use super::{AwsTransfer, failure, trust};

/// Steps `service`, `host_key` where the service tells one, and `login`. Without an approved host key the connector is made all
/// the same: it is how the service shows the key. A key that nobody approved is the end, as everywhere.
pub(super) async fn check(engine: &AwsTransfer, connector: &Connector) -> Vec<CheckStep> {
    let mut steps = Vec::new();
    let settings = &connector.settings;
    let begun = Instant::now();
    let found = async {
        can_do(settings)?;
        let found = find(engine, connector, false).await?;
        // The service logs in for a test too: not where somebody is trusted whom nobody approved.
        trust::hold(engine, connector, &found, false).await?;
        Ok(found)
    };
    let found: Result<_> = found.await;
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            steps.push(step("service", String::new(), begun, Some(&error)));
            return steps;
        }
    };
    // Not its ARN, which names the operator's account: partners test, too.
    steps.push(step("service", found.id.clone(), begun, None));
    let begun = Instant::now();
    let tested = match engine.call::<_, Tested>("TestConnection", &Named { connector_id: &found.id }).await {
        Ok(tested) => tested,
        Err(fault) => {
            steps.push(step("login", String::new(), begun, Some(&failure::of_fault(&fault))));
            return steps;
        }
    };
    let message = failure::plain(tested.status_message.as_deref().unwrap_or_default());
    // It answers a failed test with a success that says so.
    let is_well = tested.status == "OK";
    if let Some(key) = tested.sftp_connection_details.and_then(|details| details.host_key) {
        let judged = trust::judge(settings, &key, is_well);
        let error = judged.as_ref().err().cloned();
        let detail = judged.unwrap_or_else(|error| error.detail().to_owned());
        steps.push(CheckStep { host_key: Some(key), ..step("host_key", detail, begun, error.as_ref()) });
        if error.is_some() {
            return steps;
        }
    }
    let error = (!is_well).then(|| Error::new(failure::of_message(&message), message.clone()));
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
