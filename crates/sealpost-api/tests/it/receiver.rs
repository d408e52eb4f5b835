//! A partner's webhook server, and the judge of what comes to it: the official Python library of Standard Webhooks.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

/// What came in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        &self.headers[name]
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Mailbox {
    received: Arc<Mutex<Vec<Received>>>,
    /// Whether `/mood` answers 503.
    pub(crate) is_down: Arc<AtomicBool>,
    hanging: Arc<AtomicUsize>,
    pub(crate) most_hanging: Arc<AtomicUsize>,
}

/// A partner's server. Each path has manners of its own.
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) mailbox: Mailbox,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let mailbox = Mailbox::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(mailbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, mailbox }
    }

    pub(crate) fn at(&self, path: &str) -> Vec<Received> {
        let all = self.mailbox.received.lock().unwrap();
        all.iter().filter(|one| one.path == path).cloned().collect()
    }

    /// Waits until this many came to a path.
    pub(crate) async fn wait(&self, path: &str, count: usize) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let found = self.at(path);
            if found.len() >= count {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{count} at {path}: {found:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn take(State(mailbox): State<Mailbox>, request: axum::extract::Request) -> axum::response::Response {
    let path = request.uri().path().to_owned();
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
    };
    let headers = request.headers().iter().map(header).collect();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let received = Received { path: path.clone(), headers, body: String::from_utf8(body.to_vec()).unwrap() };
    let is_first = {
        let mut all = mailbox.received.lock().unwrap();
        let is_first =
            !all.iter().any(|one| one.path == path && one.header("webhook-id") == received.header("webhook-id"));
        all.push(received);
        is_first
    };
    match path.as_str() {
        "/flaky" if is_first => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "/busy" if is_first => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]).into_response(),
        "/gone" => StatusCode::GONE.into_response(),
        "/redirects" => Redirect::temporary("/elsewhere").into_response(),
        "/mood" if mailbox.is_down.load(Ordering::SeqCst) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "/hangs" => {
            let now = mailbox.hanging.fetch_add(1, Ordering::SeqCst) + 1;
            mailbox.most_hanging.fetch_max(now, Ordering::SeqCst);
            let _gone = Leaves(mailbox.hanging.clone());
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::OK.into_response()
        }
        "/large" => "a".repeat(16 << 20).into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

struct Leaves(Arc<AtomicUsize>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether the official library accepts each of the messages by the secret.
pub(crate) fn accepted(secret: &str, messages: &[Received]) -> Vec<bool> {
    let script = r#"
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
asked = json.load(sys.stdin)
webhook, answers = Webhook(asked["secret"]), []
for message in asked["messages"]:
    try:
        webhook.verify(message["body"], message["headers"])
        answers.append(True)
    except WebhookVerificationError:
        answers.append(False)
print(json.dumps(answers))
"#;
    let messages: Vec<Json> = messages.iter().map(|one| json!({"headers": one.headers, "body": one.body})).collect();
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({"secret": secret, "messages": messages}).to_string();
    python.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "pip install standardwebhooks: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
