//! What a step promises, over a table in memory.

use std::sync::Arc;
use std::time::Duration;

use sealpost_testkit::suite::ledger::Ports;

use super::memory::MemoryTable;
use super::step::step;
use super::{Key, TableLedger, TableSettings};
use crate::LedgerSet;

pub(crate) fn ledger() -> Arc<TableLedger> {
    let settings = TableSettings { shards: 1, look_again: Duration::from_millis(20) };
    Arc::new(TableLedger::new(Arc::new(MemoryTable::default()), settings))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_meet_are_run_again() {
    let ledger = ledger();
    let counter = Key::new("counter", "counter");
    let adders: Vec<_> = (0..8)
        .map(|_| {
            let (ledger, counter) = (ledger.clone(), counter.clone());
            tokio::spawn(async move {
                for _ in 0..20 {
                    let added = step!(&ledger, |step| {
                        let before: u64 = step.get(&counter).await?.unwrap_or(0);
                        step.put(&counter, &(before + 1))
                    });
                    added.unwrap();
                }
            })
        })
        .collect();
    for adder in adders {
        adder.await.unwrap();
    }
    assert_eq!(ledger.read::<u64>(&counter).await.unwrap(), Some(160));
}

pub(super) fn ports(ledger: Arc<TableLedger>) -> Ports {
    let set = LedgerSet::from(ledger);
    let LedgerSet { ledger, records, queue, usage, outbox, changes, transfers, .. } = set;
    Ports { ledger, records, queue, usage, outbox, changes, transfers, keep: Arc::new(()) }
}

/// The ports of a new ledger.
async fn fresh() -> Ports {
    ports(ledger())
}

sealpost_testkit::ledger_suite!(super::fresh);

async fn table() -> Arc<dyn super::Table> {
    Arc::new(MemoryTable::default())
}

mod memory {
    super::super::suite::table_suite!(super::table);
}
