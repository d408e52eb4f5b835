//! The transfer API and its engine, from the configuration.

use std::sync::Arc;

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{Notifier, TransferEventSink, Transport};
use sealpost_deliver::{EventParts, TransportParts};
use sealpost_pipeline::TransferSettings;
use sealpost_secrets::SecretStores;

use crate::config::Loaded;

/// The engine that carries files, by its row in the table of transports.
///
/// # Errors
/// `SP-CONFIG-001` for an unknown one.
pub(super) fn engine(loaded: &Loaded, secrets: &Arc<SecretStores>) -> Result<Arc<dyn Transport>> {
    let block = &loaded.config.deliver;
    let entry = sealpost_deliver::find(&block.engine)
        .ok_or_else(|| Error::new(&codes::config::INVALID, format!("deliver.engine: unknown `{}`", block.engine)))?;
    Ok((entry.make)(&TransportParts {
        secrets: secrets.clone(),
        reach: super::reach(loaded),
        bytes_per_second: block.bytes_per_second,
        aws_transfer: block.aws_transfer.clone(),
    }))
}

/// Where events of transfers go.
///
/// # Errors
/// What a sink's settings are refused for.
pub(super) fn event_sinks(
    loaded: &Loaded,
    secrets: &Arc<SecretStores>,
    notifier: &Arc<dyn Notifier>,
) -> Result<Vec<Arc<dyn TransferEventSink>>> {
    let parts = EventParts { base_folder: loaded.base.clone(), secrets: secrets.clone(), notifier: notifier.clone() };
    let sinks = loaded.config.transfer.events.iter();
    sinks
        .map(|sink| sealpost_deliver::event_sink(sink, &parts))
        .collect::<Result<_>>()
        .map_err(|error| error.context("transfer.events"))
}

/// The pipeline's settings, with the certificates read.
///
/// # Errors
/// `SP-CONFIG-002` for a file that can't be read.
pub(super) fn settings(loaded: &Loaded) -> Result<TransferSettings> {
    let block = &loaded.config.transfer;
    let read = |file: &std::path::PathBuf| {
        let path = loaded.path(file);
        std::fs::read_to_string(&path).map_err(|error| {
            Error::new(&codes::config::UNREADABLE, format!("transfer.seal_for: {}: {error}", path.display()))
                .caused_by(error)
        })
    };
    let seal_for = block.seal_for.iter().map(read).collect::<Result<_>>()?;
    Ok(TransferSettings { seal_for, ..block.settings() })
}
