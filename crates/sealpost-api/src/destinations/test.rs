//! `POST /v1/destinations/{id}:test`: go through a delivery's steps with a few bytes.

use axum::Json;
use axum::extract;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::CheckStep;
use sealpost_pipeline::self_service::host_key::fingerprint;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::before_verb;
use crate::authenticate::{Caller, Credentials};
use crate::changes::author;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::reports::wire::Failure;
use crate::state::State;

/// What a test found.
#[derive(Serialize, ToSchema)]
pub struct DestinationTest {
    /// The destination.
    #[schema(example = "c-0123456789abcdef0")]
    destination: String,
    /// Whether every step succeeded.
    #[schema(example = false)]
    succeeded: bool,
    /// The steps; the first that fails is the last.
    steps: Vec<TestStep>,
}

/// One step of a test.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "step": "connect", "detail": "192.0.2.7:22", "elapsed_ms": 12, "host_key": null, "failure": null
}))]
pub struct TestStep {
    /// `resolve`, `connect`, `key_exchange`, `host_key`, `login`, `directory`, `write`, `rename`, `remove`; `announced_key`
    /// for each further key that the server has; `time_limit` where the whole took too long. Where a transfer service
    /// delivers: `service`, `host_key`, `login`.
    step: String,
    /// What was found: addresses, algorithms.
    detail: String,
    /// How long it took, in milliseconds.
    elapsed_ms: u64,
    /// The fingerprint of the key that the server showed, with the steps `host_key` and `announced_key`.
    #[schema(required)]
    host_key: Option<String>,
    /// Why it failed and what to do, when it did.
    #[schema(required)]
    failure: Option<Failure>,
}

impl TestStep {
    fn of(step: CheckStep) -> Self {
        Self {
            host_key: step.host_key.as_deref().and_then(fingerprint),
            failure: step.failure.as_ref().map(|failure| Failure::of(failure, Plane::Partner)),
            // What failed is told in the failure, in words that are for partners.
            detail: if step.failure.is_none() { step.detail } else { String::new() },
            step: step.step,
            elapsed_ms: step.elapsed_ms,
        }
    }
}

/// Test a destination.
///
/// Goes through the steps of a delivery with a few bytes, within 25 seconds; nothing of the test stays on the server. A host
/// key that the server shows and nobody has approved becomes a candidate of the destination. One test at a time.
#[utoipa::path(post, path = "/v1/destinations/{id}:test", operation_id = "testDestination", tag = "destinations",
    params(("id" = String, Path, description = "The destination's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")),
    responses((status = 200, description = "The test was made; `succeeded` tells how it went.", body = DestinationTest)))]
pub(crate) async fn test(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(segment): Id<String>,
) -> Result<Json<DestinationTest>, Problem> {
    let missing = |_| Error::new(&codes::request::NOT_FOUND, "nothing has this id");
    let id: ConnectorId = before_verb(&segment, "test")?.parse().map_err(missing)?;
    let steps = state.pipeline.test_destination(&partner.id, &id, &author(&credentials)).await?;
    let succeeded = steps.iter().all(|step| step.failure.is_none());
    let steps = steps.into_iter().map(TestStep::of).collect();
    Ok(Json(DestinationTest { destination: id.to_string(), succeeded, steps }))
}
