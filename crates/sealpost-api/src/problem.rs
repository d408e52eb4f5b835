//! Problem bodies (RFC 9457), a superset of API Gateway's answers: the one place where an error becomes a status.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use sealpost_core::error::{Code, Error, FieldError, Kind, Retry, codes};
use serde::Serialize;
use utoipa::ToSchema;

use crate::base_path::BasePath;
use crate::plane::Plane;

/// The media type of problem bodies.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// API Gateway's name for the kind of error, which its clients look at.
pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// A failed request on its way out. The edge gives it its body, since only the edge knows request id and plane.
#[derive(Clone)]
pub(crate) struct Problem {
    pub(crate) error: Error,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// Adds a header to the answer.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { error, headers: Vec::new() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status_of(&self.error).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What went wrong, as RFC 9457 has it, with API Gateway's `message` and our members.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "/docs/errors#SP-REQUEST-001", "title": "the request is not valid", "status": 400,
    "detail": "1 of the parameters of contracts.v1 is not valid", "message": "Invalid request body",
    "code": "SP-REQUEST-001", "stage": "request", "side": "caller",
    "advice": "Correct the fields named in `errors` and send the request again.", "retryable": false,
    "request_id": "01kavs0h9yq4m4d2tkv1c7rbn5",
    "errors": [{"pointer": "/parameters/from", "detail": "expected a date such as \"2026-01-31\""}]
}))]
pub(crate) struct ProblemBody {
    /// Where this kind of problem is described: a path of this server.
    r#type: String,
    /// What happened, the same for every occurrence.
    title: &'static str,
    /// The HTTP status, once more.
    status: u16,
    /// What happened to what, this time.
    detail: String,
    /// API Gateway's words for this status.
    #[schema(value_type = String)]
    message: Cow<'static, str>,
    /// Stable code; programs should look at this one.
    code: &'static str,
    /// The part of the flow in which it arose.
    stage: &'static str,
    /// Whose side has to act: `caller`, `partner`, `operator` or `sealpost`.
    #[schema(value_type = String)]
    side: sealpost_core::error::Side,
    /// What to do.
    advice: String,
    /// Whether the same request may succeed later; `Retry-After` says when.
    retryable: bool,
    /// The id of this request, also in the header `x-request-id`.
    request_id: String,
    /// The fields that are wrong, all at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
}

impl ProblemBody {
    /// The body of an error as this plane shows it.
    pub(crate) fn of(error: &Error, plane: Plane, request_id: &str) -> Self {
        let code = error.code();
        let status = status_of(error);
        Self {
            r#type: format!("/docs/errors#{}", code.id),
            title: code.title,
            status: status.as_u16(),
            detail: plane.detail(code.id, code.stage, code.side, error.detail()),
            message: gateway_words(status, error).0,
            code: code.id,
            stage: code.stage.as_str(),
            side: code.side,
            advice: plane.advice(code.id, code.stage, code.side, code.advice),
            retryable: error.is_retried(),
            request_id: request_id.to_owned(),
            errors: error.fields().iter().map(FieldProblem::from).collect(),
        }
    }
}

/// One thing wrong in a request. Exactly one of `pointer`, `parameter` and `header` is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Where in the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// Which query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Which header.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    /// What is wrong and what would be right.
    detail: String,
}

/// A field error about a query parameter. The core's type knows pointers only, so the place carries a mark.
pub(crate) fn in_query(parameter: &str, detail: impl Into<String>) -> FieldError {
    FieldError::new(format!("?{parameter}"), detail)
}

/// A required parameter that is not there, or blank.
pub(crate) fn missing(is_query: bool, name: &str) -> FieldError {
    if is_query { in_query(name, MISSING) } else { in_header(name, MISSING) }
}

const MISSING: &str = "missing or blank";

/// A field error about a header.
pub(crate) fn in_header(header: &str, detail: impl Into<String>) -> FieldError {
    FieldError::new(format!("@{header}"), detail)
}

