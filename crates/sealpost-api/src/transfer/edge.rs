//! What every request passes: request id, panics, time limit, one line of access log.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use sealpost_core::error::{Error, codes};
use sealpost_core::id::{AccessKeyId, TransferId};

use super::refusal::{Refusal, Refused};
use crate::serve::ClientAddress;

/// The name that clients show as the request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// How long an answer may take. Stock clients give up after 60 seconds.
const TIME_LIMIT: Duration = Duration::from_secs(55);

/// What the layers of one request tell each other, for the log.
#[derive(Clone, Default)]
pub(super) struct Trail {
    pub(super) operation: Arc<OnceLock<&'static str>>,
    pub(super) caller: Arc<OnceLock<AccessKeyId>>,
}

/// The outermost layer.
pub(super) async fn edge(mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    // A UUID, as the service has them. Always our own: one that a caller chooses could be used to forge the log.
    let request_id = TransferId::fresh();
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    let client = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| address.to_string());
    let method = request.method().clone();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match tokio::time::timeout(TIME_LIMIT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => internal("the operation panicked"),
        Err(_) => internal(&format!("no answer within {} s", TIME_LIMIT.as_secs())),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    log(&response, &trail, &method, request_id.as_str(), client.as_deref().unwrap_or("-"), begun.elapsed());
    response
}

fn internal(detail: &str) -> Response {
    Refusal::internal(Error::new(&codes::request::INTERNAL, detail)).into_response()
}

/// One line per request: never a body, a path of a file, or anything of a secret.
fn log(response: &Response, trail: &Trail, method: &Method, request_id: &str, client: &str, elapsed: Duration) {
    let status = response.status().as_u16();
    let operation = trail.operation.get().copied().unwrap_or("-");
    let caller = trail.caller.get().map_or("-", AccessKeyId::as_str);
    let refused = response.extensions().get::<Refused>();
    let error_type = refused.map_or("-", |refused| refused.shape);
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if let Some(cause) = refused.and_then(|refused| refused.cause.as_ref()) {
        // The one place where a failed request is logged with its cause.
        tracing::error!(target: "sealpost::http", plane = "transfer", %method, operation, status, elapsed_ms, request_id, client, caller, error_type, error = ?cause, "request failed");
    } else {
        tracing::info!(target: "sealpost::http", plane = "transfer", %method, operation, status, elapsed_ms, request_id, client, caller, error_type, "request");
    }
    metrics::histogram!("sealpost_transfer_request_seconds", "operation" => operation, "status" => status.to_string())
        .record(elapsed.as_secs_f64());
}

/// Everything is at `/`.
pub(super) async fn unknown_path() -> Refusal {
    let message = "There is nothing at this path: every operation is POST / with the header X-Amz-Target.";
    Refusal::new("UnknownOperationException", StatusCode::NOT_FOUND, message)
}

/// Everything is a POST.
pub(super) async fn wrong_method() -> Refusal {
    let message = "Every operation is POST / with the header X-Amz-Target.";
    Refusal::new("UnknownOperationException", StatusCode::METHOD_NOT_ALLOWED, message)
}
