//! Testing a destination step by step, within bounds: one test of a partner at a time, and a time limit for the answer.

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
/// How long any test may go on, also where nobody waits for it: a server that says a little again and again is within the limit
/// of each step.
const LONGEST: Duration = Duration::from_secs(600);

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
        let Some(seat) = self.trials.enter(partner) else {
            let error = Error::new(&codes::request::RATE, "another test of a destination of yours is running");
            return Err(error.retried(Retry::After(Duration::from_secs(5))));
        };
        let limits = &mut connector.settings.limits;
        for limit in [&mut limits.connect_timeout_s, &mut limits.handshake_timeout_s, &mut limits.inactivity_timeout_s]
        {
            *limit = (*limit).min(STEP_LIMIT_S);
        }
        within(TIME_LIMIT, self.test_by_itself(connector, author.clone(), Some(seat))).await
    }

    /// Tests a connector. A host key that the server shows and nobody has approved becomes a candidate.
    ///
    /// # Errors
    /// `SP-LEDGER-001`; what the test finds is in the steps.
    pub async fn test_connector(&self, connector: &Connector, author: &Author) -> Result<Vec<CheckStep>> {
        self.test_by_itself(connector.clone(), author.clone(), None).await
    }

    /// Tests in a task of its own: where the caller hangs up or waits no longer, the test goes on to its end, takes its file
    /// away and keeps what the server has shown. The seat is taken as long. The end of the process does not wait for it.
    async fn test_by_itself(&self, connector: Connector, author: Author, seat: Option<Seat>) -> Result<Vec<CheckStep>> {
        let pipeline = self.clone();
        let test = tokio::spawn(async move {
            let _seat = seat;
            within(LONGEST, pipeline.test_to_its_end(&connector, &author)).await
        });
        test.await.map_err(|error| Error::new(&codes::request::INTERNAL, format!("the test: {error}")))?
    }

    async fn test_to_its_end(&self, connector: &Connector, author: &Author) -> Result<Vec<CheckStep>> {
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

/// The steps of a test, or the one that it was not finished in this time.
async fn within(limit: Duration, test: impl Future<Output = Result<Vec<CheckStep>>>) -> Result<Vec<CheckStep>> {
    let begun = Instant::now();
    tokio::time::timeout(limit, test).await.unwrap_or_else(|_| {
        let detail = format!("the test was not finished within {} s", limit.as_secs());
        let failure = Failure::from(&Error::new(&codes::deliver::TIMEOUT, detail.clone()));
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let step = "time_limit".to_owned();
        Ok(vec![CheckStep { step, detail, elapsed_ms, failure: Some(failure), host_key: None }])
    })
}
