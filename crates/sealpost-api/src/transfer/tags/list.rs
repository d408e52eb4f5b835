//! `ListTagsForResource`.

use serde_json::json;

use super::shown;
use crate::transfer::call::Call;
use crate::transfer::next_token;
use crate::transfer::operations::Reply;
use crate::transfer::resource::connector_of_arn;

pub(in crate::transfer) async fn list(call: &Call) -> Reply {
    let (id, arn) = connector_of_arn(call)?;
    let limit = usize::try_from(call.max_results()?).unwrap_or(usize::MAX);
    let after = next_token::open(call, &arn)?;
    let mut tags = shown(&call.find_connector(&id).await?);
    // By key, so that a page goes on where the last one ended, whatever was tagged meanwhile.
    tags.sort_by(|one, other| one["Key"].as_str().cmp(&other["Key"].as_str()));
    tags.retain(|tag| after.as_deref().is_none_or(|after| tag["Key"].as_str() > Some(after)));
    let more = tags.len() > limit;
    tags.truncate(limit);
    let mut answer = json!({"Arn": arn, "Tags": tags});
    if let (true, Some(last)) = (more, tags.last().and_then(|tag| tag["Key"].as_str())) {
        answer["NextToken"] = next_token::seal(call, &arn, last)?.into();
    }
    Ok(Some(answer))
}
