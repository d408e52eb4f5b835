//! `DeleteConnector`.

use crate::transfer::call::{Call, check_is_ours, no_connector};
use crate::transfer::operations::Reply;

pub(in crate::transfer) async fn delete(call: &Call) -> Reply {
    let id = call.connector_id()?;
    check_is_ours(&call.find_connector(&id).await?)?;
    if !call.state.pipeline.remove_transfer_connector(&id).await? {
        return Err(no_connector(&id));
    }
    tracing::info!(target: "sealpost::transfer", connector = %id, caller = %call.caller.id, "connector removed");
    Ok(None)
}
