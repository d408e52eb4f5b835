//! The transfer API and its engine, from the configuration.

use sealpost_core::error::{Error, Result, codes};
use sealpost_pipeline::TransferSettings;

use crate::config::Loaded;

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
