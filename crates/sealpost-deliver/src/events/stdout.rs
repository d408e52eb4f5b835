//! Events on standard output, a line of JSON each, for whoever collects what processes write.

use std::io::Write;

use async_trait::async_trait;
use schemars::JsonSchema;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{TransferEvent, TransferEventSink};
use serde::{Deserialize, Serialize};

/// Nothing to set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StdoutSinkSettings {}

pub(super) struct StdoutSink;

#[async_trait]
impl TransferEventSink for StdoutSink {
    fn name(&self) -> &'static str {
        "stdout"
    }

    async fn publish(&self, event: &TransferEvent) -> Result<()> {
        let line = format!("{}\n", event.envelope);
        // A pipe that nobody reads would hold up the whole runtime.
        let written = tokio::task::spawn_blocking(move || {
            let mut out = std::io::stdout().lock();
            out.write_all(line.as_bytes()).and_then(|()| out.flush())
        });
        let failed = |words: String| Error::new(&codes::notify::EVENT_SINK, format!("standard output: {words}"));
        written.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }
}
