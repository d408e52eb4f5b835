//! `UpdateConnector`: what the request leaves out stays as it is, member by member, within `SftpConfig` too.

use sealpost_core::transfer::TransferConnector;
use serde_json::json;

use super::refuse_unoffered;
use super::wanted::Wanted;
use crate::transfer::call::{Call, check_is_ours, no_connector};
use crate::transfer::operations::Reply;
use crate::transfer::tags::setting;

pub(in crate::transfer) async fn update(call: &Call) -> Reply {
    let input = call.input();
    let id = call.connector_id()?;
    refuse_unoffered(&input)?;
    let wanted = Wanted::read(&call.state, &input)?;
    check_is_ours(&call.find_connector(&id).await?)?;
    // What the operator allows holds for a connector that is changed as for a new one: it may have been made before.
    let allowed = setting::Allowed::of(call.state.settings());
    let edit = move |mut connector: TransferConnector| {
        wanted.apply(&mut connector)?;
        setting::apply(&mut connector, allowed)?;
        Ok(connector)
    };
    let edited = call.state.pipeline.edit_transfer_connector(&id, &edit).await?;
    let connector = edited.ok_or_else(|| no_connector(&id))?;
    tracing::info!(target: "sealpost::transfer", connector = %id, caller = %call.caller.id, url = connector.url, "connector changed");
    Ok(Some(json!({"ConnectorId": id})))
}
