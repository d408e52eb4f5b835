//! `POST /v1/reports`: ask for a report. A 202 means that it is durable.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::Job;
use sealpost_core::partner::Partner;
use sealpost_core::port::Admitted;
use sealpost_pipeline::watch::Snapshot;
use sealpost_pipeline::{Ask, Pipeline};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::wire::{self, Report};
use crate::authenticate::Caller;
use crate::base_path::BasePath;
use crate::body::JsonBody;
use crate::conditional;
use crate::plane::Plane;
use crate::problem::{Problem, in_header};
use crate::state::State;
use crate::wait::Patience;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "report_type": "contracts.v1", "parameters": {"from": "2026-01-01", "to": "2026-02-01"}, "format": "csv",
    "format_options": {"delimiter": ";"}, "deliver": true
}))]
pub struct ReportRequest {
    /// A report type of `GET /v1/report-types`.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]*$", max_length = 100)]
    pub(crate) report_type: String,
    /// Its parameters; their JSON Schema stands with the report type.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) parameters: Map<String, Value>,
    /// A format of the report type; its default when absent.
    #[serde(default)]
    pub(crate) format: Option<String>,
    /// Options of the format; their JSON Schema stands with the report type.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) format_options: Map<String, Value>,
    /// Whether the file is sent to your servers. When absent: if you have any. `false` to fetch it yourself.
    #[serde(default)]
    pub(crate) deliver: Option<bool>,
}

impl From<ReportRequest> for Ask {
    fn from(request: ReportRequest) -> Self {
        let ReportRequest { report_type, parameters, format, format_options, deliver } = request;
        Self { report_type, parameters, format, format_options, deliver }
    }
}

/// Ask for a report.
///
/// The report is produced in the background: poll the path in `Location`. Send an `Idempotency-Key` of your own choice, so that
/// you can repeat the request when the connection breaks off and still get one report.
#[utoipa::path(post, path = "/v1/reports", operation_id = "createReport", tag = "reports",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters, kept for 24 hours. The same key with the same request gives the first report again, with `Idempotent-Replayed: true`; with another request it is refused.", min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$", example = "2026-02-contracts"),
        ("Prefer" = Option<String>, Header, description = "`wait=N` (RFC 7240): the answer comes when the report has been produced, or can't be, after N seconds at the latest; at most 25. The status is 202 all the same; look at `status`.", example = "wait=10"),
    ),
    request_body = ReportRequest,
    responses(
        (status = 202, description = "Accepted: it will be produced, whatever happens to our processes.", body = Report,
            headers(
                ("Location" = String, description = "The report's path."),
                ("Retry-After" = u64, description = "Seconds until it is worth looking."),
                ("Preference-Applied" = String, description = "`wait=N`, where the answer could wait that long."),
                ("Idempotent-Replayed" = String, description = "`true` where an earlier request had the same key."),
            )),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or names a report type (`SP-REQUEST-002`), format (`SP-REQUEST-004`) or format option (`SP-REQUEST-005`) that does not exist; a report type that is not granted to you answers like that, too. `errors` names every field that is wrong."),
        (status = 403, description = "The format is not granted to you (`SP-REQUEST-003`), or the credentials do not allow asking for reports."),
        (status = 409, description = "You have no usable certificate (`SP-REQUEST-006`), or there is no destination to deliver to (`SP-REQUEST-007`)."),
        (status = 422, description = "The idempotency key was used with another request (`SP-REQUEST-014`)."),
        (status = 429, description = "Too many of your reports are queued or running (`SP-REQUEST-013`), or too many requests came in a short time."),
    ))]
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    patience: Patience,
    base: BasePath,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ReportRequest>,
) -> Result<Response, Problem> {
    let (job, replayed) = submit(&state.pipeline, &partner, &headers, request).await?;
    if patience.is_asked() && !job.status.is_terminal() {
        // In a place of its own: what is needed seldom would make every request's future large.
        return Box::pin(wait(&state, &partner, patience, job, replayed, &base)).await;
    }
    accepted(&state.pipeline, job, replayed, Plane::Partner, &base).await
}

