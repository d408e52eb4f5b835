//! The five operations of SQS that bells need. Shapes: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_aws::{Client, Credentials, Fault, Patience, SQS, Variable, region};
use sealpost_core::error::codes;
use sealpost_core::task::WorkKind;
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{SqsSettings, body_of, delay};
use crate::bell::{Bell, Ring};

/// Entries of one batch, and messages of one answer: what SQS allows.
const BATCH: usize = 10;
/// The longest that SQS lets a receiver wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// The longest that SQS hides a message.
const LONGEST_HIDDEN: Duration = Duration::from_secs(43_200);

/// A queue of bells.
pub(crate) struct Sqs {
    url: String,
    /// For what a step waits for.
    quick: Client,
    /// For waiting.
    patient: Client,
}

/// A message that was received: hidden from others for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    pub(super) body: String,
    pub(super) receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Messages {
    #[serde(default)]
    messages: Vec<Received>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    queue_url: String,
    entries: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    id: String,
    message_body: String,
    delay_seconds: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer {
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    #[serde(default)]
    code: String,
}

impl Sqs {
    /// A client by these settings, with the credentials of the environment. Connects to nothing yet.
    ///
    /// # Errors
    /// `SP-CONFIG-001`.
    pub(crate) fn new(settings: &SqsSettings, variable: Variable<'_>) -> Result<Self> {
        let invalid = |detail: String| Error::new(&codes::config::INVALID, format!("queue.{detail}"));
        let (origin, host) = origin(&settings.url).ok_or_else(|| {
            invalid("url: expected the address of a queue: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME".to_owned())
        })?;
        let region = settings.region.clone().or_else(|| region_of(host)).or_else(|| region(variable));
        let region = region.ok_or_else(|| invalid("region: set it, or AWS_REGION".to_owned()))?;
        let endpoint = settings.endpoint.as_deref().unwrap_or(origin);
        let credentials = Credentials::from_environment(variable).map_err(|fault| invalid(fault.to_string()))?;
        let client = |attempt: Duration| {
            let patience = Patience { connect: Duration::from_secs(3), attempt, attempts: 2, ..Patience::default() };
            let client = Client::new(SQS, &region, endpoint, credentials.clone(), patience);
            client.map_err(|fault| invalid(format!("endpoint: {fault}")))
        };
        Ok(Self {
            url: settings.url.clone(),
            quick: client(Duration::from_secs(5))?,
            patient: client(LONGEST_WAIT + Duration::from_secs(5))?,
        })
    }

    /// Rings, and says how many bells.
    pub(super) async fn send(&self, rings: &[Ring]) -> Result<u64> {
        let now = Timestamp::now();
        let due = rings.iter().filter_map(|ring| Some((ring.kind, delay(ring.at, now)?)));
        let due: Vec<(WorkKind, i64)> = due.collect();
        let mut sent = 0;
        for some in due.chunks(BATCH) {
            let mut entries = Vec::new();
            for (id, (kind, delay_seconds)) in some.iter().enumerate() {
                let message_body = body_of(*kind)?;
                entries.push(Sent { id: id.to_string(), message_body, delay_seconds: *delay_seconds });
            }
            let batch = Batch { queue_url: self.url.clone(), entries };
            let answer: BatchAnswer =
                self.quick.call("SendMessageBatch", &batch).await.map_err(|fault| self.failed(&fault))?;
            // The call itself succeeds when its entries do not.
            if let Some(Failed { code }) = answer.failed.first() {
                return Err(
                    self.failed(&Fault::Answer(format!("{} messages were refused: {code}", answer.failed.len())))
                );
            }
            sent += some.len() as u64;
        }
        Ok(sent)
    }

    /// Waits for messages, which are then hidden from others.
    pub(super) async fn receive(&self, patience: Duration, hidden: Duration) -> Result<Vec<Received>> {
        let ask = serde_json::json!({
            "QueueUrl": self.url,
            "MaxNumberOfMessages": BATCH,
            // Whole seconds. None at all would ask some of its servers only.
            "WaitTimeSeconds": patience.min(LONGEST_WAIT).as_secs().max(1),
            "VisibilityTimeout": hidden.min(LONGEST_HIDDEN).as_secs(),
        });
        let answer: Messages = self.patient.call("ReceiveMessage", &ask).await.map_err(|fault| self.failed(&fault))?;
        Ok(answer.messages)
    }

    /// Hides a message from others from now for so long.
    pub(super) async fn hide(&self, handle: &str, hidden: Duration) -> Result<()> {
        // Rounded up, so that it is not seen before the lease has run out.
        let seconds = hidden.min(LONGEST_HIDDEN).as_secs().saturating_add(1);
        let ask = serde_json::json!({"QueueUrl": self.url, "ReceiptHandle": handle, "VisibilityTimeout": seconds});
        let done = self.quick.call::<_, Json>("ChangeMessageVisibility", &ask).await;
        done.map(drop).map_err(|fault| self.failed(&fault))
    }

    /// Deletes messages.
    pub(super) async fn delete(&self, handles: &[String]) -> Result<()> {
        for some in handles.chunks(BATCH) {
            let entries = some.iter().enumerate();
            let entries = entries
                .map(|(id, handle)| serde_json::json!({"Id": id.to_string(), "ReceiptHandle": handle}))
                .collect();
            let batch = Batch::<Json> { queue_url: self.url.clone(), entries };
            let done = self.quick.call::<_, Json>("DeleteMessageBatch", &batch).await;
            done.map_err(|fault| self.failed(&fault))?;
        }
        Ok(())
    }

    fn failed(&self, fault: &Fault) -> Error {
        Error::new(&codes::ledger::BELLS, format!("{}: {fault}", self.url))
    }
}

#[async_trait]
impl Bell for Sqs {
    async fn ring(&self, rings: &[Ring]) {
        if let Err(error) = self.send(rings).await {
            tracing::warn!(%error, "a bell was not rung; the next sweep rings");
        }
    }
}

/// `https://host:port` of an address, and the host.
fn origin(url: &str) -> Option<(&str, &str)> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (host, path) = host.split_once('/')?;
    let is_queue = !host.is_empty() && !path.is_empty();
    is_queue.then(|| (&url[..url.len() - path.len() - 1], host))
}

