//! Transports that carry sealed files to partners, and the way to their webhooks ([`Webhooks`]).
//!
//! A new transport is one more file here and one more row in [`TRANSPORTS`].

use std::sync::Arc;

use sealpost_core::port::{SecretStore, Transport};

mod sftp;
mod webhook;

pub use sftp::Sftp;
pub use webhook::{WebhookSettings, Webhooks};

/// One row of [`TRANSPORTS`].
#[derive(Debug, Clone, Copy)]
pub struct TransportEntry {
    /// The name in configuration, and the scheme of its addresses.
    pub name: &'static str,
    /// What it is, in one line, for help and documentation.
    pub summary: &'static str,
    /// Makes it; credentials are resolved through the secret store at each connection, so they may rotate.
    pub make: fn(Arc<dyn SecretStore>) -> Arc<dyn Transport>,
}

/// Every transport of this build.
pub static TRANSPORTS: &[TransportEntry] = &[TransportEntry {
    name: "sftp",
    summary: "SFTP version 3 over SSH: keys or passwords, approved host keys, resumable, atomic rename",
    make: |secrets| Arc::new(Sftp::new(secrets)),
}];

/// The transport of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static TransportEntry> {
    TRANSPORTS.iter().find(|entry| entry.name == name)
}
