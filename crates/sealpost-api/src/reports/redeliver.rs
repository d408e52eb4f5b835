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
    #[schema(pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")]
    connector: Option<String>,
}

/// Deliver a report's file again.
///
/// The same bytes as before: nothing is queried or encrypted anew.
#[utoipa::path(post, path = "/v1/reports/{id}/deliveries", operation_id = "redeliverReport", tag = "reports",
    params(
        ("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters, kept for 24 hours. The same key with the same request gives the first deliveries again, with `Idempotent-Replayed: true`; with another request it is refused.", min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$", example = "2026-02-contracts-again"),
    ),
    request_body(content = Option<RedeliveryRequest>, description = "May be left out: then to all destinations."),
    responses(
        (status = 202, description = "The new deliveries.", body = DeliveryList,
            headers(("Idempotent-Replayed" = String, description = "`true` where an earlier request had the same key."))),
        (status = 409, description = "It has not succeeded (`SP-REQUEST-015`), there is no destination (`SP-REQUEST-007`), or it was sent as often as one may be (`SP-REQUEST-044`)."),
        (status = 410, description = "The file has expired or was deleted (`SP-REQUEST-017`)."),
        (status = 422, description = "The idempotency key was used with another request (`SP-REQUEST-014`)."),
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
