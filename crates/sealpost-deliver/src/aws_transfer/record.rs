//! What is recorded of a transfer that was started, in place of a temporary name: enough to go on following it.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::delivery::Intent;
use sealpost_core::port::Shipment;

use super::find::Found;

const STARTED: &str = "transfer:";
const ASKED: &str = "asked:";
const OF: &str = " of ";
const SINCE: &str = " since ";

/// A transfer that an attempt started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The service's id.
    pub(super) transfer: String,
    /// When it was started. One that was recorded without it counts from now.
    since: Timestamp,
}

impl Record {
    pub(super) fn new(transfer: &str) -> Self {
        Self { transfer: transfer.to_owned(), since: Timestamp::now() }
    }

    /// How long ago it was started.
    pub(super) fn age(&self) -> SignedDuration {
        Timestamp::now().duration_since(self.since)
    }

    /// The record as the ledger keeps it.
    pub(super) fn intent(&self, shipment: &Shipment<'_>, found: &Found, path: &str) -> Intent {
        Intent {
            temporary_path: format!("{STARTED}{}{OF}{}{SINCE}{}", self.transfer, shipment.traces.id, self.since),
            final_path: path.to_owned(),
            account: found.arn.clone(),
        }
    }

    /// What an earlier attempt started for the same name, and the ARN of the service's connector that it was started through.
    pub(super) fn earlier<'a>(shipment: &Shipment<'a>, path: &str) -> Option<(Self, &'a str)> {
        let intent = shipment.traces.intent?;
        let record = Self::read(intent)?;
        (intent.final_path == path).then_some((record, intent.account.as_str()))
    }

    fn read(intent: &Intent) -> Option<Self> {
        let text = intent.temporary_path.strip_prefix(STARTED)?;
        let (text, since) = text.split_once(SINCE).unwrap_or((text, ""));
        let (transfer, _) = text.split_once(OF).unwrap_or((text, ""));
        Some(Self { transfer: transfer.to_owned(), since: since.parse().unwrap_or_else(|_| Timestamp::now()) })
    }
}

/// That our own API was asked to start a transfer, recorded before it is: under the same token nothing is started twice, however
/// many attempts, processes and failures lie in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The idempotency token.
    pub(super) token: String,
    since: Timestamp,
}

impl Asked {
    /// With a token of its own for each time that a transfer came to an end.
    pub(super) fn new(shipment: &Shipment<'_>) -> Self {
        let token = format!("{}-{}", shipment.traces.id, shipment.traces.failed_attempts);
        Self { token, since: Timestamp::now() }
    }

    /// How long ago that was.
    pub(super) fn age(&self) -> SignedDuration {
        Timestamp::now().duration_since(self.since)
    }

    /// The record as the ledger keeps it.
    pub(super) fn intent(&self, found: &Found, path: &str) -> Intent {
        Intent {
            temporary_path: format!("{ASKED}{}{SINCE}{}", self.token, self.since),
            final_path: path.to_owned(),
            account: found.arn.clone(),
        }
    }

    /// What an earlier attempt asked for, of the same connector and for the same name, and does not know the outcome of.
    pub(super) fn earlier(shipment: &Shipment<'_>, found: &Found, path: &str) -> Option<Self> {
        let intent = shipment.traces.intent?;
        let (token, since) = intent.temporary_path.strip_prefix(ASKED)?.split_once(SINCE)?;
        let asked = Self { token: token.to_owned(), since: since.parse().ok()? };
        (intent.account == found.arn && intent.final_path == path).then_some(asked)
    }
}

/// The service's id of the transfer that an intent records, where it does.
#[must_use]
pub fn recorded_transfer(intent: &Intent) -> Option<String> {
    Record::read(intent).map(|record| record.transfer)
}
