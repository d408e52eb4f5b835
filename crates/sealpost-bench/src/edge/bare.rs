//! The peer: axum with two routes and nothing behind them. It runs in a process of its own.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

const TAG: &str = "W/\"1\"";

/// Serves on this port until the process is ended.
///
/// # Errors
/// When the port is taken.
pub(crate) fn serve(port: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("a runtime")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.context("listen")?;
        let router = Router::new()
            .route("/healthz", get(async || "ok"))
            .route("/v1/reports", post(create))
            .route("/v1/reports/{id}", get(show));
        axum::serve(listener, router).await.context("serve")
    })
}

async fn show(Path(id): Path<String>, asked: HeaderMap) -> Response {
    if asked.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == TAG) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, TAG)]).into_response();
    }
    let json = [(header::CONTENT_TYPE, "application/json"), (header::ETAG, TAG)];
    (json, body(&id)).into_response()
}

async fn create(request: Bytes) -> Response {
    match serde_json::from_slice::<serde_json::Value>(&request) {
        Ok(_) => (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body("new")).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// About as long as a report.
fn body(id: &str) -> String {
    format!("{{\"id\": \"{id}\", \"filling\": \"{}\"}}", "x".repeat(900))
}
