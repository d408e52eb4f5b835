//! `GET /admin/v1/connectors`: all connectors, or those of a partner.

use axum::Json;
use axum::extract;
use sealpost_core::connector::Connector;
use sealpost_core::id::PartnerId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::schema;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;

/// Connectors by partner and name.
#[derive(Serialize, ToSchema)]
pub struct ConnectorList {
    /// The connectors.
    #[schema(value_type = Vec<schema::Connector>)]
    connectors: Vec<Connector>,
}

/// List connectors.
#[utoipa::path(get, path = "/admin/v1/connectors", operation_id = "listConnectors", tag = "connectors",
    params(("partner" = Option<String>, Query, description = "Only those of this partner.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme")),
    responses((status = 200, description = "The connectors. Secrets are references, never values.", body = ConnectorList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<ConnectorList>, Problem> {
    let mut reader = query.read(&["partner"]);
    let partner = reader.one("partner", |text| text.parse::<PartnerId>().map_err(|error| error.detail().to_owned()));
    reader.end()?;
    let connectors = state.pipeline.parts().records.connectors(partner.as_ref()).await?;
    Ok(Json(ConnectorList { connectors }))
}
