//! Claims beside lanes that can't be written, and lanes that say more than they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::id::ConnectorId;
use sealpost_core::task::{Lease, Work, WorkKind};
use sealpost_core::transfer::NewTransfer;
use sealpost_testkit::suite::ledger::transfers::new_transfer;
use sealpost_testkit::suite::ledger::{HOUR, Ports};
use tokio::time::{sleep, timeout};

use super::super::lanes::partition;
use super::super::memory::MemoryTable;
use super::super::tests::{ledger, ports};
use super::super::{Item, Key, SkRange, Table, TableLedger, TableSettings, Write, Written};

/// A guard against a test that hangs; nothing is asserted about time.
const HANGS: Duration = Duration::from_secs(60);
const KINDS: [WorkKind; 1] = [WorkKind::Transfer];

/// A table of which somebody holds a partition.
struct Held {
    table: MemoryTable,
    pk: String,
    is_held: AtomicBool,
}

#[async_trait]
impl Table for Held {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        self.table.get(keys).await
    }

    async fn query(&self, pk: &str, range: SkRange, newest_first: bool, limit: u32) -> Result<Vec<Item>> {
        self.table.query(pk, range, newest_first, limit).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        if self.is_held.load(Ordering::Relaxed) && writes.iter().any(|write| write.parts().0.pk == self.pk) {
            tokio::task::yield_now().await;
            return Ok(Written::Conflict);
        }
        self.table.write(writes).await
    }

    fn place(&self) -> String {
        self.table.place()
    }
}

async fn claim(ports: &Ports) -> Option<Lease> {
    timeout(HANGS, ports.queue.claim(&KINDS, HOUR)).await.expect("the claim to end").unwrap()
}

async fn connector(ports: &Ports, lease: &Lease) -> ConnectorId {
    let Work::Transfer(item) = &lease.work else { panic!("{:?}", lease.work) };
    ports.transfers.transfer_item(item).await.unwrap().expect("the item").connector
}

/// Whoever holds it may be a machine that is gone, whose locks last for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_somebody_holds_keeps_nobody_from_the_others() {
    let (stuck, other) = (ConnectorId::fresh(), ConnectorId::fresh());
    let table = MemoryTable::default();
    let table = Arc::new(Held { table, pk: partition(&stuck), is_held: AtomicBool::new(false) });
    let settings = TableSettings { shards: 1, look_again: Duration::from_millis(20) };
    let ports = ports(Arc::new(TableLedger::new(table.clone(), settings)));

    // A full lane, which rests until the lease is over.
    ports.start_transfer(&NewTransfer { connections: 1, ..new_transfer(&stuck, 2) }).await;
    let first = ports.queue.claim(&KINDS, Duration::from_millis(200)).await.unwrap().expect("a task");
    assert_eq!(claim(&ports).await, None);
    sleep(Duration::from_millis(250)).await;
    table.is_held.store(true, Ordering::Relaxed);

    assert_eq!(claim(&ports).await, None);
    ports.start_transfer(&new_transfer(&other, 1)).await;
    let lease = claim(&ports).await.expect("the other lane's task");
    assert_eq!(connector(&ports, &lease).await, other);
    assert_eq!(claim(&ports).await, None);

    table.is_held.store(false, Ordering::Relaxed);
    let lease = claim(&ports).await.expect("a task of the lane that is free again");
    assert_eq!(connector(&ports, &lease).await, stuck);
    assert_ne!(lease.task, first.task, "the place is free, for the one that has waited longest");
}

/// Leases that are extended leave their lanes saying the earlier end. More of those than conflicts that there may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_that_only_have_to_be_put_right_are_no_conflicts() {
    let ports = ports(ledger());
    for _ in 0..100 {
        ports.start_transfer(&new_transfer(&ConnectorId::fresh(), 1)).await;
    }
    let mut leases = Vec::new();
    for _ in 0..100 {
        leases.push(ports.queue.claim(&KINDS, Duration::ZERO).await.unwrap().expect("a task"));
    }
    for lease in &mut leases {
        ports.queue.extend(lease, HOUR).await.unwrap();
    }
    assert_eq!(claim(&ports).await, None);
}
