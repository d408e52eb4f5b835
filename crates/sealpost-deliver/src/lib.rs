//! Transports that carry sealed files to partners, the way to their webhooks ([`Webhooks`]), and sinks of transfers' events.
//!
//! A new transport is one more file here and one more row in [`TRANSPORTS`]; a new sink one more row in [`EVENT_SINKS`].

use std::sync::Arc;

use sealpost_core::address::Reach;
use sealpost_core::port::{SecretStore, Transport};

mod aws;
mod aws_transfer;
mod events;
mod sftp;
mod webhook;

pub use aws::AwsSettings;
pub use aws_transfer::{AwsTransfer, AwsTransferSettings, recorded_transfer};
pub use events::{
    EVENT_SINKS, EventBridgeSettings, EventParts, EventSinkEntry, EventSinkSettings, FileSinkSettings,
    StdoutSinkSettings, WebhookSinkSettings, event_sink,
};
pub use sftp::Sftp;
pub use webhook::{WebhookSettings, Webhooks};

/// What transports are made of.
pub struct TransportParts {
    /// Resolves credentials, at each connection, so they may rotate.
    pub secrets: Arc<dyn SecretStore>,
    /// Where connectors for public addresses only may lead beside those.
    pub reach: Reach,
    /// Most bytes per second of all connectors together in this process; no limit when absent.
    pub bytes_per_second: Option<u64>,
    /// Settings of the engine `aws_transfer`.
    pub aws_transfer: AwsTransferSettings,
}

/// One row of [`TRANSPORTS`].
#[derive(Debug, Clone, Copy)]
pub struct TransportEntry {
    /// The name in configuration.
    pub name: &'static str,
    /// What it is, in one line, for help and documentation.
    pub summary: &'static str,
    /// Makes it; it connects to nothing yet.
    pub make: fn(&TransportParts) -> Arc<dyn Transport>,
}

/// Every transport of this build.
pub static TRANSPORTS: &[TransportEntry] = &[
    TransportEntry {
        name: "sftp",
        summary: "SFTP version 3 over SSH: keys or passwords, approved host keys, resumable, atomic rename",
        make: |parts| {
            let sftp = Sftp::new(parts.secrets.clone()).reaching(parts.reach.clone());
            Arc::new(match parts.bytes_per_second {
                Some(most) => sftp.limited_to(most),
                None => sftp,
            })
        },
    },
    TransportEntry {
        name: "aws_transfer",
        summary: "AWS Transfer Family: the service reads the stored file and sends it; files only, always replacing",
        make: |parts| Arc::new(AwsTransfer::new(parts.aws_transfer.clone(), parts.secrets.clone())),
    },
];

/// The transport of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static TransportEntry> {
    TRANSPORTS.iter().find(|entry| entry.name == name)
}
