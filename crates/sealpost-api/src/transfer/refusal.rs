//! Refusals in the shapes of AWS Transfer Family's model: the one place where an error becomes a shape.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use sealpost_core::error::{Error, Kind, Retry, codes};
use serde_json::{Map, Value as Json};

/// The media type of requests and answers.
pub(super) const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Shorthand.
pub(super) type Result<T, E = Refusal> = std::result::Result<T, E>;

/// A call that was not carried out. Boxed, since it is the rare way out of everything.
#[derive(Debug)]
pub(super) struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    /// The name of the error's shape, which clients make their exception of.
    shape: &'static str,
    status: StatusCode,
    message: String,
    /// Members of the shape beside `Message`.
    members: Vec<(&'static str, String)>,
    /// For the log, where it is our fault.
    cause: Option<Error>,
}

impl Refusal {
    pub(super) fn new(shape: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { shape, status, message: message.into(), members: Vec::new(), cause: None }))
    }

    /// `InvalidRequestException`: the caller has to send something else.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidRequestException", StatusCode::BAD_REQUEST, message)
    }

    /// `SerializationException`: not JSON, or a member of another type than the model's.
    pub(super) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new("ConflictException", StatusCode::BAD_REQUEST, message)
    }

    /// `ResourceNotFoundException`.
    pub(super) fn not_found(kind: &'static str, resource: &str) -> Self {
        let mut refusal =
            Self::new("ResourceNotFoundException", StatusCode::BAD_REQUEST, format!("Unknown {}", kind.to_lowercase()));
        refusal.0.members = vec![("Resource", resource.to_owned()), ("ResourceType", kind.to_owned())];
        refusal
    }

    /// `ThrottlingException`. The model gives it no message; ours is for people who read logs.
    pub(super) fn throttled(message: impl Into<String>, wait: Duration) -> Self {
        let mut refusal = Self::new("ThrottlingException", StatusCode::BAD_REQUEST, message);
        // Rounded up: who waits that long has waited long enough.
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
        refusal.0.members = vec![("RetryAfterSeconds", seconds.to_string())];
        refusal
    }

    /// `InternalServiceError`, which clients repeat. What happened is for the log.
    pub(super) fn internal(cause: Error) -> Self {
        let message = "An internal error. Tell the operator the request id if it stays.";
        let mut refusal = Self::new("InternalServiceError", StatusCode::INTERNAL_SERVER_ERROR, message);
        refusal.0.cause = Some(cause);
        refusal
    }

    fn unavailable(cause: Error) -> Self {
        let message = format!("The service can't do this at the moment: {} ({}).", cause.code().title, cause.code().id);
        let mut refusal = Self::new("ServiceUnavailableException", StatusCode::INTERNAL_SERVER_ERROR, message);
        refusal.0.cause = Some(cause);
        refusal
    }

    fn body(&self) -> Json {
        let mut body = Map::new();
        body.insert("__type".to_owned(), self.0.shape.into());
        body.insert("Message".to_owned(), self.0.message.as_str().into());
        for (name, value) in &self.0.members {
            body.insert((*name).to_owned(), value.as_str().into());
        }
        Json::Object(body)
    }
}

/// What the edge logs of a refusal.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) shape: &'static str,
    pub(super) cause: Option<Error>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = answer(self.0.status, &self.body());
        let headers = response.headers_mut();
        headers.insert(ERROR_TYPE, HeaderValue::from_static(self.0.shape));
        if let Some((_, seconds)) = self.0.members.iter().find(|(name, _)| *name == "RetryAfterSeconds")
            && let Ok(seconds) = HeaderValue::from_str(seconds)
        {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(Refused { shape: self.0.shape, cause: self.0.cause });
        response
    }
}

/// An answer with a JSON body.
pub(super) fn answer(status: StatusCode, body: &Json) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let with_code = |error: &Error| format!("{} ({})", error.detail(), error.code().id);
        if error.is(&codes::request::TOO_MANY_ACTIVE) {
            let wait = match error.retry() {
                Retry::After(pause) => pause,
                _ => Duration::from_secs(1),
            };
            return Self::throttled(with_code(&error), wait);
        }
        if error.is(&codes::request::IDEMPOTENCY_MISMATCH) || error.is(&codes::ledger::IN_USE) {
            return Self::conflict(with_code(&error));
        }
        // The service has no shape for "as many as you may have" but this one.
        if error.is(&codes::request::TOO_MANY) || error.is(&codes::store::NAME) {
            return Self::invalid(with_code(&error));
        }
        match error.kind() {
            Kind::InvalidRequest => Self::invalid(error.detail()),
            Kind::Conflict => Self::conflict(with_code(&error)),
            Kind::Forbidden | Kind::Unauthorized => {
                Self::new("AccessDeniedException", StatusCode::BAD_REQUEST, with_code(&error))
            }
            Kind::Throttled => Self::throttled(with_code(&error), Duration::from_secs(1)),
            Kind::Unavailable | Kind::Timeout => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: Error) -> Json {
        Refusal::from(error).body()
    }

    #[test]
    fn errors_become_the_shapes_of_the_model() {
        let full = body(Error::new(&codes::request::TOO_MANY_ACTIVE, "1,000 wait"));
        assert_eq!((&full["__type"], &full["RetryAfterSeconds"]), (&"ThrottlingException".into(), &"1".into()));
        let gone = Refusal::not_found("Connector", "c-0123456789abcdef0").body();
        assert_eq!((&gone["Resource"], &gone["ResourceType"]), (&"c-0123456789abcdef0".into(), &"Connector".into()));
        for (code, shape) in [
            (&codes::request::IDEMPOTENCY_MISMATCH, "ConflictException"),
            (&codes::ledger::IN_USE, "ConflictException"),
            (&codes::request::TOO_MANY, "InvalidRequestException"),
            (&codes::request::INVALID, "InvalidRequestException"),
            (&codes::ledger::UNREACHABLE, "ServiceUnavailableException"),
            (&codes::ledger::CORRUPT, "InternalServiceError"),
        ] {
            assert_eq!(body(Error::new(code, "x"))["__type"], shape, "{}", code.id);
        }
    }

    #[test]
    fn what_our_database_said_stays_inside() {
        for code in [&codes::ledger::UNREACHABLE, &codes::ledger::CORRUPT, &codes::config::INVALID] {
            let body = body(Error::new(code, "host db.internal")).to_string();
            assert!(!body.contains("db.internal"), "{body}");
        }
    }
}
