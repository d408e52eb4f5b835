//! `UntagResource`: removes tags. A setting goes back to what it is without its tag.

use sealpost_core::transfer::TransferConnector;

use super::{MOST, setting};
use crate::transfer::call::{Call, check_is_ours, no_connector};
use crate::transfer::operations::Reply;
use crate::transfer::resource::connector_of_arn;

pub(in crate::transfer) async fn untag(call: &Call) -> Reply {
    let (id, _) = connector_of_arn(call)?;
    let input = call.input();
    let keys = input.texts("TagKeys", 1..=MOST, 1..=128)?;
    let keys = keys.ok_or_else(|| input.violates("TagKeys", "Member must not be null"))?;
    let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
    check_is_ours(&call.find_connector(&id).await?)?;
    let may = setting::Allowed::of(call.state.settings());
    let edit = move |mut connector: TransferConnector| {
        connector.tags.retain(|tag| !keys.contains(&tag.key));
        setting::apply(&mut connector, may)?;
        Ok(connector)
    };
    let edited = call.state.pipeline.edit_transfer_connector(&id, &edit).await?;
    edited.map(|_| None).ok_or_else(|| no_connector(&id))
}
