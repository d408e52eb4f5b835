//! `POST /v1/reports/{id}/deliveries`: deliver the stored file again, the same bytes.

use axum::Json;
use axum::extract;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue};
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::id::{ConnectorId, JobId};
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;
use serde::Deserialize;
use utoipa::ToSchema;

use super::create::{IDEMPOTENT_REPLAYED, idempotency_key};
use super::deliveries::DeliveryList;
use crate::authenticate::Caller;
use crate::body::OptionalJsonBody;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Where to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeliveryRequest {
    /// One of your connectors; all your destinations when absent.
    #[serde(default)]
    #[schema(example = "c-0123456789abcdef0")]
    connector: Option<String>,
}

/// Deliver a report's file again.
#[utoipa::path(post, path = "/v1/reports/{id}/deliveries", operation_id = "redeliverReport", tag = "reports",
    params(("id" = String, Path, description = "The report's id.")),
    request_body(content = Option<RedeliveryRequest>, description = "May be left out: then to all destinations."),
    responses(
        (status = 202, description = "The new deliveries.", body = DeliveryList),
        (status = 409, description = "It has not succeeded, or there is no destination."),
        (status = 410, description = "The file has expired or was deleted."),
    ))]
pub(crate) async fn redeliver(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
    headers: HeaderMap,
    OptionalJsonBody(request): OptionalJsonBody<RedeliveryRequest>,
) -> Result<Response, Problem> {
    again(&state.pipeline, &partner, &id, &headers, request.unwrap_or_default(), Plane::Partner).await
}

/// Redelivers, on either plane.
pub(crate) async fn again(
    pipeline: &Pipeline,
    partner: &Partner,
    id: &JobId,
    headers: &HeaderMap,
    request: RedeliveryRequest,
    plane: Plane,
) -> Result<Response, Problem> {
    let key = idempotency_key(headers)?;
    let connector: Option<ConnectorId> = match request.connector.map(|text| text.parse::<ConnectorId>()).transpose() {
        Ok(connector) => connector,
        Err(error) => {
            let field = FieldError::new("/connector", error.detail());
            return Err(Error::new(&codes::request::INVALID, "the connector is not valid")
                .with_fields(vec![field])
                .into());
        }
    };
    let redelivered = pipeline.redeliver(partner, id, connector.as_ref(), key).await?;
    let list = Json(DeliveryList::of(&redelivered.deliveries, plane));
    let mut response = (StatusCode::ACCEPTED, list).into_response();
    if redelivered.replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
