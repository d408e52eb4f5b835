//! Deliver: a sealed file to its connector. Never asks the database, never encrypts: what is stored is what is sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::connector::Connector;
use sealpost_core::delivery::{Delivery, DeliveryEvent, Intent};
use sealpost_core::error::{Error, Failure, Result, Retry, codes};
use sealpost_core::event::Happening;
use sealpost_core::id::{DeliveryId, JobId};
use sealpost_core::job::{JobEvent, JobStatus};
use sealpost_core::port::{Journal, Ledger, Shipment};
use sealpost_core::receipt::Receipt;
use sealpost_core::task::Lease;

use crate::breaker::{Passage, Rest};
use crate::doubt::{given_up, may_have_written};
use crate::outage::pause_for_outage;
use crate::telemetry::Stopwatch;
use crate::worker::{Beat, Outcome, waits_unread};
use crate::{Pipeline, log, telemetry};

/// How long a delivery waits when its connector was changed while it began.
const CHANGED_PAUSE: Duration = Duration::from_millis(300);

impl Pipeline {
    /// Works on a deliver task until it is done, to be tried again, or lost.
    pub(crate) async fn deliver(&self, id: &DeliveryId, lease: &mut Lease) -> Result<Outcome> {
        let mut has_begun = false;
        match self.deliver_leased(id, lease, &mut has_begun).await {
            // The partner has the file perhaps: it does not get it again every minute.
            Err(error) if has_begun && waits_unread(&error, lease) => Ok(Outcome::Dead(error)),
            outcome => outcome,
        }
    }

    async fn deliver_leased(&self, id: &DeliveryId, lease: &mut Lease, has_begun: &mut bool) -> Result<Outcome> {
        let Some(delivery) = self.parts.ledger.delivery(id).await? else { return Ok(Outcome::Done) };
        if delivery.status.is_terminal() {
            return Ok(Outcome::Done);
        }
        let Some(connector) = self.parts.records.connector(&delivery.connector).await? else {
            let error = Error::new(&codes::deliver::CONNECTOR_GONE, format!("connector {}", delivery.connector));
            return self.give_up_delivery(&delivery, None, &error, lease).await;
        };
        if let Some(error) = self.file_is_gone(&delivery).await? {
            return self.give_up_delivery(&delivery, Some(&connector), &error, lease).await;
        }
        let partner = self.parts.records.partner(&delivery.partner).await?;
        if partner.is_none_or(|partner| !partner.enabled) {
            let error = Error::new(&codes::request::PARTNER_DISABLED, format!("partner {}", delivery.partner));
            return self.give_up_delivery(&delivery, Some(&connector), &error, lease).await;
        }
        // Told of its end: one that can't be read here is found before anything is begun.
        drop(self.parts.outbox.webhooks(&delivery.partner).await?);
        let passage = match self.breakers.enter(&connector.id, &connector.settings) {
            Ok(passage) => Arc::new(passage),
            Err(rest) => return self.delivery_waits(&delivery, &connector, rest, lease).await,
        };
        let attempt = delivery.attempts + 1;
        if attempt - delivery.failed_attempts > crate::produce::MOST_INTERRUPTIONS {
            let error = Error::new(&codes::deliver::ATTEMPTS, format!("{} attempts", delivery.attempts));
            return self.give_up_delivery(&delivery, Some(&connector), &error, lease).await;
        }
        let started = DeliveryEvent::Started { attempt, worker: self.parts.settings.worker.clone() };
        let mut delivery = self.parts.ledger.apply_delivery(id, &started, Some(lease), Timestamp::now()).await?;
        *has_begun = true;
        log::delivery_started(&delivery, &connector);
        let stopwatch = Stopwatch::start();
        let sent = Arc::new(AtomicU64::new(0));
        let journal = LedgerJournal {
            ledger: self.parts.ledger.clone(),
            delivery: id.clone(),
            lease: lease.clone(),
            sent: sent.clone(),
            passage: passage.clone(),
            intended: Mutex::default(),
        };
        let shipped =
            self.while_leased(lease, Beat::Delivery(id, &sent), self.ship(&connector, &delivery, &journal)).await;
        // As the attempt left it, also where it was withdrawn: a service that sent for us tells of a bad end, too.
        if let Some(intent) = journal.intended() {
            delivery.intent = Some(intent);
        }
        drop(journal);
        if let Some(passage) = Arc::into_inner(passage) {
            passage.end(shipped.as_ref().err());
        }
        match shipped {
            Ok(receipt) => self.delivered(&connector, &delivery, receipt, lease, stopwatch).await,
            // The destination was changed or removed while the attempt began, and its old secret with it: the next
            // attempt reads it anew.
            Err(error) if error.is(&codes::secrets::MISSING) && self.was_changed(&connector).await? => {
                Ok(Outcome::Again(CHANGED_PAUSE))
            }
            Err(error) => self.not_delivered(&connector, &delivery, &error, lease).await,
        }
    }

