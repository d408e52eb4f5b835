//! `StartFileTransfer`: stored files to the server, or files of the server to the store.

use std::collections::BTreeSet;

use sealpost_core::connector::ExistingFile;
use sealpost_core::transfer::Action;
use serde_json::json;

use super::{begin, local, remote};
use crate::transfer::call::Call;
use crate::transfer::members::Members;
use crate::transfer::operations::Reply;
use crate::transfer::refusal::{Refusal, Result};

pub(in crate::transfer) async fn start(call: &Call) -> Reply {
    call.connector_id()?;
    let input = call.input();
    if input.has("CustomHttpHeaders") {
        return Err(Refusal::invalid("CustomHttpHeaders are for AS2 connectors, which are not offered."));
    }
    let most = usize::try_from(call.state.settings().most_files).unwrap_or(usize::MAX);
    let sent = input.texts("SendFilePaths", 1..=most, 1..=1024)?;
    let retrieved = input.texts("RetrieveFilePaths", 1..=most, 1..=1024)?;
    let actions = match (sent, retrieved) {
        (Some(paths), None) => send(call, &input, &paths).await?,
        (None, Some(paths)) => retrieve(&input, &paths)?,
        _ => return Err(Refusal::invalid("Exactly one of SendFilePaths and RetrieveFilePaths is needed.")),
    };
    let id = begin(call, actions).await?;
    Ok(Some(json!({"TransferId": id})))
}

async fn send(call: &Call, input: &Members<'_>, paths: &[&str]) -> Result<Vec<Action>> {
    if input.has("LocalDirectoryPath") {
        return Err(Refusal::invalid("LocalDirectoryPath belongs to RetrieveFilePaths."));
    }
    let directory = input.text("RemoteDirectoryPath", 1..=1024)?;
    let remote_directory = directory.map(|path| remote(input, "RemoteDirectoryPath", path)).transpose()?;
    let mut actions = Vec::new();
    let mut names = BTreeSet::new();
    let mut is_twice = false;
    for (index, path) in paths.iter().enumerate() {
        let member = format!("SendFilePaths.{}", index + 1);
        let object = local(&member, path)?;
        if object.key().is_empty() || path.ends_with('/') {
            return Err(Refusal::invalid(format!("{member}: expected a file, /bucket/key.")));
        }
        is_twice |= !names.insert(object.name().to_owned());
        actions.push(Action::Send { local: object, remote_directory: remote_directory.clone() });
    }
    // Both would get one name on the server, and which of them stays would be chance.
    if is_twice
        && !is_repetition(call).await?
        && call.connector().await?.settings.existing_file != ExistingFile::KeepBoth
    {
        return Err(Refusal::invalid(
            "Two of SendFilePaths have the same file name: send them in two calls to different directories.",
        ));
    }
    Ok(actions)
}

/// Whether the call was answered before: then the connector no longer matters.
async fn is_repetition(call: &Call) -> Result<bool> {
    let idempotency = call.extensions.idempotency.as_ref();
    Ok(call.state.pipeline.transfer_started_before(&call.caller.id, idempotency).await?.is_some())
}

fn retrieve(input: &Members<'_>, paths: &[&str]) -> Result<Vec<Action>> {
    if input.has("RemoteDirectoryPath") {
        return Err(Refusal::invalid("RemoteDirectoryPath belongs to SendFilePaths."));
    }
    let Some(directory) = input.text("LocalDirectoryPath", 1..=1024)? else {
        return Err(Refusal::invalid("LocalDirectoryPath is needed with RetrieveFilePaths: /bucket/folder."));
    };
    let local_directory = local("LocalDirectoryPath", directory)?;
    let mut actions = Vec::new();
    let mut names = BTreeSet::new();
    for (index, path) in paths.iter().enumerate() {
        let member = format!("RetrieveFilePaths.{}", index + 1);
        let path = remote(input, &member, path)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        // The name that the file gets in the store.
        if name.is_empty() || local_directory.join(name).is_err() {
            return Err(Refusal::invalid(format!("{member}: expected the path of a file.")));
        }
        if !names.insert(name.to_owned()) {
            return Err(Refusal::invalid(
                "Two of RetrieveFilePaths have the same file name: retrieve them in two calls into different folders.",
            ));
        }
        actions.push(Action::Retrieve { remote: path, local_directory: local_directory.clone() });
    }
    Ok(actions)
}
