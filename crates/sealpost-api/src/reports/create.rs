//! `POST /v1/reports`: ask for a report. A 202 means that it is durable.

use axum::Json;
use axum::extract;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::partner::Partner;
use sealpost_core::port::Admitted;
use sealpost_pipeline::{Ask, Pipeline};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::wire::Report;
use crate::authenticate::Caller;
use crate::body::JsonBody;
use crate::plane::Plane;
use crate::problem::{Problem, in_header};
use crate::state::State;

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
#[utoipa::path(post, path = "/v1/reports", operation_id = "createReport", tag = "reports",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters. The same key with the same request gives the first answer again, with `Idempotent-Replayed: true`.", example = "2026-02-contracts")),
    request_body = ReportRequest,
    responses(
        (status = 202, description = "Accepted: it will be produced, whatever happens to our processes.", body = Report,
            headers(
                ("Location" = String, description = "The report's path."),
                ("Retry-After" = u64, description = "Seconds until it is worth looking."),
                ("Idempotent-Replayed" = String, description = "`true` where an earlier request had the same key."),
            )),
        (status = 409, description = "The partner has no usable certificate or no destination."),
        (status = 422, description = "The idempotency key was used with another request."),
        (status = 429, description = "Too many reports are queued or running."),
    ))]
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ReportRequest>,
) -> Result<Response, Problem> {
    admit(&state.pipeline, &partner, &headers, request, Plane::Partner).await
}

/// Admits a report of a partner, on either plane.
pub(crate) async fn admit(
    pipeline: &Pipeline,
    partner: &Partner,
    headers: &HeaderMap,
    request: ReportRequest,
    plane: Plane,
) -> Result<Response, Problem> {
    let key = idempotency_key(headers)?;
    let (job, replayed) = match pipeline.submit(partner, &request.into(), key).await? {
        Admitted::New(job) => (job, false),
        Admitted::Replayed(job) => (job, true),
    };
    let report = Report::load(pipeline, job, plane).await?;
    let location = HeaderValue::from_str(report.location()).ok();
    let look_again = report.look_again_in(Timestamp::now());
    let mut response = (StatusCode::ACCEPTED, Json(report)).into_response();
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
