//! `GET /admin/v1/connectors/{id}`: one connector.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::ConnectorId;
use sealpost_pipeline::Pipeline;

use crate::admin::schema;
use crate::conditional;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Show a connector.
#[utoipa::path(get, path = "/admin/v1/connectors/{id}", operation_id = "showConnector", tag = "connectors",
    params(("id" = String, Path, description = "The connector's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")),
    responses((status = 200, description = "The connector. Secrets are references, never values.", body = schema::Connector)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Id(id): Id<ConnectorId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(conditional::json_or_not_modified(&headers, &find(&state.pipeline, &id).await?))
}

/// A connector by id.
pub(super) async fn find(pipeline: &Pipeline, id: &ConnectorId) -> Result<Connector> {
    let found = pipeline.parts().records.connector(id).await?;
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("connector {id}")))
}
