//! `/v1/destinations`: the SFTP servers that the partner's files are sent to. Secrets are written, never shown.

use sealpost_core::connector::Connector;
use sealpost_core::error::Result;
use sealpost_core::id::{ConnectorId, PartnerId};
use sealpost_pipeline::Pipeline;

pub mod create;
pub(crate) mod credential;
pub mod host_keys;
pub mod list;
pub mod remove;
pub mod replace;
pub mod show;
pub mod test;
pub mod wire;

/// A destination of a partner as it is now.
async fn load(pipeline: &Pipeline, partner: &PartnerId, id: &ConnectorId) -> Result<wire::Destination> {
    let connector: Connector = pipeline.destination(partner, id).await?;
    let partner = pipeline.parts().records.partner(partner).await?;
    let receives = partner.is_some_and(|partner| partner.deliver_to.contains(id));
    Ok(wire::Destination::of(&connector, receives))
}