/// The region of `sqs.REGION.amazonaws.com`, and of an endpoint in a network of one's own, `vpce-….sqs.REGION.vpce.…`.
fn region_of(host: &str) -> Option<String> {
    let mut labels = host.split('.').skip_while(|label| *label != "sqs").skip(1);
    let region = labels.next().filter(|label| label.contains('-'))?;
    labels.any(|label| label == "amazonaws").then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_where_its_address_says() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/work";
        assert_eq!(origin(url), Some(("https://sqs.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com")));
        assert_eq!(origin("http://127.0.0.1:5000/1/w"), Some(("http://127.0.0.1:5000", "127.0.0.1:5000")));
        for none in ["", "work", "https://", "https://host", "https://host/", "ftp://host/a"] {
            assert_eq!(origin(none), None, "{none}");
        }
        for (host, region) in [
            ("sqs.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("vpce-1-2.sqs.eu-west-1.vpce.amazonaws.com", Some("eu-west-1")),
            ("127.0.0.1:5000", None),
            ("sqs.example.com", None),
        ] {
            assert_eq!(region_of(host).as_deref(), region, "{host}");
        }
    }

    #[test]
    fn settings_are_checked_before_anything_is_asked() {
        let made = |url: &str, region: Option<&str>| {
            let settings = SqsSettings { url: url.to_owned(), region: region.map(str::to_owned), endpoint: None };
            Sqs::new(&settings, &|name| name.starts_with("AWS_ACCESS").then(|| "k".to_owned()))
        };
        for (url, region, part) in [
            ("work", Some("eu-west-1"), "queue.url"),
            ("http://127.0.0.1:1/1/w", None, "queue.region"),
            ("http://127.0.0.1:1/1/w", Some("eu-west-1"), "belong together"),
        ] {
            let error = made(url, region).err().unwrap();
            assert!(error.is(&codes::config::INVALID) && error.detail().contains(part), "{error}");
        }
    }
}
