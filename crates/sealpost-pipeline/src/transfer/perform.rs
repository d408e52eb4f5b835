//! Works on an item of a transfer: claims it in the ledger, does it, and records what it came to.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::TransferItemId;
use sealpost_core::object::ObjectPath;
use sealpost_core::task::Lease;
use sealpost_core::transfer::{Action, ItemEvent, TransferConnector, TransferFailure, TransferItem, TransferKind};
use sealpost_store::SealedObject;

use super::attempt::{Attempt, Progress};
use super::send;
use crate::breaker::Rest;
use crate::deliver::not_yet;
use crate::doubt::{given_up, may_have_acted, may_have_written};
use crate::outage::pause_for_outage;
use crate::produce::MOST_INTERRUPTIONS;
use crate::telemetry::Stopwatch;
use crate::worker::{Beat, Outcome};
use crate::{Pipeline, log, telemetry};

impl Pipeline {
    /// Works on an item until it is done, to be tried again, or lost.
    pub(crate) async fn perform(&self, id: &TransferItemId, lease: &mut Lease) -> Result<Outcome> {
        let Some(item) = self.parts.transfers.transfer_item(id).await? else { return Ok(Outcome::Done) };
        if item.status.is_terminal() {
            return Ok(Outcome::Done);
        }
        let kind = item.action.kind();
        let connector = match self.usable_connector(&item).await? {
            Ok(connector) => connector,
            Err(error) => return self.give_up_item(&item, None, kind, &error, lease).await,
        };
        let attempt = item.attempts + 1;
        if attempt - item.failed_attempts > MOST_INTERRUPTIONS {
            let error = Error::new(&codes::deliver::ATTEMPTS, format!("{} attempts", item.attempts));
            return self.give_up_item(&item, Some(&connector), kind, &error, lease).await;
        }
        let passage = match self.breakers.enter(&connector.id, &connector.settings) {
            Ok(passage) => Arc::new(passage),
            Err(rest) => return self.item_waits(&item, &connector, rest, lease).await,
        };
        let opened = self.open_to_send(&item, &connector, lease).await;
        let file = opened.as_ref().and_then(|opened| opened.as_ref().ok());
        // Before the first byte: whoever tidies up finds what this attempt leaves, whatever becomes of the object.
        let trace = file.map(|file| send::trace_id(&item, file));
        let started = ItemEvent::Started { attempt, trace, url: Some(connector.url.clone()) };
        let item = self.apply_event(&item, &started, lease).await?;
        let stopwatch = Stopwatch::start();
        let progress = Arc::new(Progress::default());
        let attempt = Attempt {
            pipeline: self,
            connector: &connector,
            item: &item,
            opened,
            lease: lease.clone(),
            progress: progress.clone(),
            passage: passage.clone(),
            step: OnceLock::new(),
        };
        let done = self.while_leased(lease, Beat::Item(id, &progress), limited(&connector, attempt.run())).await;
        let kind = attempt.kind();
        drop(attempt);
        if let Some(passage) = Arc::into_inner(passage) {
            passage.end(done.as_ref().err());
        }
        match done {
            Ok(outcome) => {
                let item = self.apply_event(&item, &ItemEvent::Completed { outcome }, lease).await?;
                telemetry::transfer::completed(&item, stopwatch);
                log::transfer::item_completed(&self.parts.settings.transfer, &item, &connector, stopwatch);
                Ok(Outcome::Done)
            }
            Err(error) => self.item_missed(&item, &connector, kind, &error, lease).await,
        }
    }

    /// The object of an item that sends one, as this attempt sends it.
    async fn open_to_send(
        &self,
        item: &TransferItem,
        connector: &TransferConnector,
        lease: &mut Lease,
    ) -> Option<Result<SealedObject>> {
        let Action::Send { local, .. } = &item.action else { return None };
        let opening = limited(connector, self.parts.store.open_object(local));
        Some(self.while_leased(lease, Beat::LeaseOnly, opening).await)
    }

    /// The item's connector, or why it can't be used any more.
    async fn usable_connector(&self, item: &TransferItem) -> Result<Result<TransferConnector>> {
        let Some(connector) = self.transfer_connector(&item.connector).await? else {
            let detail = format!("connector {} was removed", item.connector);
            return Ok(Err(Error::new(&codes::deliver::CONNECTOR_GONE, detail)));
        };
        if let Some(partner) = &connector.partner {
            let found = self.parts.records.partner(partner).await?;
            if found.is_none_or(|found| !found.enabled) {
                return Ok(Err(Error::new(&codes::request::PARTNER_DISABLED, format!("partner {partner}"))));
            }
        }
        Ok(Ok(connector))
    }

