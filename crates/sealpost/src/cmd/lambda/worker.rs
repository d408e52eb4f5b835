//! `sealpost lambda worker`: tasks that messages of SQS call for.
//!
//! A message is a bell: it names a kind of work and no task. Who hears it claims whatever task of the kind is next, one for each
//! bell: there is a bell for each task, so a second one would be taken from a process that is on its way, and the queue's own
//! measures (how many wait, how many functions run) would say nothing. A bell that finds nothing was rung twice, or somebody was
//! quicker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::error::{Error, Result, codes};
use sealpost_ledger::sqs::ring_of;
use sealpost_pipeline::{Pipeline, Worked};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::runtime::{Function, Time};
use crate::config::Loaded;
use crate::wire;

pub(super) struct Worker {
    pipeline: Pipeline,
    margin: Duration,
    slots: Arc<Semaphore>,
}

impl Worker {
    /// Nothing is asked over the network.
    pub(super) async fn new(loaded: &Loaded) -> Result<Self> {
        let pipeline = wire::function(loaded).await?;
        let slots = Arc::new(Semaphore::new(pipeline.parts().settings.concurrency.max(1)));
        Ok(Self { pipeline, margin: Duration::from_secs(loaded.config.lambda.worker_margin_s), slots })
    }
}

impl Function for Worker {
    const NAME: &'static str = "worker";

    /// The answer names the messages that are to come again (`ReportBatchItemFailures`).
    async fn answer(&self, event: &Json, time: &Time) -> Result<Json> {
        let records = event["Records"].as_array();
        let no_event = || Error::new(&codes::request::INVALID, "this is no event of SQS: it has no `Records`");
        let (abort, _timer) = time.until(self.margin);
        let mut running = JoinSet::new();
        let mut names = HashMap::new();
        for record in records.ok_or_else(no_event)? {
            let id = record["messageId"].as_str().unwrap_or_default().to_owned();
            let Some(kind) = record["body"].as_str().and_then(|body| ring_of(body).ok()) else {
                // It would be the same the next time.
                tracing::error!(target: "sealpost::lambda", message = id, "a message is no bell; it is left out");
                continue;
            };
            let (pipeline, slots, abort) = (self.pipeline.clone(), self.slots.clone(), abort.clone());
            let task = running.spawn(async move {
                let Ok(_slot) = slots.acquire().await else { return Ok(Worked::NoTime) };
                pipeline.work_one(&[kind], &abort).await
            });
            names.insert(task.id(), id);
        }
        let mut failed = Vec::new();
        while let Some(ended) = running.join_next_with_id().await {
            let task = match &ended {
                Ok((task, _)) => *task,
                Err(panic) => panic.id(),
            };
            let message = names.remove(&task).unwrap_or_default();
            match ended {
                // The ledger's errors were logged where they happened. The sweep rings again within minutes of its return, for what
                // nobody claimed and for leases that ran out; SQS would keep the bell back for an hour and a half, and its age would
                // call somebody for nothing.
                Ok((_, Ok(Worked::Nothing | Worked::Task | Worked::HandedBack) | Err(_))) => continue,
                // Its bell must not be lost: nobody has heard it.
                Ok((_, Ok(Worked::NoTime))) => {
                    tracing::info!(target: "sealpost::lambda", message, "no time left to begin a task")
                }
                Err(panic) => {
                    let code = codes::ledger::DEFECT.id;
                    tracing::error!(target: "sealpost::lambda", message, code, error = %panic, "a message comes again");
                }
            }
            failed.push(json!({"itemIdentifier": message}));
        }
        Ok(json!({"batchItemFailures": failed}))
    }
}
