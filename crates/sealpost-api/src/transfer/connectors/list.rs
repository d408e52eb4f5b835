//! `ListConnectors`, by id.

use sealpost_core::id::ConnectorId;
use serde_json::{Value as Json, json};

use crate::transfer::call::Call;
use crate::transfer::next_token;
use crate::transfer::operations::Reply;
use crate::transfer::resource::connector_arn;

pub(in crate::transfer) async fn list(call: &Call) -> Reply {
    let limit = call.max_results()?;
    let after = next_token::open(call, "")?.map(|position| position.parse::<ConnectorId>());
    let after = after.transpose().map_err(|_| next_token::wrong())?;
    let (connectors, more) = call.state.pipeline.transfer_connectors(after.as_ref(), limit).await?;
    let shown =
        |id: &ConnectorId, url: &str| json!({"Arn": connector_arn(&call.state, id), "ConnectorId": id, "Url": url});
    let listed: Vec<Json> = connectors.iter().map(|connector| shown(&connector.id, &connector.url)).collect();
    let mut answer = json!({"Connectors": listed});
    if let (true, Some(last)) = (more, connectors.last()) {
        answer["NextToken"] = next_token::seal(call, "", last.id.as_str())?.into();
    }
    Ok(Some(answer))
}
