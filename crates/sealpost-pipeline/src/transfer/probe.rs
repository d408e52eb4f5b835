//! `TestConnection`: as far as the login, step by step. Nothing is written on the server.

use std::time::Duration;

use sealpost_core::error::{Error, Failure, Result, codes};
use sealpost_core::port::CheckStep;
use sealpost_core::transfer::TransferConnector;

use crate::{Pipeline, log};

/// A caller waits for the answer, and gateways wait for 29 seconds at most.
const TIME_LIMIT: Duration = Duration::from_secs(25);

impl Pipeline {
    /// Tests a connector. Without an approved host key it shows the one that the server has, and stops there.
    ///
    /// # Errors
    /// None in practice: what fails is a step that says so.
    pub async fn probe_transfer_connector(&self, connector: &TransferConnector) -> Result<Vec<CheckStep>> {
        let engine = connector.engine(None)?;
        let probe = self.parts.transport.probe(&engine);
        let steps = tokio::time::timeout(TIME_LIMIT, probe).await.unwrap_or_else(|_| {
            let detail = format!("{}: no result within {} s", connector.url, TIME_LIMIT.as_secs());
            vec![CheckStep {
                step: "connect".to_owned(),
                detail: connector.url.clone(),
                elapsed_ms: u64::try_from(TIME_LIMIT.as_millis()).unwrap_or(u64::MAX),
                failure: Some(Failure::from(&Error::new(&codes::deliver::TIMEOUT, detail))),
                host_key: None,
            }]
        });
        for step in &steps {
            if let Some(failure) = &step.failure {
                log::transfer::test_failed(connector, &step.step, failure);
            }
        }
        Ok(steps)
    }
}
