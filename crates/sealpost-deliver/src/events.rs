//! Where events of transfers go.
//!
//! A new sink is one more file here, one more variant of [`EventSinkSettings`] and one more row in [`EVENT_SINKS`].

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use sealpost_core::Result;
use sealpost_core::port::{Notifier, SecretStore, TransferEventSink};
use serde::{Deserialize, Serialize};

mod eventbridge;
mod file;
mod stdout;
mod turn;
mod webhook;

pub use eventbridge::EventBridgeSettings;
pub use file::FileSinkSettings;
pub use stdout::StdoutSinkSettings;
pub use webhook::WebhookSinkSettings;

/// One row of [`EVENT_SINKS`].
#[derive(Debug, Clone, Copy)]
pub struct EventSinkEntry {
    /// The name in configuration and logs.
    pub name: &'static str,
    /// What it is, in one line, for help and documentation.
    pub summary: &'static str,
    /// Settings of it, as an example in JSON.
    pub example: &'static str,
}

/// Every sink of this build.
pub static EVENT_SINKS: &[EventSinkEntry] = &[
    EventSinkEntry {
        name: "file",
        summary: "a line of JSON per event, appended to a file that only its owner can read",
        example: r#"{"kind": "file", "path": "data/transfer-events.jsonl"}"#,
    },
    EventSinkEntry {
        name: "stdout",
        summary: "a line of JSON per event, to standard output",
        example: r#"{"kind": "stdout"}"#,
    },
    EventSinkEntry {
        name: "eventbridge",
        summary: "an event bus of Amazon EventBridge",
        example: r#"{"kind": "eventbridge", "bus": "transfers"}"#,
    },
    EventSinkEntry {
        name: "webhook",
        summary: "a POST to an HTTPS address, signed as Standard Webhooks are",
        example: r#"{"kind": "webhook", "url": "https://hooks.example/transfers", "secret": "env:TRANSFER_HOOK"}"#,
    },
];

/// One sink, as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EventSinkSettings {
    /// Lines in a file.
    File(FileSinkSettings),
    /// Lines on standard output.
    Stdout(StdoutSinkSettings),
    /// Amazon EventBridge.
    EventBridge(EventBridgeSettings),
    /// A POST per event.
    Webhook(WebhookSinkSettings),
}

/// What sinks are made of.
pub struct EventParts {
    /// The folder that relative paths start from: the configuration file's.
    pub base_folder: PathBuf,
    /// Resolves keys and secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// The way to webhooks.
    pub notifier: Arc<dyn Notifier>,
}

/// Makes a sink. Nothing is opened or connected to before its first event.
///
/// # Errors
/// `SP-REQUEST-036` for an address that webhooks may not have.
pub fn event_sink(settings: &EventSinkSettings, parts: &EventParts) -> Result<Arc<dyn TransferEventSink>> {
    Ok(match settings {
        EventSinkSettings::File(settings) => Arc::new(file::FileSink::new(settings, parts)),
        EventSinkSettings::Stdout(_) => Arc::new(stdout::StdoutSink::default()),
        EventSinkSettings::EventBridge(settings) => Arc::new(eventbridge::EventBridge::new(settings, parts)),
        EventSinkSettings::Webhook(settings) => Arc::new(webhook::WebhookSink::new(settings, parts)?),
    })
}