    /// The host rests: the delivery comes back afterwards, unless that has gone on for too long.
    async fn delivery_waits(
        &self,
        delivery: &Delivery,
        connector: &Connector,
        rest: Rest,
        lease: &Lease,
    ) -> Result<Outcome> {
        let waited = Timestamp::now().duration_since(delivery.created_at);
        if rest.is_too_long(waited, &connector.settings.retry) {
            let detail = format!("{}, waited {waited:#}", connector.settings.account());
            let error = Error::new(&codes::deliver::HOST_RESTS, detail);
            return self.give_up_delivery(delivery, Some(connector), &error, lease).await;
        }
        Ok(Outcome::Again(rest.pause))
    }

    /// That there is no file to deliver any more, where that is so.
    async fn file_is_gone(&self, delivery: &Delivery) -> Result<Option<Error>> {
        let job = self.parts.ledger.job_of_any_partner(&delivery.job).await?;
        let is_gone = job.is_none_or(|job| job.status != JobStatus::Succeeded);
        Ok(is_gone.then(|| Error::new(&codes::deliver::CANCELLED, "the report's file was deleted or has expired")))
    }

    /// Whether somebody deleted the report, rather than its retention having passed: then nobody misses the file.
    async fn was_deleted(&self, job: &JobId) -> Result<bool> {
        let timeline = self.parts.ledger.timeline(job).await?;
        Ok(timeline.iter().any(|entry| matches!(entry.what, Happening::Report(JobEvent::Expired { deleted: true }))))
    }

    async fn was_changed(&self, used: &Connector) -> Result<bool> {
        let now = match self.parts.records.connector(&used.id).await {
            // It could be read when the attempt began: a process of a newer version has written it since.
            Err(error) if error.is(&codes::ledger::CORRUPT) => return Ok(true),
            now => now?,
        };
        Ok(now.is_none_or(|now| now.settings.login != used.settings.login))
    }

    async fn ship(&self, connector: &Connector, delivery: &Delivery, journal: &LedgerJournal) -> Result<Receipt> {
        let file = self.parts.store.reader(&delivery.file).await?;
        let object = self.parts.store.object_path(&delivery.file.key);
        let shipment = Shipment {
            connector,
            traces: delivery.into(),
            sha256: Some(&delivery.file.sha256),
            sealed: true,
            object: &object,
            file: &file,
            journal,
        };
        let limit = Duration::from_secs(connector.settings.limits.transfer_timeout_s);
        tokio::time::timeout(limit, self.parts.transport.send(shipment)).await.unwrap_or_else(|_| {
            Err(Error::new(
                &codes::deliver::DEADLINE,
                format!("sftp://{}:{}, {} s", connector.settings.host, connector.settings.port, limit.as_secs()),
            ))
        })
    }

    async fn delivered(
        &self,
        connector: &Connector,
        delivery: &Delivery,
        receipt: Receipt,
        lease: &Lease,
        stopwatch: Stopwatch,
    ) -> Result<Outcome> {
        let event = DeliveryEvent::Delivered { receipt: receipt.clone() };
        let delivery = self.end_delivery(delivery, &event, lease).await?;
        telemetry::delivered(&delivery, stopwatch);
        log::delivered(&self.parts.settings.transfer, &delivery, connector, &receipt, stopwatch);
        Ok(Outcome::Done)
    }

