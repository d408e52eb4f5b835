//! `GET /v1/destinations`: where the partner's files can be sent.

use axum::Json;
use axum::extract;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::Destination;
use crate::authenticate::Caller;
use crate::problem::Problem;
use crate::state::State;

/// Destinations.
#[derive(Serialize, ToSchema)]
pub struct DestinationList {
    /// The destinations, by name.
    destinations: Vec<Destination>,
}

/// List your destinations.
#[utoipa::path(get, path = "/v1/destinations", operation_id = "listDestinations", tag = "destinations",
    responses((status = 200, description = "The destinations, also those that the operator set up. Secrets are never shown.", body = DestinationList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
) -> Result<Json<DestinationList>, Problem> {
    let partner = state.pipeline.parts().records.partner(&partner.id).await?.unwrap_or_else(|| (*partner).clone());
    let connectors = state.pipeline.parts().records.connectors(Some(&partner.id)).await?;
    let shown = connectors.iter().map(|one| Destination::of(one, partner.deliver_to.contains(&one.id)));
    Ok(Json(DestinationList { destinations: shown.collect() }))
}
