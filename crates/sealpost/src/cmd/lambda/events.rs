//! `sealpost lambda events`: what EventBridge tells.
//!
//! | event | what follows |
//! | --- | --- |
//! | a transfer's file was sent, or was not (`aws.transfer`, or our own transfer API) | its delivery looks at the result now |
//! | an object was made (`aws.s3`) | deliveries of it that wait begin now |
//! | a schedule | workers are called for what may have been forgotten; removals go on; certificates are looked at |
//!
//! None of it decides anything: a delivery's end is what the engine says when it is asked. So an event that comes twice, late, or
//! from somebody else costs a look.

use sealpost_core::error::Result;
use sealpost_core::id::JobId;
use sealpost_pipeline::{Hurried, LookedAfter, Pipeline};
use serde_json::{Value as Json, json};

use super::RUNTIME;
use super::runtime::{Function, Time};
use crate::config::Loaded;
use crate::{output, wire};

pub(super) struct Events {
    pipeline: Pipeline,
}

impl Events {
    /// Nothing is asked over the network.
    pub(super) async fn new(loaded: &Loaded) -> Result<Self> {
        Ok(Self { pipeline: wire::function(loaded).await? })
    }
}

impl Function for Events {
    const NAME: &'static str = "events";

    async fn answer(&self, event: &Json, _time: &Time) -> Result<Json> {
        let text = |pointer: &str| text(event, pointer);
        let (source, kind) = (text("/source"), text("/detail-type"));
        let transfer = text("/detail/transfer-id");
        let hurried = match (source, kind) {
            // A report's delivery that has ended, told by ourselves: nothing waits for it, and whatever else waits with the same file
            // would make an attempt for nothing.
            ("sealpost.transfer", _) if transfer.parse::<JobId>().is_ok() => Hurried::default(),
            ("aws.transfer" | "sealpost.transfer", kind) if kind.starts_with("SFTP Connector File Send ") => {
                let object = [text("/detail/file-path"), text("/detail/local-file-location/key")];
                let object = object.into_iter().find(|object| !object.is_empty()).unwrap_or_default();
                // One that has recorded no transfer may have started this one, and have been stopped before it could.
                let is_meant = |delivery: &sealpost_core::delivery::Delivery| {
                    let recorded = delivery.intent.as_ref().and_then(sealpost_deliver::recorded_transfer);
                    recorded.is_none_or(|recorded| recorded == transfer)
                };
                self.pipeline.hurry_deliveries(object, is_meant).await?
            }
            ("aws.s3", "Object Created") => {
                self.pipeline.hurry_deliveries(text("/detail/object/key"), |_| true).await?
            }
            (source, kind) if is_look(source, kind) => {
                let looked = self.pipeline.look_after().await?;
                if std::env::var_os(RUNTIME).is_some() {
                    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
                    output::line(&metrics(&looked, &function, jiff::Timestamp::now().as_millisecond()).to_string());
                }
                return Ok(json!({"rung": looked.rung, "queue": looked.depth}));
            }
            _ => {
                tracing::warn!(target: "sealpost::lambda", source, kind, "an event of a kind that nothing follows from");
                return Ok(json!({"ignored": kind}));
            }
        };
        let Hurried { meant, hurried } = hurried;
        tracing::info!(target: "sealpost::lambda", source, kind, meant, hurried, "event");
        Ok(json!({"meant": meant, "hurried": hurried}))
    }

    /// A look says each failure where it meets it: the first may be all that it has time for.
    fn is_logged(&self, event: &Json) -> bool {
        is_look(text(event, "/source"), text(event, "/detail-type"))
    }
}

/// A text of an event. What Lambda itself gave up on lies in the dead letters with a record of the attempts around it (AWS Lambda,
/// "Adding a destination"); whoever hands it in again need not unwrap it.
fn text<'a>(event: &'a Json, pointer: &str) -> &'a str {
    let event = event.get("requestPayload").unwrap_or(event);
    event.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// Whether an event is a schedule's.
fn is_look(source: &str, kind: &str) -> bool {
    kind == "Scheduled Event" || matches!(source, "aws.scheduler" | "sealpost.schedule")
}

/// The queue's depth in the embedded metric format of `CloudWatch`: a line of the log from which it makes metrics. The function's
/// name tells installations of one account apart.
fn metrics(looked: &LookedAfter, function: &str, now_ms: i64) -> Json {
    let values = [
        ("QueueReady", looked.depth.ready),
        ("QueueDelayed", looked.depth.delayed),
        ("QueueLeased", looked.depth.leased),
        ("QueueDead", looked.depth.dead),
        ("QueueRungAgain", looked.rung),
    ];
    let names: Vec<Json> = values.iter().map(|(name, _)| json!({"Name": name, "Unit": "Count"})).collect();
    let directive = json!({"Namespace": "Sealpost", "Dimensions": [["FunctionName"]], "Metrics": names});
    let mut line = json!({"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}, "FunctionName": function});
    for (name, value) in values {
        line[name] = Json::from(value);
    }
    line
}
