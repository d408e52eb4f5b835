//! `StartDirectoryListing`.

use sealpost_core::transfer::Action;
use serde_json::json;

use super::{begin, local, remote};
use crate::transfer::call::Call;
use crate::transfer::operations::Reply;

/// Entries when the caller says nothing, and the most there can be.
const ITEMS: u32 = 1_000;
const MOST_ITEMS: u32 = 200_000;

pub(in crate::transfer) async fn start(call: &Call) -> Reply {
    let connector = call.connector_id()?;
    let input = call.input();
    let directory = input.required("RemoteDirectoryPath", 1..=1024)?;
    let output = input.required("OutputDirectoryPath", 1..=1024)?;
    let action = Action::List {
        remote_directory: remote(&input, "RemoteDirectoryPath", directory)?,
        max_items: input.integer("MaxItems", 1..=MOST_ITEMS)?.unwrap_or(ITEMS),
        output_directory: local("OutputDirectoryPath", output)?,
    };
    let id = begin(call, vec![action]).await?;
    Ok(Some(json!({"ListingId": id, "OutputFileName": format!("{connector}-{id}.json")})))
}
