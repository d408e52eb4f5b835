//! One answer of a service, read: success, or the error that it names.

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use sealpost_core::error::reasons;
use serde_json::Value;

use crate::{Fault, Refused};

/// Most bytes of an answer. The longest that we ask for are 25 items of DynamoDB with 400 KB each, whose quotes are escaped.
const LARGEST: usize = 20 * 1024 * 1024;
/// Most characters that are repeated of a service's message.
const LONGEST_MESSAGE: usize = 1000;

/// The body of a success; empty for operations without an answer.
///
/// # Errors
/// [`Fault::Refused`] for any other status than 200, [`Fault::Lost`] and [`Fault::Answer`] where it can't be read.
pub(crate) async fn read(response: Response) -> Result<Vec<u8>, Fault> {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = body(response).await?;
    if status == StatusCode::OK { Ok(body) } else { Err(refusal(status, &headers, &body)) }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Fault::Answer(format!("its answer has more than {LARGEST} bytes"))),
            Ok(None) => return Ok(body),
            Err(error) => return Err(Fault::Lost(reasons(&error.without_url()))),
        }
    }
}

/// The name is in `__type`, as `Name` or `namespace#Name`, or in a header, as `Name:address`.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| json.get(name).and_then(Value::as_str);
    let kind = text("__type").or_else(|| text("code")).or_else(|| header("x-amzn-errortype")).unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let message = text("Message").or_else(|| text("message")).unwrap_or_default();
    Fault::Refused(Refused {
        status: status.as_u16(),
        kind: plain(kind, 100),
        message: plain(message, LONGEST_MESSAGE),
        request_id: header("x-amzn-requestid").map(|id| plain(id, 100)),
        reasons: json
            .get("CancellationReasons")
            .and_then(|reasons| serde_json::from_value(reasons.clone()).ok())
            .unwrap_or_default(),
    })
}

/// What a service says goes into logs and records: no control characters, no end in sight.
fn plain(text: &str, most: usize) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_named_in_the_body_or_a_header() {
        let read = |body: &str, header: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert("x-amzn-errortype", value.parse().unwrap());
            }
            match refusal(StatusCode::BAD_REQUEST, &headers, body.as_bytes()) {
                Fault::Refused(refused) => (refused.kind, refused.message),
                other => panic!("{other}"),
            }
        };
        let named = ("ResourceNotFoundException".to_owned(), "Unknown connector".to_owned());
        for body in [
            r#"{"__type":"ResourceNotFoundException","Message":"Unknown connector"}"#,
            r#"{"__type":"com.amazonaws.transfer#ResourceNotFoundException","message":"Unknown connector"}"#,
        ] {
            assert_eq!(read(body, None), named);
        }
        assert_eq!(read(r#"{"message":"a\nb"}"#, Some("ThrottlingException:http://x")).0, "ThrottlingException");
        assert_eq!(read(r#"{"message":"a\nb"}"#, None), (String::new(), "a b".to_owned()));
        assert_eq!(read("<html>", None), (String::new(), String::new()));
        assert_eq!(read(&format!(r#"{{"message":"{}"}}"#, "x".repeat(5000)), None).1.len(), LONGEST_MESSAGE);
    }
}
