//! `StartDirectoryListing`.

use sealpost_core::id::{ConnectorId, TransferId};
use sealpost_core::transfer::Action;
use serde_json::json;

use super::{begin, local, remote};
use crate::transfer::call::Call;
use crate::transfer::operations::Reply;
use crate::transfer::refusal::Refusal;

/// Entries when the caller says nothing, and the most there can be.
const ITEMS: u32 = 1_000;
const MOST_ITEMS: u32 = 200_000;

pub(in crate::transfer) async fn start(call: &Call) -> Reply {
    let connector = call.connector_id()?;
    let input = call.input();
    let directory = input.required("RemoteDirectoryPath", 1..=1024)?;
    let output = input.required("OutputDirectoryPath", 1..=1024)?;
    let output_directory = local("OutputDirectoryPath", output)?;
    // All ids are equally long: where there is room for this one's file, there is for the listing's.
    if let Err(error) = output_directory.join(&file_name(&connector, &TransferId::fresh())) {
        return Err(Refusal::invalid(format!(
            "OutputDirectoryPath leaves no room for the file's name: {}.",
            error.detail()
        )));
    }
    let action = Action::List {
        remote_directory: remote(&input, "RemoteDirectoryPath", directory)?,
        max_items: input.integer("MaxItems", 1..=MOST_ITEMS)?.unwrap_or(ITEMS),
        output_directory,
    };
    let id = begin(call, vec![action]).await?;
    Ok(Some(json!({"ListingId": id, "OutputFileName": file_name(&connector, &id)})))
}

fn file_name(connector: &ConnectorId, id: &TransferId) -> String {
    format!("{connector}-{id}.json")
}
