//! `TagResource`: adds tags, and gives those that are there another value.

use sealpost_core::error::{Error, codes};
use sealpost_core::transfer::TransferConnector;

use super::{MOST, read, setting};
use crate::transfer::call::{Call, check_is_ours, no_connector};
use crate::transfer::operations::Reply;
use crate::transfer::resource::connector_of_arn;

pub(in crate::transfer) async fn tag(call: &Call) -> Reply {
    let (id, _) = connector_of_arn(call)?;
    let tags = read(&call.input())?;
    if tags.is_empty() {
        return Err(call.input().violates("Tags", "Member must not be null"));
    }
    check_is_ours(&call.find_connector(&id).await?)?;
    let may = setting::Allowed::of(call.state.settings());
    let edit = move |mut connector: TransferConnector| {
        for tag in &tags {
            match connector.tags.iter_mut().find(|one| one.key == tag.key) {
                Some(there) => there.value.clone_from(&tag.value),
                None => connector.tags.push(tag.clone()),
            }
        }
        if connector.tags.len() > MOST {
            return Err(Error::new(&codes::request::INVALID, format!("A resource has at most {MOST} tags.")));
        }
        setting::apply(&mut connector, may)?;
        Ok(connector)
    };
    let edited = call.state.pipeline.edit_transfer_connector(&id, &edit).await?;
    edited.map(|_| None).ok_or_else(|| no_connector(&id))
}
