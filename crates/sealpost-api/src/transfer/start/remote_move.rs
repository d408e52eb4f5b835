//! `StartRemoteMove`.

use sealpost_core::transfer::Action;
use serde_json::json;

use super::{absolute, begin};
use crate::transfer::call::Call;
use crate::transfer::operations::Reply;
use crate::transfer::refusal::Refusal;

pub(in crate::transfer) async fn start(call: &Call) -> Reply {
    call.connector_id()?;
    let input = call.input();
    let (source, target) = (absolute(&input, "SourcePath")?, absolute(&input, "TargetPath")?);
    if source == target {
        return Err(Refusal::invalid("SourcePath and TargetPath are the same."));
    }
    let id = begin(call, vec![Action::Move { source, target }]).await?;
    Ok(Some(json!({"MoveId": id})))
}
