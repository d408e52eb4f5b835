//! `StartRemoteDelete`.

use sealpost_core::transfer::Action;
use serde_json::json;

use super::{absolute, begin};
use crate::transfer::call::Call;
use crate::transfer::operations::Reply;

pub(in crate::transfer) async fn start(call: &Call) -> Reply {
    call.connector_id()?;
    let path = absolute(&call.input(), "DeletePath")?;
    let id = begin(call, vec![Action::Delete { path }]).await?;
    Ok(Some(json!({"DeleteId": id})))
}
