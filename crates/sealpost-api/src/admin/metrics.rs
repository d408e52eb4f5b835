//! `GET /metrics`: Prometheus text. Counts and times only, so it needs no token; the listener is for operators.

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::header;
use metrics_exporter_prometheus::PrometheusHandle;
use sealpost_core::task::QueueDepth;

use crate::problem::Problem;
use crate::state::State;

/// Metrics as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health", security(()),
    responses((status = 200, description = "The Prometheus text format.", body = String, content_type = "text/plain", example = json!("sealpost_queue_tasks{state=\"ready\"} 0\n"))))]
pub(crate) async fn metrics(extract::State(state): extract::State<State>) -> Result<Response, Problem> {
    // The queue's depth is a fact of the ledger, not of this process: it is asked for when it is wanted.
    let QueueDepth { ready, delayed, leased, dead } = state.pipeline.parts().queue.depth().await?;
    for (name, tasks) in [("ready", ready), ("delayed", delayed), ("leased", leased), ("dead", dead)] {
        metrics::gauge!("sealpost_queue_tasks", "state" => name).set(tasks as f64);
    }
    let render = |metrics: &PrometheusHandle| {
        metrics.run_upkeep();
        metrics.render()
    };
    let text = state.metrics.as_ref().map(render).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
