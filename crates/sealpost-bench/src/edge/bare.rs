//! The peer: axum with two routes and nothing behind them. It runs in a process of its own, and answers with the same bytes as
//! we do: heads and bodies that ours gave before.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;

/// An answer to give.
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

/// Both answers: to a poll, to a create.
struct Answers([Answer; 2]);

/// Serves on this port until the process is ended.
///
/// # Errors
/// When the port is taken.
pub(crate) fn serve(port: u16) -> Result<()> {
    let file = std::env::args().nth(3).context("the file with the answers")?;
    let answers = super::client::answers(file.as_ref())?;
    let answers = Arc::new(Answers([Answer::read(&answers[0])?, Answer::read(&answers[1])?]));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("a runtime")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.context("listen")?;
        let router =
            Router::new().route("/v1/reports", post(create)).route("/v1/reports/{id}", get(show)).with_state(answers);
        axum::serve(listener, router).await.context("serve")
    })
}

async fn show(State(answers): State<Arc<Answers>>, asked: HeaderMap) -> Response {
    let answer = &answers.0[0];
    if asked.contains_key(header::IF_NONE_MATCH) {
        return (StatusCode::NOT_MODIFIED, answer.headers.clone()).into_response();
    }
    (answer.headers.clone(), answer.body.clone()).into_response()
}

async fn create(State(answers): State<Arc<Answers>>, request: Bytes) -> Response {
    let answer = &answers.0[1];
    match serde_json::from_slice::<serde_json::Value>(&request) {
        Ok(_) => (StatusCode::ACCEPTED, answer.headers.clone(), answer.body.clone()).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

impl Answer {
    fn read(text: &str) -> Result<Self> {
        let (head, body) = text.split_once("\r\n\r\n").context("an answer has head and body")?;
        let mut headers = HeaderMap::new();
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(':').context("a header")?;
            // The server writes these itself.
            if ["content-length", "date", "connection"].contains(&name.to_ascii_lowercase().as_str()) {
                continue;
            }
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).context("a header's name")?,
                HeaderValue::from_str(value.trim()).context("a header's value")?,
            );
        }
        Ok(Self { headers, body: Bytes::from(body.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn an_answer_is_given_again_as_it_was() {
        let read = Answer::read("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 2\r\n\r\nhi").unwrap();
        assert_eq!((read.headers.len(), &read.body[..]), (1, &b"hi"[..]));
        assert_eq!(read.headers["etag"], "\"1\"");
    }
}
