//! Liveness and readiness, for load balancers and supervisors. No credentials, no details.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract;
use sealpost_core::error::{Error, Result, codes};
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::State;

/// How long an answer about readiness is kept: anyone may ask, so asking must not cost a write to the ledger each time.
const KEPT: Duration = Duration::from_secs(1);
/// How long the ledger may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the service is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The version of Sealpost.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// The process answers.
#[utoipa::path(get, path = "/healthz", operation_id = "health", tag = "health", security(()),
    responses((status = 200, description = "The process answers.", body = Health)))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(OK)
}

/// Requests would be served: the ledger can be written.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "health", security(()),
    responses(
        (status = 200, description = "Requests are served.", body = Health),
        (status = 503, description = "The ledger can't be reached (`SP-LEDGER-001`); send no requests here."),
    ))]
pub(crate) async fn readyz(extract::State(state): extract::State<State>) -> Result<Json<Health>, Problem> {
    state.readiness.check().await?;
    Ok(Json(OK))
}

/// When the ledger was asked, and what it said.
type Answer = (Instant, Result<()>);

/// The last known readiness.
#[derive(Clone)]
pub(crate) struct Readiness {
    pipeline: Pipeline,
    last: Arc<Mutex<Option<Answer>>>,
}

impl Readiness {
    pub(crate) fn of(pipeline: Pipeline) -> Self {
        Self { pipeline, last: Arc::default() }
    }

    async fn check(&self) -> Result<()> {
        // Held across the check on purpose: those who ask meanwhile wait for the same answer.
        let mut last = self.last.lock().await;
        if let Some((at, outcome)) = &*last
            && at.elapsed() < KEPT
        {
            return outcome.clone();
        }
        let outcome = match tokio::time::timeout(PATIENCE, self.pipeline.parts().ledger.check()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(&codes::ledger::UNREACHABLE, "no answer in time")),
        };
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }
}
