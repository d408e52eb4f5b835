//! Events on a bus of Amazon EventBridge, one `PutEvents` each.
//!
//! The bus gives each event an id and account of its own, and refuses sources that begin with `aws.`: ours is
//! `sealpost.transfer`, unless set. Everything else is as AWS Transfer Family has it, so that a rule needs one more source.

use async_trait::async_trait;
use schemars::JsonSchema;
use sealpost_aws::{EVENTBRIDGE, Fault};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{TransferEvent, TransferEventSink};
use serde::{Deserialize, Serialize};

use super::EventParts;
use crate::aws::{AwsSettings, Caller, environment};

/// Which bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBridgeSettings {
    /// The bus's name or ARN; `default`.
    #[serde(default = "default_bus")]
    pub bus: String,
    /// The `source` of the events; `sealpost.transfer`. Amazon keeps `aws.…` for itself.
    #[serde(default = "default_source")]
    pub source: String,
    /// How EventBridge is called.
    #[serde(default)]
    pub aws: AwsSettings,
}

impl EventBridgeSettings {
    /// Whether the bus refuses events of this source: Amazon's own do, of one that begins with `aws.`. What speaks their protocol
    /// elsewhere may not.
    #[must_use]
    pub fn refuses_source(&self) -> bool {
        self.source.starts_with("aws.") && self.aws.is_amazons(EVENTBRIDGE, &environment) != Some(false)
    }
}

fn default_bus() -> String {
    "default".to_owned()
}

fn default_source() -> String {
    "sealpost.transfer".to_owned()
}

pub(super) struct EventBridge {
    bus: String,
    source: String,
    caller: Caller,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Put<'a> {
    entries: [Entry<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    source: &'a str,
    detail_type: &'a str,
    detail: &'a str,
    resources: [&'a str; 1],
    /// Seconds since 1970.
    time: i64,
    event_bus_name: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    failed_entry_count: u32,
    #[serde(default)]
    entries: Vec<Taken>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    error_code: Option<String>,
    error_message: Option<String>,
}

impl EventBridge {
    pub(super) fn new(settings: &EventBridgeSettings, parts: &EventParts) -> Self {
        let caller = Caller::new(EVENTBRIDGE, settings.aws.clone(), parts.secrets.clone());
        Self { bus: settings.bus.clone(), source: settings.source.clone(), caller }
    }

    async fn put(&self, event: &TransferEvent) -> Result<Answer, Fault> {
        let entry = Entry {
            source: &self.source,
            detail_type: &event.detail_type,
            detail: &event.detail,
            resources: [&event.resource],
            time: event.at.as_second(),
            event_bus_name: &self.bus,
        };
        self.caller.client().await?.call("PutEvents", &Put { entries: [entry] }).await
    }
}

#[async_trait]
impl TransferEventSink for EventBridge {
    fn name(&self) -> &'static str {
        "eventbridge"
    }

    async fn publish(&self, event: &TransferEvent) -> Result<()> {
        let failed =
            |words: String| Error::new(&codes::notify::EVENT_SINK, format!("EventBridge, bus {}: {words}", self.bus));
        let answer = match self.put(event).await {
            Ok(answer) => answer,
            Err(fault) => {
                self.caller.heed(&fault).await;
                return Err(failed(fault.to_string()));
            }
        };
        // The call itself succeeds when its entries do not.
        let refused = answer.entries.iter().find(|entry| entry.error_code.is_some());
        match (answer.failed_entry_count, refused) {
            (0, None) => Ok(()),
            (_, entry) => Err(failed(format!(
                "it refused the event: {} {}",
                entry.and_then(|entry| entry.error_code.as_deref()).unwrap_or("without a code"),
                entry.and_then(|entry| entry.error_message.as_deref()).unwrap_or_default(),
            ))),
        }
    }
}
