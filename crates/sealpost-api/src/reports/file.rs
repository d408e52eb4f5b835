//! `GET /v1/reports/{id}/file`: the sealed file, whole or in part, in constant memory.

use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::sealed::SealedFile;
use sealpost_pipeline::seats::Seat;

use super::range::{Wanted, wanted};
use crate::authenticate::Caller;
use crate::conditional;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// What a sealed file is to HTTP.
const OCTETS: &str = "application/octet-stream";
/// RFC 9530.
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Fetch the encrypted file.
///
/// The bytes are the same however often you ask, so a download that broke off can be resumed by `Range` with `If-Range`.
///
/// A service may answer with a link to its store instead (`307`): follow it without your credentials. There, resume by `Range` alone.
#[utoipa::path(get, path = "/v1/reports/{id}/file", operation_id = "fetchReportFile", tag = "reports",
    params(
        ("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("Range" = Option<String>, Header, description = "One range of bytes, to resume.", example = "bytes=1048576-"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of what you have so far: where the file is another one, all of it is sent."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what you have."),
    ),
    responses(
        (status = 200, description = "The file: an OpenPGP message. `HEAD` gives the headers alone.", body = [u8], content_type = "application/octet-stream",
            headers(
                ("ETag" = String, description = "The file's SHA-256, in quotes."),
                ("Repr-Digest" = String, description = "The file's SHA-256 as RFC 9530 has it."),
                ("Content-Disposition" = String, description = "The file's name."),
                ("Accept-Ranges" = String, description = "`bytes`."),
            )),
        (status = 206, description = "The range that was asked for.", body = [u8], content_type = "application/octet-stream",
            headers(("Content-Range" = String, description = "Which bytes of how many."))),
        (status = 304, description = "You have it already."),
        (status = 307, description = "The file is at `Location`, for a few minutes and for whoever has the link. `Range` goes there too; `HEAD` is answered here.",
            headers(
                ("Location" = String, description = "The link."),
                ("ETag" = String, description = "The file's SHA-256, in quotes; the store has another one."),
                ("Repr-Digest" = String, description = "The file's SHA-256 as RFC 9530 has it."),
                ("Content-Disposition" = String, description = "The file's name."),
            )),
        (status = 409, description = "It is not ready yet (`SP-REQUEST-016`; look again after `Retry-After`), there will be none, since the report failed or was cancelled (`SP-REQUEST-015`), or it is larger than an answer may be where this service runs (`SP-REQUEST-043`; fetch it in parts by `Range`)."),
        (status = 410, description = "It has expired or was deleted (`SP-REQUEST-017`)."),
        (status = 416, description = "The range lies outside the file (`SP-REQUEST-018`); `Content-Range` has its size."),
    ))]
pub(crate) async fn file(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (file, object) = state.pipeline.file(&partner, &id).await?;
    let tag = conditional::quoted(&file.sha256);
    let link = match state.links {
        Some(valid) if method == Method::GET && !conditional::is_unchanged(&headers, &tag) => {
            let name = disposition(file.key.file_name.as_str());
            object.link(valid, OCTETS, &name).await?
        }
        _ => None,
    };
    if let Some(link) = link {
        return Ok(redirected(&file, &tag, &link));
    }
    let mut response = if conditional::is_unchanged(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        // Range is defined for GET only (RFC 9110, section 14.2).
        let wanted = if method == Method::GET { wanted(&headers, file.size, &tag) } else { Wanted::Whole };
        let (start, end, status) = match wanted {
            Wanted::Whole => (0, file.size, StatusCode::OK),
            Wanted::Part { start, end } => (start, end, StatusCode::PARTIAL_CONTENT),
            Wanted::Outside => return Err(outside(&file)),
        };
        let content = if method == Method::GET {
            let seat = state.downloads.seat(&partner.id)?;
            body(&id, seat, object.stream(start..end))
        } else {
            Body::empty()
        };
        let mut response = (status, content).into_response();
        describe(response.headers_mut(), &file, start, end, status);
        response
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    // The bytes never change, but who may have them can: always ask again.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// What is known of the file, and where it is. The link opens it for anybody: it is for no cache.
fn redirected(file: &SealedFile, tag: &str, link: &str) -> Response {
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    let headers = response.headers_mut();
    for (name, value) in [(header::LOCATION, link), (header::ETAG, tag)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    identify(headers, file);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

fn outside(file: &SealedFile) -> Problem {
    let error = Error::new(&codes::request::RANGE, format!("the file has {} bytes", file.size));
    Problem::from(error).with_header(header::CONTENT_RANGE, &format!("bytes */{}", file.size))
}

fn describe(headers: &mut HeaderMap, file: &SealedFile, start: u64, end: u64, status: StatusCode) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(OCTETS));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    identify(headers, file);
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {start}-{}/{}", end - 1, file.size))
    {
        headers.insert(header::CONTENT_RANGE, value);
    }
}

/// The file's name and digest.
fn identify(headers: &mut HeaderMap, file: &SealedFile) {
    if let Ok(value) = HeaderValue::from_str(&disposition(file.key.file_name.as_str())) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    let digest = hex::decode(&file.sha256).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&format!("sha-256=:{}:", STANDARD.encode(digest))) {
        headers.insert(REPR_DIGEST, value);
    }
}

/// RFC 6266. File names have letters of any script, which need RFC 8187's form.
fn disposition(name: &str) -> String {
    if name.is_ascii() {
        return format!("attachment; filename=\"{name}\"");
    }
    let plain: String = name.chars().map(|character| if character.is_ascii() { character } else { '_' }).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'+' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A body of the store's bytes. When the store fails midway the connection breaks off, which the caller sees by
/// `Content-Length`; it is logged here, since the status is long sent. The seat is taken until the body is dropped: when
/// all of it is sent, or the connection has ended.
fn body(id: &JobId, seat: Seat, bytes: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Body {
    let id = id.clone();
    Body::from_stream(bytes.inspect_err(move |error| {
        // Named here to be kept as long as the stream is.
        let _seat = &seat;
        tracing::error!(target: "sealpost::http", report = %id, code = error.code().id, error = ?error, "download broke off");
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_header() {
        assert_eq!(disposition("a_1.csv.pgp"), "attachment; filename=\"a_1.csv.pgp\"");
        assert_eq!(disposition("Bügel.pgp"), "attachment; filename=\"B_gel.pgp\"; filename*=UTF-8''B%C3%BCgel.pgp");
    }
}
