//! A call whose caller is known and may make it.

use sealpost_core::access_key::AccessKey;
use sealpost_core::id::ConnectorId;
use sealpost_core::secret::Secret;
use sealpost_core::transfer::TransferConnector;
use serde_json::{Map, Value as Json};

use super::extensions::Extensions;
use super::members::Members;
use super::operations::Operation;
use super::refusal::{Refusal, Result};
use super::state::TransferState;

/// The pattern of connector ids.
const CONNECTOR_ID: &str = "c-([0-9a-f]{17})";

/// One call of an operation.
pub(super) struct Call {
    pub(super) state: TransferState,
    pub(super) operation: &'static Operation,
    pub(super) caller: AccessKey,
    /// The secret half of the caller's key: what its next tokens are bound with.
    pub(super) secret: Secret,
    pub(super) body: Map<String, Json>,
    pub(super) extensions: Extensions,
}

impl Call {
    /// The request.
    pub(super) fn input(&self) -> Members<'_> {
        Members::of(&self.body)
    }

    /// The member `ConnectorId`.
    pub(super) fn connector_id(&self) -> Result<ConnectorId> {
        let input = self.input();
        let text = input.required("ConnectorId", 19..=19)?;
        text.parse().map_err(|_| input.pattern("ConnectorId", CONNECTOR_ID))
    }

    /// The connector that the member `ConnectorId` names.
    pub(super) async fn connector(&self) -> Result<TransferConnector> {
        let id = self.connector_id()?;
        self.find_connector(&id).await
    }

    /// The connector of this id.
    pub(super) async fn find_connector(&self, id: &ConnectorId) -> Result<TransferConnector> {
        self.state.pipeline.transfer_connector(id).await?.ok_or_else(|| no_connector(id))
    }

    /// `MaxResults`; the most when not given.
    pub(super) fn max_results(&self) -> Result<u32> {
        Ok(self.input().integer("MaxResults", 1..=1000)?.unwrap_or(1000))
    }
}

/// There is no such connector.
pub(super) fn no_connector(id: &ConnectorId) -> Refusal {
    Refusal::not_found("Connector", id.as_str())
}

/// Refuses to change a connector that belongs to a partner.
pub(super) fn check_is_ours(connector: &TransferConnector) -> Result<()> {
    match &connector.partner {
        None => Ok(()),
        Some(partner) => Err(Refusal::conflict(format!(
            "Connector {} belongs to partner {partner}: it is changed with that partner's files or by the partner, not here.",
            connector.id
        ))),
    }
}
