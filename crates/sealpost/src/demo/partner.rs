//! The partner's developer: asks by HTTP and follows the report until it has arrived.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sealpost_core::error::{Error, Result, codes};
use serde_json::{Value as Json, json};

use crate::output::Output;

/// How long the demo waits for its file.
const PATIENCE: Duration = Duration::from_secs(120);

/// A caller with its key.
pub(super) struct Caller {
    client: reqwest::Client,
    url: String,
    key: String,
}

/// A report that has arrived, as the API tells it.
pub(super) struct Report {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) row_count: u64,
    pub(super) file_name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) recipients: String,
    pub(super) host_key: String,
    pub(super) timeline: Vec<Json>,
}

impl Caller {
    pub(super) fn new(url: &str, key: &str) -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| trouble(&error.to_string()))?;
        Ok(Self { client, url: url.to_owned(), key: key.to_owned() })
    }

    /// Asks for the contracts report and follows it, with a progress bar on a terminal.
    pub(super) async fn ask_and_follow(&self, output: Output) -> Result<Report> {
        let body = json!({ "report_type": "contracts.v1", "parameters": { "from": "2022-01-01", "to": "2026-01-01" } });
        let request =
            self.client.post(format!("{}/v1/reports", self.url)).header("idempotency-key", "demo-1").json(&body);
        let created = self.send(request).await?;
        let id = created["id"].as_str().unwrap_or_default().to_owned();
        let bar = if output == Output::Text { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
            bar.set_style(style);
        }
        let started = std::time::Instant::now();
        loop {
            let report = self.send(self.client.get(format!("{}/v1/reports/{id}", self.url))).await?;
            let delivery = report["deliveries"].as_array().and_then(|all| all.first()).cloned().unwrap_or_default();
            bar.set_message(stage(&report, &delivery));
            bar.tick();
            match (report["status"].as_str(), delivery["status"].as_str()) {
                (Some("failed" | "cancelled" | "expired"), _) => return Err(trouble(&report["failure"].to_string())),
                (_, Some("failed")) => return Err(trouble(&delivery["failure"].to_string())),
                (_, Some("delivered")) => {
                    bar.finish_and_clear();
                    return self.arrived(&id, &report, &delivery).await;
                }
                _ if started.elapsed() > PATIENCE => return Err(trouble("it takes too long")),
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn arrived(&self, id: &str, report: &Json, delivery: &Json) -> Result<Report> {
        let timeline = self.send(self.client.get(format!("{}/v1/reports/{id}/timeline", self.url))).await?;
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let recipients =
            report["file"]["recipients"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ");
        let entries =
            timeline.as_array().or_else(|| timeline["events"].as_array()).or_else(|| timeline["data"].as_array());
        Ok(Report {
            id: id.to_owned(),
            status: text(&report["status"]),
            row_count: report["row_count"].as_u64().unwrap_or_default(),
            file_name: text(&report["file"]["name"]),
            size: report["file"]["size"].as_u64().unwrap_or_default(),
            sha256: text(&report["file"]["sha256"]),
            recipients,
            host_key: text(&delivery["receipt"]["host_key"]),
            timeline: entries.cloned().unwrap_or_default(),
        })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Json> {
        let answer = request.bearer_auth(&self.key).send().await.map_err(|error| trouble(&error.to_string()))?;
        let status = answer.status();
        let body: Json = answer.json().await.map_err(|error| trouble(&error.to_string()))?;
        if status.is_success() { Ok(body) } else { Err(trouble(&body.to_string())) }
    }
}

/// One line: the stage, rows and bytes.
fn stage(report: &Json, delivery: &Json) -> String {
    let rows = report["progress"]["rows"].as_u64().unwrap_or_default();
    let bytes = report["progress"]["bytes"].as_u64().unwrap_or_default();
    match (report["status"].as_str().unwrap_or_default(), delivery["status"].as_str()) {
        ("succeeded", Some(state)) => {
            format!(
                "deliver  {state}, {} of {bytes} bytes at the partner",
                delivery["bytes_sent"].as_u64().unwrap_or_default()
            )
        }
        ("running", _) => format!("produce  {rows} rows, {bytes} bytes sealed"),
        (status, _) => status.to_owned(),
    }
}

fn trouble(detail: &str) -> Error {
    Error::new(&codes::request::INTERNAL, format!("the demo's own request: {detail}"))
}