impl From<&FieldError> for FieldProblem {
    fn from(error: &FieldError) -> Self {
        let (mut pointer, mut parameter, mut header) = (None, None, None);
        match (error.pointer.strip_prefix('?'), error.pointer.strip_prefix('@')) {
            (Some(name), _) => parameter = Some(name.to_owned()),
            (_, Some(name)) => header = Some(name.to_owned()),
            _ => pointer = Some(error.pointer.clone()),
        }
        Self { pointer, parameter, header, detail: error.detail.clone() }
    }
}

/// The status of an error. Kinds decide; the few codes for which HTTP has a status of their own come first.
pub(crate) fn status_of(error: &Error) -> StatusCode {
    let by_code: [(&Code, StatusCode); 12] = [
        // In a request body, so not a 404, which would say that the path is wrong.
        (&codes::request::UNKNOWN_REPORT_TYPE, StatusCode::BAD_REQUEST),
        (&codes::request::METHOD, StatusCode::METHOD_NOT_ALLOWED),
        (&codes::request::SLOW_BODY, StatusCode::REQUEST_TIMEOUT),
        (&codes::request::FILE_GONE, StatusCode::GONE),
        (&codes::request::TOO_LARGE, StatusCode::PAYLOAD_TOO_LARGE),
        (&codes::request::UNSUPPORTED_MEDIA_TYPE, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (&codes::request::RANGE, StatusCode::RANGE_NOT_SATISFIABLE),
        // draft-ietf-httpapi-idempotency-key-header-07, section 2.7
        (&codes::request::IDEMPOTENCY_MISMATCH, StatusCode::UNPROCESSABLE_ENTITY),
        (&codes::request::HEADERS_TOO_LARGE, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (&codes::request::URI_TOO_LONG, StatusCode::URI_TOO_LONG),
        (&codes::request::TIMEOUT, StatusCode::GATEWAY_TIMEOUT),
        // A file that we have lost: the path is right, and somebody has to look for it.
        (&codes::store::MISSING, StatusCode::INTERNAL_SERVER_ERROR),
    ];
    if let Some((_, status)) = by_code.into_iter().find(|(code, _)| error.is(code)) {
        return status;
    }
    match error.kind() {
        // A partner document that a caller sent has fields; one that is broken in our records has none.
        Kind::Config if error.is(&codes::config::PARTNER_FILE) && !error.fields().is_empty() => StatusCode::BAD_REQUEST,
        // So with a certificate.
        _ if error.code().stage == sealpost_core::error::Stage::Seal && !error.fields().is_empty() => {
            StatusCode::BAD_REQUEST
        }
        Kind::InvalidRequest => StatusCode::BAD_REQUEST,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Rejected => StatusCode::BAD_GATEWAY,
        Kind::Integrity | Kind::Config | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// API Gateway's `message` and `x-amzn-ErrorType` for an error. The table of its answers, and where ours differ and why,
/// stands in `tests/it/gateway.rs`.
fn gateway_words(status: StatusCode, error: &Error) -> (Cow<'static, str>, &'static str) {
    if let Some(names) = missing_parameters(error) {
        return (format!("Missing required request parameters: [{names}]").into(), "BadRequestException");
    }
    let (message, error_type) = words(status, error);
    (message.into(), error_type)
}

/// The names, where all that is wrong is that required parameters are missing.
fn missing_parameters(error: &Error) -> Option<String> {
    let names: Option<Vec<&str>> = error
        .fields()
        .iter()
        .map(|field| field.pointer.strip_prefix(['?', '@']).filter(|_| field.detail == MISSING))
        .collect();
    names.filter(|names| !names.is_empty()).map(|names| names.join(", "))
}

fn words(status: StatusCode, error: &Error) -> (&'static str, &'static str) {
    let about_body = error.fields().iter().all(|field| !field.pointer.starts_with(['?', '@']));
    let is = |codes: &[&Code]| codes.iter().any(|code| error.is(code));
    use codes::request as r;
    match status.as_u16() {
        400 if about_body => ("Invalid request body", "BadRequestException"),
        400 => ("Invalid request parameters", "BadRequestException"),
        401 => ("Unauthorized", "UnauthorizedException"),
        // What an authorizer's policy answers: a known caller that it does not allow, or denies.
        403 if is(&[&r::PARTNER_DISABLED]) => {
            ("User is not authorized to access this resource with an explicit deny", "AccessDeniedException")
        }
        403 if is(&[&r::SCOPE_MISSING, &r::IDENTITY_UNKNOWN]) => {
            ("User is not authorized to access this resource", "AccessDeniedException")
        }
        403 => ("Forbidden", "ForbiddenException"),
        404 => ("Not Found", "NotFoundException"),
        405 => ("Method Not Allowed", "MethodNotAllowedException"),
        408 => ("Request Timeout", "RequestTimeoutException"),
        409 => ("Conflict", "ConflictException"),
        410 => ("Gone", "GoneException"),
        413 => ("Request Too Long", "RequestTooLargeException"),
        414 => ("Request URI too long", "RequestUriTooLongException"),
        415 => ("Unsupported Media Type", "UnsupportedMediaTypeException"),
        416 => ("Range Not Satisfiable", "RangeNotSatisfiableException"),
        422 => ("Unprocessable Entity", "UnprocessableEntityException"),
        429 if is(&[&r::QUOTA]) => ("Limit Exceeded", "LimitExceededException"),
        429 => ("Too Many Requests", "TooManyRequestsException"),
        431 => ("Request Header Fields Too Large", "RequestTooLargeException"),
        503 => ("Service Unavailable", "ServiceUnavailableException"),
        504 => ("Endpoint request timed out", "InternalServerErrorException"),
        _ => ("Internal server error", "InternalServerErrorException"),
    }
}

/// Seconds after which a retry makes sense.
fn retry_after(error: &Error) -> Option<u64> {
    match error.retry() {
        Retry::Never => None,
        // Rounded up: who waits that long has waited long enough.
        Retry::After(pause) => Some((pause.as_secs() + u64::from(pause.subsec_nanos() > 0)).max(1)),
        Retry::Backoff if error.is(&codes::request::FILE_NOT_READY) => Some(2),
        Retry::Backoff => Some(5),
    }
}

/// Gives a problem its body and headers, for a caller whose URL begins with this base path.
pub(crate) fn render(problem: &Problem, plane: Plane, request_id: &str, base: &BasePath) -> Response {
    let error = &problem.error;
    let status = status_of(error);
    let (_, error_type) = gateway_words(status, error);
    let mut body = ProblemBody::of(error, plane, request_id);
    body.r#type = base.before(body.r#type);
    let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
    if let Some(seconds) = retry_after(error) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    for (name, value) in &problem.headers {
        headers.insert(name.clone(), value.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_that_fits_its_side() {
        for code in codes::all() {
            let status = status_of(&Error::new(code, ""));
            if code.stage == sealpost_core::error::Stage::Request
                && !matches!(code.kind, Kind::Internal | Kind::Timeout | Kind::Unavailable)
            {
                assert!(status.is_client_error(), "{} is {status}", code.id);
            }
            assert!(status.is_client_error() || status.is_server_error(), "{} is {status}", code.id);
        }
    }

    #[test]
    fn a_document_that_a_caller_sent_is_the_callers_fault_and_a_broken_record_ours() {
        let sent = Error::new(&codes::config::PARTNER_FILE, "").with_fields(vec![FieldError::new("/name", "")]);
        assert_eq!(status_of(&sent), StatusCode::BAD_REQUEST);
        assert_eq!(status_of(&Error::new(&codes::config::PARTNER_FILE, "")), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn places_of_field_errors_are_told_apart() {
        let place = |error: &FieldError| serde_json::to_value(FieldProblem::from(error)).expect("json");
        assert_eq!(place(&in_query("limit", "x"))["parameter"], "limit");
        assert_eq!(place(&in_header("range", "x"))["header"], "range");
        assert_eq!(place(&FieldError::new("/a", "x"))["pointer"], "/a");
        assert_eq!(place(&FieldError::new("", "x"))["pointer"], "");
    }
}
