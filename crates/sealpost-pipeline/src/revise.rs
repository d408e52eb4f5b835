//! Cancel, delete, redeliver: what a partner or operator does to a report after it was admitted.

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{ConnectorId, JobId};
use sealpost_core::job::{Job, JobEvent, JobStatus};
use sealpost_core::partner::Partner;
use sealpost_core::port::Redelivered;
use sha2::{Digest, Sha256};

use crate::Pipeline;

impl Pipeline {
    /// A report of a partner.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such report.
    pub async fn report(&self, partner: &Partner, id: &JobId) -> Result<Job> {
        let found = self.parts.ledger.job(&partner.id, id).await?;
        found.ok_or_else(|| missing(id))
    }

    /// Cancels a report that is queued or running, or deletes the file of one that has succeeded.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-015` where it has ended in another way.
    pub async fn cancel_or_delete(&self, partner: &Partner, id: &JobId) -> Result<Job> {
        self.end_or_delete(Some(partner), id).await
    }

    /// The same for operators: a report of any partner, one that was removed too.
    ///
    /// # Errors
    /// As [`cancel_or_delete`](Self::cancel_or_delete).
    pub async fn cancel_or_delete_of_any(&self, id: &JobId) -> Result<Job> {
        self.end_or_delete(None, id).await
    }

    /// `partner` is whose it has to be; anybody's where there is none.
    async fn end_or_delete(&self, partner: Option<&Partner>, id: &JobId) -> Result<Job> {
        // A worker may move the job between our look and our event: look again, a few times.
        for _ in 0..5 {
            let job = match partner {
                Some(partner) => self.report(partner, id).await?,
                None => self.parts.ledger.job_of_any_partner(id).await?.ok_or_else(|| missing(id))?,
            };
            let event = match job.status {
                JobStatus::Queued | JobStatus::Running => JobEvent::CancelRequested,
                JobStatus::Succeeded => JobEvent::Expired { deleted: true },
                // Asking twice is no error: the wish has been met.
                JobStatus::Cancelled | JobStatus::Expired => return Ok(job),
                JobStatus::Failed => {
                    return Err(Error::new(
                        &codes::request::NOT_IN_THIS_STATE,
                        format!("report {id} has failed; there is nothing to cancel or delete"),
                    ));
                }
            };
            match self.parts.ledger.apply(id, &event, None, Timestamp::now()).await {
                Err(error) if error.is(&codes::ledger::ILLEGAL_MOVE) => {}
                moved => {
                    let job = moved?;
                    crate::log::revised(&job, &event);
                    return Ok(job);
                }
            }
        }
        Err(Error::new(&codes::request::NOT_IN_THIS_STATE, format!("report {id} keeps changing")))
    }

    /// Delivers the stored file again, the same bytes: to one connector, or to all of the partner's destinations. The
    /// same idempotency key with the same request gives the deliveries made before.
    ///
    /// # Errors
    /// `SP-REQUEST-008`, `-007` without a destination, `-014` for a key used with another request, `-015` unless it has
    /// succeeded, `-017` when the file is gone, `-044` when it was sent as often as one may be.
    pub async fn redeliver(
        &self,
        partner: &Partner,
        id: &JobId,
        connector: Option<&ConnectorId>,
        idempotency_key: Option<&str>,
    ) -> Result<Redelivered> {
        self.report(partner, id).await?;
        let targets: Vec<ConnectorId> = match connector {
            None => partner.deliver_to.clone(),
            Some(one) => {
                let found = self.parts.records.connector(one).await?.filter(|found| found.partner == partner.id);
                found.map(|found| found.id).into_iter().collect()
            }
        };
        // By what was asked for, not by today's destinations: a repeated request is the same one when they change.
        let asked = format!("redeliver {id} to {}", connector.map_or("all", |one| one.as_str()));
        let idempotency = idempotency_key.map(|key| (key.to_owned(), hex::encode(Sha256::digest(asked))));
        self.parts.ledger.redeliver(id, &targets, idempotency, Timestamp::now()).await
    }
}

fn missing(id: &JobId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("report {id}"))
}
