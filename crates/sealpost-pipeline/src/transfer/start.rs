//! Starts a transfer: all of it durable when it returns, or nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{AccessKeyId, ConnectorId, TransferId};
use sealpost_core::transfer::{Action, NewTransfer, StartedTransfer, Transfer};

use crate::{Pipeline, log};

/// What a caller wants done, checked as far as it can be without records.
#[derive(Debug, Clone)]
pub struct StartAsk {
    /// On which connector.
    pub connector: ConnectorId,
    /// What; all of one kind.
    pub actions: Vec<Action>,
    /// Who asks.
    pub caller: AccessKeyId,
    /// The caller's own words; at most 2,048 bytes in all.
    pub metadata: BTreeMap<String, String>,
    /// The caller's idempotency token, with the SHA-256 of the request it belongs to.
    pub idempotency: Option<(String, String)>,
}

impl Pipeline {
    /// What this caller's token and request (its SHA-256) started before, as it is now.
    ///
    /// # Errors
    /// `SP-REQUEST-014` for a token used with another request; `SP-LEDGER-001`.
    pub async fn transfer_started_before(
        &self,
        caller: &AccessKeyId,
        idempotency: Option<&(String, String)>,
    ) -> Result<Option<Transfer>> {
        let Some((token, sha256)) = idempotency else { return Ok(None) };
        self.parts.transfers.started_before(caller, token, sha256).await
    }

    /// Starts a transfer, listing, move or delete.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such connector; `-001` for no action, too many or different kinds, and for
    /// the store's root as the folder; `-013` where too many
    /// items wait; `-014` for a token used with another request.
    pub async fn start_transfer(&self, ask: StartAsk) -> Result<StartedTransfer> {
        // First of all: what was started stays the answer, whatever became of the connector and the settings since.
        if let Some(before) = self.transfer_started_before(&ask.caller, ask.idempotency.as_ref()).await? {
            return Ok(StartedTransfer::Replayed(before));
        }
        let settings = &self.parts.settings.transfer;
        let invalid = |detail: String| Error::new(&codes::request::INVALID, detail);
        let count = u32::try_from(ask.actions.len()).unwrap_or(u32::MAX);
        if count > settings.most_files {
            return Err(invalid(format!("{count} files; at most {} at once", settings.most_files)));
        }
        let Some(kind) = ask.actions.first().map(Action::kind) else {
            return Err(invalid("nothing to do".to_owned()));
        };
        if ask.actions.iter().any(|action| action.kind() != kind) {
            return Err(invalid("one transfer does one thing: send, or retrieve".to_owned()));
        }
        for action in &ask.actions {
            if let Action::Retrieve { local_directory: folder, .. } | Action::List { output_directory: folder, .. } =
                action
                && self.parts.store.is_root(folder)
            {
                return Err(invalid(format!("{folder} is the store's root: name a folder below it")));
            }
        }
        let Some(connector) = self.transfer_connector(&ask.connector).await? else {
            return Err(Error::new(&codes::request::NOT_FOUND, format!("connector {}", ask.connector)));
        };
        let transfer = Transfer {
            id: TransferId::fresh(),
            connector: ask.connector,
            kind,
            caller: ask.caller,
            metadata: ask.metadata,
            items: count,
            open: count,
            announced: !self.parts.transfer_events.is_empty(),
            created_at: Timestamp::now(),
            finished_at: None,
        };
        let new = NewTransfer {
            transfer,
            actions: ask.actions,
            idempotency: ask.idempotency,
            queue_limit: settings.queue_limit,
            connections: connector.settings.limits.concurrency,
        };
        let started = self.parts.transfers.start_transfer(&new).await?;
        if let StartedTransfer::New(transfer) = &started {
            log::transfer::started(transfer);
        }
        Ok(started)
    }
}