    /// The host rests: the item comes back afterwards, unless that has gone on for too long.
    async fn item_waits(
        &self,
        item: &TransferItem,
        connector: &TransferConnector,
        rest: Rest,
        lease: &Lease,
    ) -> Result<Outcome> {
        let waited = Timestamp::now().duration_since(item.queued_at);
        if rest.is_too_long(waited, &connector.settings.retry) {
            let error = Error::new(&codes::deliver::HOST_RESTS, format!("{}, waited {waited:#}", connector.url));
            return self.give_up_item(item, Some(connector), item.action.kind(), &error, lease).await;
        }
        Ok(Outcome::Again(rest.pause))
    }

    async fn item_missed(
        &self,
        item: &TransferItem,
        connector: &TransferConnector,
        kind: TransferKind,
        error: &Error,
        lease: &Lease,
    ) -> Result<Outcome> {
        if error.is(&codes::ledger::LEASE_LOST) || error.is(&codes::deliver::LEASE_LOST) {
            return Err(error.clone());
        }
        if let Some(pause) = not_yet(error) {
            return Ok(Outcome::Again(pause));
        }
        let retry = &connector.settings.retry;
        let counted = || retry.pause_after(item.used_attempts() + 1, rand::random()).filter(|_| error.is_retried());
        let Some(pause) = pause_for_outage(error, item.queued_at).or_else(counted) else {
            return self.give_up_item(item, Some(connector), kind, error, lease).await;
        };
        let failure = TransferFailure::new(kind, error);
        let failed = ItemEvent::AttemptFailed { failure, may_have_acted: may_have_acted(error) };
        let item = self.apply_event(item, &failed, lease).await?;
        telemetry::transfer::attempt_failed(error);
        log::transfer::item_attempt_failed(&item, error, pause);
        Ok(Outcome::Again(pause))
    }

    async fn give_up_item(
        &self,
        item: &TransferItem,
        connector: Option<&TransferConnector>,
        kind: TransferKind,
        error: &Error,
        lease: &Lease,
    ) -> Result<Outcome> {
        // As it is now: the attempt that has just failed may have been about to rename.
        let intent = self.parts.transfers.transfer_item(&item.id).await?.and_then(|now| now.intent);
        let failure = given_up(error, intent.as_ref());
        let failure = TransferFailure { failure, ..TransferFailure::new(kind, error) };
        let item = self.apply_event(item, &ItemEvent::Failed { failure }, lease).await?;
        telemetry::transfer::failed(&item, error);
        log::transfer::item_failed(&self.parts.settings.transfer, &item, connector, error);
        if let (Some(connector), Action::Send { local, remote_directory }) = (connector, &item.action)
            && may_have_written(item.attempts, error)
        {
            self.discard_item(&item, connector, local, remote_directory.as_deref()).await;
        }
        Ok(Outcome::Done)
    }

    /// Removes what attempts to send it left on the server.
    async fn discard_item(
        &self,
        item: &TransferItem,
        connector: &TransferConnector,
        local: &ObjectPath,
        remote_directory: Option<&str>,
    ) {
        let discarded = async {
            let engine = connector.engine(remote_directory)?;
            let mut traces = item.traces.clone();
            if traces.is_empty() {
                // Begun by an earlier version of this service, which did not record them.
                traces.push(send::trace_id(item, &self.parts.store.open_object(local).await?));
            }
            let mut discarded: Result<()> = Ok(());
            for id in &traces {
                let one = self.parts.transport.discard(&engine, send::traces(item, local, id)).await;
                discarded = discarded.and(one);
            }
            discarded
        };
        match discarded.await {
            // Without the object nothing was sent, unless it was removed in between.
            Err(error) if error.is(&codes::store::MISSING) && item.attempts < 2 => {}
            Err(error) => log::transfer::item_leftover(item, &error),
            Ok(()) => {}
        }
    }

    async fn apply_event(&self, item: &TransferItem, event: &ItemEvent, lease: &Lease) -> Result<TransferItem> {
        self.parts.transfers.apply_item(&item.id, event, Some(lease), Timestamp::now()).await
    }
}

/// Work for an item within its connector's time limit.
async fn limited<T>(connector: &TransferConnector, work: impl Future<Output = Result<T>>) -> Result<T> {
    let limit = Duration::from_secs(connector.settings.limits.transfer_timeout_s);
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let detail = format!("{}, {} s", connector.url, limit.as_secs());
        Err(Error::new(&codes::deliver::DEADLINE, detail))
    })
}
