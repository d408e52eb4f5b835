//! Testing a destination step by step, within bounds: one test of a partner at a time, and a time limit for the whole.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Failure, Result, Retry, codes};
use sealpost_core::id::{ConnectorId, PartnerId};
use sealpost_core::port::CheckStep;

use crate::Pipeline;
use crate::audit::Author;

/// How long a partner's test may take: an answer comes within the 29 seconds that API Gateway waits.
const TIME_LIMIT: Duration = Duration::from_secs(25);
/// How long a single step's counterpart may take in a partner's test.
const STEP_LIMIT_S: u64 = 8;

/// Partners whose test is running, in this process.
#[derive(Default)]
pub(crate) struct Trials(Mutex<HashSet<PartnerId>>);

/// The right to test, given back when dropped.
struct Seat {
    trials: Arc<Trials>,
    partner: PartnerId,
}

impl Trials {
    fn enter(self: &Arc<Self>, partner: &PartnerId) -> Option<Seat> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = || Seat { trials: self.clone(), partner: partner.clone() };
        running.insert(partner.clone()).then(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.trials.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.partner);
    }
}

impl Pipeline {
    /// Tests a destination of a partner. A host key that the server shows and nobody has approved becomes a candidate.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-029` while another test of the partner is running.
    pub async fn test_destination(
        &self,
        partner: &PartnerId,
        destination: &ConnectorId,
        author: &Author,
    ) -> Result<Vec<CheckStep>> {
        let mut connector = self.destination(partner, destination).await?;
        let Some(_seat) = self.trials.enter(partner) else {
            let error = Error::new(&codes::request::RATE, "another test of a destination of yours is running");
            return Err(error.retried(Retry::After(Duration::from_secs(5))));
        };
        let limits = &mut connector.settings.limits;
        for limit in [&mut limits.connect_timeout_s, &mut limits.handshake_timeout_s, &mut limits.inactivity_timeout_s]
        {
            *limit = (*limit).min(STEP_LIMIT_S);
        }
        let begun = Instant::now();
        let tested = tokio::time::timeout(TIME_LIMIT, self.test_connector(&connector, author)).await;
        tested.unwrap_or_else(|_| {
            let detail = format!("the test was not finished within {} s", TIME_LIMIT.as_secs());
            let failure = Failure::from(&Error::new(&codes::deliver::TIMEOUT, detail.clone()));
            let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let step = "time_limit".to_owned();
            Ok(vec![CheckStep { step, detail, elapsed_ms, failure: Some(failure), host_key: None }])
        })
    }

    /// Tests a connector. A host key that the server shows and nobody has approved becomes a candidate.
    ///
    /// # Errors
    /// `SP-LEDGER-001`; what the test finds is in the steps.
    pub async fn test_connector(&self, connector: &Connector, author: &Author) -> Result<Vec<CheckStep>> {
        let steps = self.parts.transport.check(connector).await;
        // The key of a step that succeeded is approved, or vouched for; one that the server only announces is neither.
        for step in steps.iter().filter(|step| step.failure.is_some() || step.step == "announced_key") {
            if let Some(key) = &step.host_key {
                self.keep_candidate(connector, key, author).await?;
            }
        }
        Ok(steps)
    }
}
