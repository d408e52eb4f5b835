//! `POST /admin/v1/connectors/{id}:test`: go through a delivery's steps with a few bytes.

use axum::Json;
use axum::extract;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::ConnectorId;
use serde::Serialize;
use utoipa::ToSchema;

use super::show::find;
use crate::admin::{Operator, before_verb};
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::reports::wire::Failure;
use crate::state::State;

/// What a test found.
#[derive(Serialize, ToSchema)]
pub struct ConnectorTest {
    /// The connector.
    #[schema(example = "c-0123456789abcdef0")]
    connector: String,
    /// Whether every step succeeded.
    #[schema(example = true)]
    succeeded: bool,
    /// The steps; the first that fails is the last.
    steps: Vec<Step>,
}

/// One step of a test.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"step": "connect", "detail": "192.0.2.7:22", "elapsed_ms": 12, "failure": null}))]
pub struct Step {
    /// `resolve`, `connect`, `key_exchange`, `host_key`, `login`, `directory`, `write`, `rename`, `remove`. Where a transfer
    /// service delivers: `service`, `host_key`, `login`.
    step: String,
    /// What was found: addresses, algorithms, the fingerprint that the server showed.
    detail: String,
    /// How long it took, in milliseconds.
    elapsed_ms: u64,
    /// Why it failed, when it did.
    failure: Option<Failure>,
}

/// Test a connector.
///
/// Goes through the steps of a delivery with a few bytes. A step that fails says why; nothing of the test stays on the server.
/// A host key that the server shows and nobody has approved is kept as a candidate of the connector.
#[utoipa::path(post, path = "/admin/v1/connectors/{id}:test", operation_id = "testConnector", tag = "connectors",
    params(("id" = String, Path, description = "The connector's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")),
    responses((status = 200, description = "The test was made; `succeeded` tells how it went.", body = ConnectorTest)))]
pub(crate) async fn test(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id(segment): Id<String>,
) -> Result<Json<ConnectorTest>, Problem> {
    let missing = |_| Error::new(&codes::request::NOT_FOUND, "nothing has this id");
    let id: ConnectorId = before_verb(&segment, "test")?.parse().map_err(missing)?;
    let connector = find(&state.pipeline, &id).await?;
    let steps = state.pipeline.test_connector(&connector, &author).await?;
    let succeeded = steps.iter().all(|step| step.failure.is_none());
    let steps = steps.into_iter().map(|step| Step {
        failure: step.failure.as_ref().map(|failure| Failure::of(failure, Plane::Operator)),
        step: step.step,
        detail: step.detail,
        elapsed_ms: step.elapsed_ms,
    });
    Ok(Json(ConnectorTest { connector: id.to_string(), succeeded, steps: steps.collect() }))
}
