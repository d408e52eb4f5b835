//! AWS Transfer Family's connectors as the engine: the service reads the stored file itself and sends it.
//!
//! ```text
//!   connector (found by tag, or made) ─▶ StartFileTransfer ─▶ intent in the ledger ─▶ results until COMPLETED ─▶ receipt
//! ```
//!
//! Starting is not idempotent there. What was started is recorded before it is followed, and an attempt that finds such a
//! record follows it. None follows for longer than a while: then it ends with `SP-DELIVER-030`, which is no failure, and the
//! next one goes on, so that nobody has to wait here for what may take hours, and a function can't. Who hears of the result
//! elsewhere, by an event, hurries the next attempt. A lost answer, or a crash between the answer and the record, sends the
//! same bytes under the same name once more; our own transfer API, which can be called as well, closes that gap with its
//! idempotency token: it is recorded before the start is asked for, and asked with until there is an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use schemars::JsonSchema;
use sealpost_aws::{Fault, Repeat, TRANSFER};
use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::{
    CheckStep, EntrySink, Established, Listed, RemoteEntry, Retrieval, Retrieved, SecretStore, Shipment, Traces,
    Transport,
};
use sealpost_core::receipt::Receipt;
use sealpost_core::secret::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aws::{AwsSettings, Caller};

pub use record::recorded_transfer;

mod check;
mod failure;
mod find;
mod follow;
mod record;
mod send;
mod shapes;
mod trust;
mod wanted;

/// Settings of this engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AwsTransferSettings {
    /// How Transfer Family is called. An address of our own transfer API works as well.
    pub aws: AwsSettings,
    /// The role that connectors made by us get: it reads the store's bucket and the connector's secret. Needed unless every
    /// connector names its `aws_connector`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_role: Option<String>,
    /// The role that their logs are written with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_role: Option<String>,
    /// How many seconds an attempt asks for the result of a transfer that goes on, before it leaves that to the next one; 60.
    pub follow_s: u64,
    /// After how many seconds without a result a delivery fails with `SP-DELIVER-031`; 68400, which is 19 hours: the service lets a
    /// file wait for 6 and be under way for 12.
    pub follow_deadline_s: u64,
}

impl Default for AwsTransferSettings {
    fn default() -> Self {
        Self {
            aws: AwsSettings::default(),
            access_role: None,
            logging_role: None,
            follow_s: 60,
            follow_deadline_s: 19 * 3600,
        }
    }
}

/// Delivers through AWS Transfer Family.
pub struct AwsTransfer {
    settings: AwsTransferSettings,
    caller: Caller,
    /// The service's connector for each of ours.
    found: Mutex<HashMap<ConnectorId, Arc<find::Place>>>,
}

impl AwsTransfer {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(settings: AwsTransferSettings, secrets: Arc<dyn SecretStore>) -> Self {
        let caller = Caller::new(TRANSFER, settings.aws.clone(), secrets);
        Self { settings, caller, found: Mutex::default() }
    }

    /// One call that may be repeated.
    async fn call<I: Serialize + Sync, O: DeserializeOwned>(&self, operation: &str, input: &I) -> Result<O, Fault> {
        self.call_with(operation, input, &[], Repeat::Freely).await
    }

    async fn call_with<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        operation: &str,
        input: &I,
        headers: &[(&'static str, &str)],
        repeat: Repeat,
    ) -> Result<O, Fault> {
        let outcome = self.caller.client().await?.call_with(operation, input, headers, repeat).await;
        if let Err(fault) = &outcome {
            self.caller.heed(fault).await;
        }
        outcome
    }
}

impl std::fmt::Debug for AwsTransfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwsTransfer")
    }
}

#[async_trait]
impl Transport for AwsTransfer {
    async fn send(&self, shipment: Shipment<'_>) -> Result<Receipt> {
        send::send(self, &shipment).await
    }

    /// AWS Transfer Family publishes to the account's own bus, and another Sealpost to its sinks, how each transfer ended.
    fn announces(&self, intent: Option<&Intent>) -> bool {
        intent.is_some_and(|intent| recorded_transfer(intent).is_some())
    }

    /// The service leaves nothing that could be removed through it.
    async fn discard(&self, _connector: &Connector, _traces: Traces<'_>) -> Result<()> {
        Ok(())
    }

    async fn retrieve(&self, _retrieval: Retrieval<'_>) -> Result<Retrieved> {
        Err(not_here("retrieving"))
    }

    async fn list(&self, _: &Connector, _: &str, _: u64, _: &mut dyn EntrySink) -> Result<Listed> {
        Err(not_here("listing"))
    }

    async fn look(&self, _: &Connector, _: &str) -> Result<Option<RemoteEntry>> {
        Err(not_here("looking at a path"))
    }

    async fn rename(&self, _: &Connector, _: &str, _: &str, _: bool) -> Result<()> {
        Err(not_here("renaming"))
    }

    async fn remove(&self, _: &Connector, _: &str, _: bool) -> Result<()> {
        Err(not_here("removing"))
    }

    fn accepts(&self, settings: &ConnectorSettings) -> Result<()> {
        wanted::accepts(settings, find::is_ours(self))
    }

    /// Without an approved host key too: a test then shows the key.
    async fn establish(&self, connector: &Connector) -> Result<Option<Established>> {
        wanted::can_do(&connector.settings)?;
        let found = find::find(self, connector, false).await?;
        trust::hold(self, connector, &found, false).await?;
        Ok(Some(Established { name: found.arn.clone(), outcome: found.outcome }))
    }

    async fn retire(&self, connector: &Connector) -> Result<Option<String>> {
        find::retire(self, connector).await
    }

    /// The service offers no test that writes: this is its `TestConnection`, up to the login.
    async fn check(&self, connector: &Connector) -> Vec<CheckStep> {
        check::check(self, connector).await
    }

    async fn probe(&self, connector: &Connector) -> Vec<CheckStep> {
        check::check(self, connector).await
    }

    fn login_key(&self, _comment: &str) -> Result<(Secret, String)> {
        Err(Error::new(
            &codes::deliver::CONFIG,
            "this engine logs in with the secret that `user_secret` names; put a key pair there",
        ))
    }
}

fn not_here(what: &str) -> Error {
    Error::new(&codes::deliver::CONFIG, format!("{what} does not go through this engine (aws_transfer): use sftp"))
}