/// Answers when the report is over, or the caller's patience is.
async fn wait(
    state: &State,
    partner: &Partner,
    patience: Patience,
    job: Job,
    replayed: bool,
    base: &BasePath,
) -> Result<Response, Problem> {
    let is_over = |found: &Snapshot| found.job.status.is_terminal();
    let (found, waited) = patience.until(&state.pipeline, &state.waiting, &partner.id, &job.id, is_over).await;
    let found = match (found, &waited) {
        (None, Some(_)) => look(&state.pipeline, partner, &patience, &job.id).await,
        (found, _) => found,
    };
    // Whatever comes in between: it was admitted, and is told as it was then. It had no deliveries: they come with the file.
    let known = found.unwrap_or_else(|| Arc::new(Snapshot { job, deliveries: Vec::new() }));
    let report = Report::of(&known.job, &known.deliveries, Plane::Partner, base);
    let mut response = told(location(Plane::Partner, &known.job.id), &report, replayed)?;
    if let Some(applied) = waited {
        applied.write(response.headers_mut());
    }
    Ok(response)
}

/// The report as it is now, where the ledger says so in time.
async fn look(pipeline: &Pipeline, partner: &Partner, patience: &Patience, id: &JobId) -> Option<Arc<Snapshot>> {
    match tokio::time::timeout(patience.left(), pipeline.snapshot(partner, id)).await {
        Ok(Ok(snapshot)) => Some(Arc::new(snapshot)),
        Ok(Err(error)) => {
            tracing::warn!(target: "sealpost::http", report = %id, %error, "it was admitted, and can't be looked at");
            None
        }
        Err(_) => {
            tracing::warn!(target: "sealpost::http", report = %id, "it was admitted, and a look at it takes too long");
            None
        }
    }
}

/// Admits a report of a partner for somebody who called a listener of ours.
pub(crate) async fn admit(
    pipeline: &Pipeline,
    partner: &Partner,
    headers: &HeaderMap,
    request: ReportRequest,
    plane: Plane,
) -> Result<Response, Problem> {
    let (job, replayed) = submit(pipeline, partner, headers, request).await?;
    accepted(pipeline, job, replayed, plane, &BasePath::NONE).await
}

/// Admits a report, and tells whether it was there before.
async fn submit(
    pipeline: &Pipeline,
    partner: &Partner,
    headers: &HeaderMap,
    request: ReportRequest,
) -> Result<(Job, bool)> {
    let key = idempotency_key(headers)?;
    Ok(match pipeline.submit(partner, &request.into(), key).await? {
        Admitted::New(job) => (job, false),
        Admitted::Replayed(job) => (job, true),
    })
}

async fn accepted(
    pipeline: &Pipeline,
    job: Job,
    replayed: bool,
    plane: Plane,
    base: &BasePath,
) -> Result<Response, Problem> {
    let location = location(plane, &job.id);
    told(location, &Report::load(pipeline, job, plane, base).await?, replayed)
}

/// Where a report is.
fn location(plane: Plane, id: &JobId) -> Option<HeaderValue> {
    // The edge puts the base path before it, as with every location.
    HeaderValue::try_from(wire::path(&BasePath::NONE, plane, id)).ok()
}

/// That it was admitted.
fn told(location: Option<HeaderValue>, report: &Report, replayed: bool) -> Result<Response, Problem> {
    let look_again = report.look_again_in(Timestamp::now());
    let mut response = conditional::json(report.json()?.into());
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    if let Some(location) = location {
        headers.insert(header::LOCATION, location);
    }
    if let Some(seconds) = look_again {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The caller's idempotency key (draft-ietf-httpapi-idempotency-key-header-07).
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value
        .to_str()
        .ok()
        .filter(|text| (1..=255).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text)),
        _ => {
            let field = in_header("idempotency-key", "expected once, with 1 to 255 printable ASCII characters");
            Err(Error::new(&codes::request::INVALID, "the idempotency key is not valid").with_fields(vec![field]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).expect("a header value"));
        }
        idempotency_key(&headers).map(|key| key.map(str::to_owned))
    }

    #[test]
    fn keys_are_short_printable_and_single() {
        assert_eq!(read(&[]).expect("none"), None);
        assert_eq!(read(&[b"a b~"]).expect("a key"), Some("a b~".to_owned()));
        assert!(read(&[&[b'x'; 255]]).is_ok());
        for bad in [&[&b""[..]][..], &[&[b'x'; 256]], &[b"a", b"a"], &["ä".as_bytes()], &[b"a\tb"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
