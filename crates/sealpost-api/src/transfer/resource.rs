//! Amazon resource names: ours of connectors.

use sealpost_core::id::ConnectorId;

use super::call::Call;
use super::refusal::{Refusal, Result};
use super::state::TransferState;

/// The ARN of a connector.
pub(super) fn connector_arn(state: &TransferState, id: &ConnectorId) -> String {
    let settings = state.settings();
    format!("arn:aws:transfer:{}:{}:connector/{id}", settings.region, settings.account)
}

/// The connector that the member `Arn` names, and the ARN itself. What is no connector of ours is not found.
pub(super) fn connector_of_arn(call: &Call) -> Result<(ConnectorId, String)> {
    let input = call.input();
    let arn = input.required("Arn", 20..=1600)?;
    if !arn.starts_with("arn:") || arn.chars().any(char::is_whitespace) {
        return Err(input.pattern("Arn", r"arn:\S+"));
    }
    let id = arn.rsplit_once("connector/").and_then(|(_, id)| id.parse::<ConnectorId>().ok());
    match id {
        Some(id) if connector_arn(&call.state, &id) == arn => Ok((id, arn.to_owned())),
        _ => Err(Refusal::not_found("Connector", arn)),
    }
}
