//! A response as the gateway wants it, within what a function may answer.

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{self, HeaderMap};
use http_body_util::BodyExt;
use sealpost_core::error::{Error, codes};
use serde_json::{Map, Value as Json, json};

use super::event::Event;
use crate::base_path::BasePath;
use crate::plane::Plane;
use crate::problem::{self, Problem};
use crate::{edge, throttle};

/// Lambda takes answers of 6 MiB. Headers and the JSON around them get this much of it.
const ROOM: usize = 128 * 1024;
/// Most characters of a body in the answer, as it is encoded there.
const MOST_ENCODED: usize = 6 * 1024 * 1024 - ROOM;
/// Most bytes of a body that is not text: base64 makes four of three.
const MOST_BYTES: usize = MOST_ENCODED / 4 * 3;

/// The response to an event, whose URL begins with this base path.
pub(super) async fn write(response: Response, event: &Event<'_>, base: &BasePath) -> Json {
    let (parts, body) = response.into_parts();
    let is_stream = kind(&parts.headers) == "text/event-stream";
    let fits = event.method == Method::HEAD || length(&parts.headers).is_none_or(|length| length <= MOST_BYTES as u64);
    let collected = match fits {
        true if is_stream => Ok(first_event(body).await),
        true => collect(body).await,
        false => Err(too_large()),
    };
    let body = collected.and_then(|bytes| Encoded::of(&bytes, &parts.headers));
    match body {
        Ok(body) => shape(event, parts.status.as_u16(), &parts.headers, body),
        Err(error) => {
            // The answer that the router gave is in the log already; this says why nobody gets it.
            let id = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok());
            let id = id.unwrap_or(event.request_id());
            tracing::warn!(target: "sealpost::http", code = error.code().id, error = ?error, request_id = id, "an answer is not handed on");
            let mut refusal = problem::render(&Problem::from(error), Plane::Partner, id, base);
            // As the edge does it with problems: what the answer said of itself, such as who may keep it, is not of this one.
            edge::secure(refusal.headers_mut(), id);
            for name in throttle::FIELD_NAMES {
                if let Some(value) = parts.headers.get(&name) {
                    refusal.headers_mut().insert(name, value.clone());
                }
            }
            let (parts, body) = refusal.into_parts();
            let bytes = collect(body).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            shape(event, parts.status.as_u16(), &parts.headers, Encoded { text, is_base64: false })
        }
    }
}

fn shape(event: &Event<'_>, status: u16, headers: &HeaderMap, body: Encoded) -> Json {
    let mut cookies = Vec::new();
    let mut fields = Map::new();
    for name in headers.keys() {
        // The gateway counts for itself, except where there is nothing to count.
        if name == header::TRANSFER_ENCODING || (name == header::CONTENT_LENGTH && event.method != Method::HEAD) {
            continue;
        }
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if event.is_v2 && name == header::SET_COOKIE {
            cookies.extend(values);
        } else if event.is_v2 {
            fields.insert(name.to_string(), Json::from(values.collect::<Vec<_>>().join(", ")));
        } else {
            fields.insert(name.to_string(), values.collect());
        }
    }
    let mut answer = json!({"statusCode": status, "isBase64Encoded": body.is_base64, "body": body.text});
    answer[if event.is_v2 { "headers" } else { "multiValueHeaders" }] = Json::Object(fields);
    if event.is_v2 {
        answer["cookies"] = Json::from(cookies);
    }
    answer
}

/// A body as JSON takes it.
struct Encoded {
    text: String,
    is_base64: bool,
}

impl Encoded {
    fn of(bytes: &Bytes, headers: &HeaderMap) -> Result<Self, Error> {
        let kind = kind(headers);
        let is_textual =
            kind.starts_with("text/") || kind.contains("json") || kind.ends_with("/xml") || kind.ends_with("+xml");
        let text = std::str::from_utf8(bytes).ok().filter(|_| is_textual || bytes.is_empty());
        match text {
            Some(text) if escaped(text) <= MOST_ENCODED => Ok(Self { text: text.to_owned(), is_base64: false }),
            _ if bytes.len() <= MOST_BYTES => Ok(Self { text: STANDARD.encode(bytes), is_base64: true }),
            _ => Err(too_large()),
        }
    }
}

/// Characters of a text in JSON.
fn escaped(text: &str) -> usize {
    let one = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(one).sum()
}

fn kind(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(mut body: Body) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Error::new(&codes::request::INTERNAL, "the answer broke off").caused_by(error))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > MOST_ENCODED {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

/// A function's answer goes out as a whole: a stream that went on would keep the client waiting for what is there already. So
/// it ends with its first event, and the client comes back with `Last-Event-ID` for the next one.
async fn first_event(mut body: Body) -> Bytes {
    let mut bytes = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        bytes.extend_from_slice(&data);
        // Comments keep a connection alive that is none here.
        if !data.starts_with(b":") {
            break;
        }
    }
    bytes.freeze()
}

fn too_large() -> Error {
    let detail = format!("behind this gateway an answer has at most {MOST_BYTES} bytes");
    Error::new(&codes::request::ANSWER_TOO_LARGE, detail)
}
