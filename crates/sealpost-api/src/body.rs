//! JSON bodies: type, size, time and members are checked; what is wrong is addressed by JSON pointer and line.

mod shape;

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http_body_util::BodyExt;
use sealpost_core::error::{Error, FieldError, codes};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::problem::{Problem, in_header};

/// Most bytes of a body.
pub(crate) const LIMIT: usize = 1024 * 1024;
/// How much of a body that is too large is read and thrown away, so that the caller gets to read the answer instead of
/// a reset connection (RFC 9112, section 9.6).
const DISCARD: usize = 16 * LIMIT;
/// How long a body may take.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A body of JSON.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A body of JSON, or none at all.
pub(crate) struct OptionalJsonBody<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        is_json(request.headers())?;
        Ok(Self(parse(&collect(request).await?)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let kind = is_json(request.headers());
        let bytes = collect(request).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        kind?;
        Ok(Self(Some(parse(&bytes)?)))
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), Error> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let kind = text(header::CONTENT_TYPE);
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let coding = text(header::CONTENT_ENCODING);
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        let field = in_header("content-type", "expected application/json");
        return Err(Error::new(&codes::request::UNSUPPORTED_MEDIA_TYPE, "the body is not declared as JSON")
            .with_fields(vec![field]));
    }
    if !coding.is_empty() && coding != "identity" {
        let field = in_header("content-encoding", "expected none");
        return Err(Error::new(&codes::request::UNSUPPORTED_MEDIA_TYPE, "a body with a content coding is not taken")
            .with_fields(vec![field]));
    }
    Ok(())
}

/// Reads a body, within limits of size and time.
pub(crate) async fn collect(request: Request) -> Result<Bytes, Error> {
    match tokio::time::timeout(TIME_LIMIT, read(request)).await {
        Ok(read) => read,
        Err(_) => {
            Err(Error::new(&codes::request::SLOW_BODY, format!("not complete within {} s", TIME_LIMIT.as_secs())))
        }
    }
}

async fn read(request: Request) -> Result<Bytes, Error> {
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Error::new(&codes::request::INVALID, "the body broke off").caused_by(error))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        if size <= LIMIT {
            bytes.extend_from_slice(&data);
        } else {
            bytes.clear();
        }
        if size > DISCARD {
            break;
        }
    }
    if size > LIMIT {
        Err(Error::new(&codes::request::TOO_LARGE, format!("more than {LIMIT} bytes")))
    } else {
        Ok(bytes.freeze())
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if let Some(wrong) = shape::check(bytes) {
        return Err(
            Error::new(&codes::request::INVALID, "the body has not the expected shape").with_fields(vec![wrong])
        );
    }
    // Where it goes wrong is looked for once something is.
    let value = serde_json::from_slice(bytes).or_else(|_| explained(bytes))?;
    // Serde also reads a struct from an array of its members, which nobody means.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let field = FieldError::new("", "expected an object");
        return Err(
            Error::new(&codes::request::INVALID, "the body has not the expected members").with_fields(vec![field])
        );
    }
    Ok(value)
}

/// Reads a value, and says of what can't be read where it stands.
fn explained<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let refused = |place: String, error: &serde_json::Error| {
        let what = if error.is_data() { "the body has not the expected members" } else { "the body is not JSON" };
        Error::new(&codes::request::INVALID, what).with_fields(vec![FieldError::new(place, error.to_string())])
    };
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = if error.inner().is_data() { pointer(error.path()) } else { String::new() };
        refused(place, error.inner())
    })?;
    json.end().map_err(|error| refused(String::new(), &error))?;
    Ok(value)
}

/// The JSON pointer of a path (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        text.push('/');
        text.push_str(&name);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_wrong_member_is_named_by_pointer_and_line() {
        let error = parse::<BTreeMap<String, Vec<u8>>>(b"{\n\"a/b\": [1, \"x\"]}").expect_err("wrong type");
        assert_eq!(error.fields()[0].pointer, "/a~1b/1");
        assert!(error.fields()[0].detail.contains("line 2"), "{:?}", error.fields());
    }

    #[test]
    fn an_array_of_members_is_no_object() {
        #[derive(Debug, serde::Deserialize)]
        struct One {
            #[expect(dead_code, reason = "only read")]
            name: String,
        }
        assert!(parse::<One>(br#" {"name": "a"}"#).is_ok());
        let error = parse::<One>(br#"["a"]"#).expect_err("an array");
        assert_eq!(error.fields()[0].detail, "expected an object");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        // A byte every second is no body either.
        let drops = futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        });
        let request = Request::builder()
            .header("content-type", "application/json")
            .body(axum::body::Body::from_stream(drops))
            .expect("a request");
        let begun = tokio::time::Instant::now();
        let problem = JsonBody::<serde_json::Value>::from_request(request, &()).await.err().expect("refused");
        assert!(problem.error.is(&codes::request::SLOW_BODY));
        assert_eq!(begun.elapsed(), TIME_LIMIT);
    }

    #[test]
    fn what_is_not_json_is_said_to_be_so() {
        for bad in [&b""[..], b"{", b"{} x", b"\xff", b"{\"a\": [}"] {
            let error = parse::<serde_json::Value>(bad).expect_err("not JSON");
            assert_eq!(error.detail(), "the body is not JSON", "{bad:?}");
        }
    }
}
