//! `GET /metrics`: Prometheus text. Counts and times only, so it needs no token; the listener is for operators.

use std::time::Duration;

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::header;
use metrics_exporter_prometheus::PrometheusHandle;
use sealpost_core::task::QueueDepth;

use crate::state::State;

/// How long the ledger may take. Everything else is in memory, and wanted most while the ledger is down.
const PATIENCE: Duration = Duration::from_secs(2);

/// Metrics as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health", security(()),
    responses((status = 200, description = "The Prometheus text format.", body = String, content_type = "text/plain", example = json!("sealpost_queue_tasks{state=\"ready\"} 0\n"))))]
pub(crate) async fn metrics(extract::State(state): extract::State<State>) -> Response {
    // The queue's depth is a fact of the ledger, not of this process: it is asked for when it is wanted.
    let depth = tokio::time::timeout(PATIENCE, state.pipeline.parts().queue.depth()).await;
    show(depth.ok().and_then(Result::ok));
    let render = |metrics: &PrometheusHandle| {
        metrics.run_upkeep();
        metrics.render()
    };
    let text = state.metrics.as_ref().map(render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The queue's depth as gauges. Where it isn't known they are NaN: the figures of before would look like those of now.
fn show(depth: Option<QueueDepth>) {
    let figure = |of: fn(&QueueDepth) -> u64| depth.as_ref().map_or(f64::NAN, |depth| of(depth) as f64);
    for (name, tasks) in [
        ("ready", figure(|depth| depth.ready)),
        ("delayed", figure(|depth| depth.delayed)),
        ("leased", figure(|depth| depth.leased)),
        ("dead", figure(|depth| depth.dead)),
    ] {
        metrics::gauge!("sealpost_queue_tasks", "state" => name).set(tasks);
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn a_depth_that_is_not_known_is_no_figure_of_before() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let shown = |depth| {
            metrics::with_local_recorder(&recorder, || show(depth));
            metrics.render()
        };
        let known = shown(Some(QueueDepth { ready: 7, delayed: 0, leased: 0, dead: 2 }));
        assert!(known.contains("sealpost_queue_tasks{state=\"ready\"} 7"), "{known}");
        assert!(known.contains("sealpost_queue_tasks{state=\"dead\"} 2"), "{known}");
        let unknown = shown(None);
        for state in ["ready", "delayed", "leased", "dead"] {
            assert!(unknown.contains(&format!("sealpost_queue_tasks{{state=\"{state}\"}} NaN")), "{unknown}");
        }
    }
}
