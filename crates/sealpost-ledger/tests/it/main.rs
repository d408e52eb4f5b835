//! Integration tests of the ledgers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is the report"
)]

mod bells;
mod crash;
mod dynamodb;
mod faults;
mod file;
mod machines;
mod model;
mod mysql;
mod processes;
mod secrets;

mod suite;
mod upgrade;

use std::path::Path;
use std::sync::Arc;

use sealpost_ledger::{LedgerSet, SqliteLedger};
use sealpost_testkit::suite::ledger::Ports;

/// A new SQLite ledger in a folder of its own.
async fn sqlite() -> Ports {
    let folder = tempfile::tempdir().unwrap();
    let mut ports = opened(&folder.path().join("ledger.db")).await;
    ports.keep = Arc::new(folder);
    ports
}

/// A ledger on this file, by connections of its own.
async fn opened(path: &Path) -> Ports {
    ports(LedgerSet::from(SqliteLedger::open(path).await.unwrap()))
}

fn ports(set: LedgerSet) -> Ports {
    let LedgerSet { ledger, records, queue, usage, outbox, changes, transfers, .. } = set;
    Ports { ledger, records, queue, usage, outbox, changes, transfers, keep: Arc::new(()) }
}