    async fn not_delivered(
        &self,
        connector: &Connector,
        delivery: &Delivery,
        error: &Error,
        lease: &Lease,
    ) -> Result<Outcome> {
        if error.is(&codes::ledger::LEASE_LOST) || error.is(&codes::deliver::LEASE_LOST) {
            return Err(error.clone());
        }
        if let Some(pause) = not_yet(error) {
            log::delivery_goes_on(delivery, error, pause);
            return Ok(Outcome::Again(pause));
        }
        // Somebody may have deleted it while it was being read.
        if error.is(&codes::store::MISSING)
            && let Some(gone) = self.file_is_gone(delivery).await?
        {
            return self.give_up_delivery(delivery, Some(connector), &gone, lease).await;
        }
        let retry = &connector.settings.retry;
        let counted = || retry.pause_after(delivery.used_attempts() + 1, rand::random()).filter(|_| error.is_retried());
        let Some(pause) = pause_for_outage(error, delivery.created_at).or_else(counted) else {
            return self.give_up_delivery(delivery, Some(connector), error, lease).await;
        };
        let retry_at = Timestamp::now() + SignedDuration::try_from(pause).unwrap_or_default();
        let event = DeliveryEvent::AttemptFailed { failure: Failure::from(error), retry_at };
        let delivery = self.parts.ledger.apply_delivery(&delivery.id, &event, Some(lease), Timestamp::now()).await?;
        log::delivery_attempt_failed(&self.parts.settings.transfer, &delivery, connector, error, pause);
        Ok(Outcome::Again(pause))
    }

    async fn give_up_delivery(
        &self,
        delivery: &Delivery,
        connector: Option<&Connector>,
        error: &Error,
        lease: &Lease,
    ) -> Result<Outcome> {
        // As it is now: the attempt that has just failed may have been about to rename.
        let intent = self.parts.ledger.delivery(&delivery.id).await?.and_then(|now| now.intent);
        let unwanted = error.is(&codes::deliver::CANCELLED) && self.was_deleted(&delivery.job).await?;
        let event = DeliveryEvent::Failed { failure: given_up(error, intent.as_ref()) };
        let failed = self.end_delivery(delivery, &event, lease).await?;
        if unwanted {
            telemetry::delivery_cancelled();
            log::delivery_cancelled(&self.parts.settings.transfer, &failed, connector, error);
        } else {
            telemetry::delivery_failed(error);
            log::delivery_failed(&self.parts.settings.transfer, &failed, connector, error);
        }
        if let Some(connector) = connector
            && may_have_written(failed.attempts, error)
            && let Err(leftover) = self.parts.transport.discard(connector, (&failed).into()).await
        {
            log::remote_leftover(&failed, &leftover);
        }
        Ok(Outcome::Done)
    }

    /// Records the end of a delivery, with the task to announce it where somebody listens and nobody else tells of it.
    async fn end_delivery(&self, delivery: &Delivery, event: &DeliveryEvent, lease: &Lease) -> Result<Delivery> {
        let (ledger, now) = (&self.parts.ledger, Timestamp::now());
        if self.parts.transfer_events.is_empty() || self.parts.transport.announces(delivery.intent.as_ref()) {
            ledger.apply_delivery(&delivery.id, event, Some(lease), now).await
        } else {
            ledger.end_delivery(&delivery.id, event, Some(lease), now).await
        }
    }
}

/// After which pause an attempt that did not fail, but did not end either, is gone on with.
pub(crate) fn not_yet(error: &Error) -> Option<Duration> {
    match error.retry() {
        Retry::After(pause) if error.is(&codes::deliver::NOT_YET) => Some(pause),
        _ => None,
    }
}

/// The ledger as an attempt sees it.
struct LedgerJournal {
    ledger: Arc<dyn Ledger>,
    delivery: DeliveryId,
    lease: Lease,
    sent: Arc<AtomicU64>,
    passage: Arc<Passage>,
    /// What the attempt recorded last.
    intended: Mutex<Option<Intent>>,
}

impl LedgerJournal {
    fn intended(&self) -> Option<Intent> {
        self.intended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Journal for LedgerJournal {
    async fn intend(&self, intent: Intent) -> Result<()> {
        self.passage.reached();
        // Whether or not the ledger takes it: what it tells of has begun.
        *self.intended.lock().unwrap_or_else(PoisonError::into_inner) = Some(intent.clone());
        let event = DeliveryEvent::Intended { intent };
        self.ledger.apply_delivery(&self.delivery, &event, Some(&self.lease), Timestamp::now()).await.map(drop)
    }

    async fn withdraw(&self) -> Result<()> {
        self.ledger
            .apply_delivery(&self.delivery, &DeliveryEvent::IntentWithdrawn, Some(&self.lease), Timestamp::now())
            .await
            .map(drop)
    }

    fn progress(&self, bytes_sent: u64) {
        self.passage.reached();
        self.sent.store(bytes_sent, Ordering::Relaxed);
    }
}
