//! What starts something: file transfers, listings, moves, deletes.

use sealpost_core::error::codes;
use sealpost_core::id::TransferId;
use sealpost_core::object::ObjectPath;
use sealpost_core::transfer::Action;
use sealpost_pipeline::transfer::StartAsk;

use super::call::{Call, no_connector};
use super::members::Members;
use super::refusal::{Refusal, Result};

pub(super) mod directory_listing;
pub(super) mod file_transfer;
pub(super) mod remote_delete;
pub(super) mod remote_move;

/// The pattern of paths: nothing that ends a line.
const PATH: &str = "(.)+";

/// Starts it, or finds what the same token started before.
async fn begin(call: &Call, actions: Vec<Action>) -> Result<TransferId> {
    let connector = call.connector_id()?;
    let started = call.state.pipeline.start_transfer(StartAsk {
        connector: connector.clone(),
        actions,
        caller: call.caller.id.clone(),
        metadata: call.extensions.metadata.clone(),
        idempotency: call.extensions.idempotency.clone(),
    });
    match started.await {
        // A caller that names none is told so in the service's words.
        Err(error) if error.is(&codes::request::NOT_FOUND) => Err(no_connector(&connector)),
        started => Ok(started?.transfer().id.clone()),
    }
}

/// Checks a path on the server.
fn remote(input: &Members<'_>, name: &str, path: &str) -> Result<String> {
    if path.chars().any(char::is_control) {
        return Err(input.pattern(name, PATH));
    }
    Ok(path.to_owned())
}

/// A path on the server that must be absolute, and more than the root.
fn absolute(input: &Members<'_>, name: &str) -> Result<String> {
    let path = remote(input, name, input.required(name, 1..=1024)?)?;
    if !path.starts_with('/') || path.split('/').all(|part| matches!(part, "" | "." | "..")) {
        return Err(Refusal::invalid(format!(
            "{name}: expected an absolute path on the server, such as /in/file.csv."
        )));
    }
    Ok(path)
}

/// A place in the store.
fn local(name: &str, path: &str) -> Result<ObjectPath> {
    path.parse().map_err(|error: sealpost_core::Error| Refusal::invalid(format!("{name}: {}.", error.detail())))
}
