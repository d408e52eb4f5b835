//! What a step promises, over a table in memory.

use std::sync::Arc;
use std::time::Duration;

use sealpost_testkit::suite::ledger::Ports;

use super::memory::MemoryTable;
use super::step::step;
use super::{Key, TableLedger, TableSettings};

pub(super) fn ledger() -> Arc<TableLedger> {
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

/// What is not part of this yet is in a file.
async fn fresh() -> Ports {
    let folder = tempfile::tempdir().unwrap();
    let file = Arc::new(crate::SqliteLedger::open(folder.path().join("l.db")).await.unwrap());
    let table = ledger();
    Ports {
        ledger: table.clone(),
        queue: table,
        records: file.clone(),
        usage: file.clone(),
        outbox: file.clone(),
        changes: file.clone(),
        transfers: file,
        keep: Arc::new(folder),
    }
}

sealpost_testkit::ledger_suite!(super::fresh);
