//! Events on standard output, a line of JSON each, for whoever collects what processes write.

use std::io::Write;

use async_trait::async_trait;
use schemars::JsonSchema;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{TransferEvent, TransferEventSink};
use serde::{Deserialize, Serialize};

use super::turn::Turn;

/// Nothing to set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StdoutSinkSettings {}

#[derive(Default)]
pub(super) struct StdoutSink(Turn);

#[async_trait]
impl TransferEventSink for StdoutSink {
    fn name(&self) -> &'static str {
        "stdout"
    }

    async fn publish(&self, event: &TransferEvent) -> Result<()> {
        let line = format!("{}\n", event.envelope);
        // A pipe that nobody reads would hold up the whole runtime.
        let written = self.0.write(move || {
            let mut out = std::io::stdout().lock();
            out.write_all(line.as_bytes()).and_then(|()| out.flush())
        });
        written.await.map_err(|error| Error::new(&codes::notify::EVENT_SINK, format!("standard output: {error}")))
    }
}
