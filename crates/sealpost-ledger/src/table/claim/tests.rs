//! Claims beside lanes that can't be written, lanes that say more than they have, and entries that others have left
//! behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::{ConnectorId, JobId};
use sealpost_core::port::Queue;
use sealpost_core::task::{Lease, NewTask, QueueDepth, Work, WorkKind};
use sealpost_core::transfer::NewTransfer;
use sealpost_testkit::suite::ledger::transfers::new_transfer;
use sealpost_testkit::suite::ledger::{HOUR, Ports};
use tokio::time::{sleep, timeout};

use super::super::lanes::partition;
use super::super::memory::MemoryTable;
use super::super::step::step;
use super::super::tasks::ready;
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
    let first = ports.queue.claim(&KINDS, Duration::from_secs(2)).await.unwrap().expect("a task");
    assert_eq!(claim(&ports).await, None);
    while Timestamp::now() < first.until {
        sleep(Duration::from_millis(50)).await;
    }
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

/// A ledger in this table with so many shards.
fn sharded(table: &Arc<MemoryTable>, shards: u32) -> TableLedger {
    TableLedger::new(table.clone(), TableSettings { shards, look_again: Duration::from_millis(20) })
}

/// Tasks without a lane, all of them ready.
async fn enqueue(ledger: &TableLedger, count: usize) -> Vec<Work> {
    let works: Vec<Work> = (0..count).map(|_| Work::Produce(JobId::fresh())).collect();
    for some in works.chunks(20) {
        let run_at = Timestamp::now();
        let tasks: Vec<NewTask> = some.iter().map(|work| NewTask { work: work.clone(), run_at }).collect();
        step!(ledger, |step| step.enqueue(&tasks).await).unwrap();
    }
    works
}

async fn produce(ledger: &TableLedger) -> Option<Lease> {
    timeout(HANGS, ledger.claim(&[WorkKind::Produce], HOUR)).await.expect("the claim to end").unwrap()
}

/// How many entries of tasks to produce there are, in the places of the most shards that a test has.
async fn entries(table: &MemoryTable) -> usize {
    let mut count = 0;
    for shard in 0..8 {
        count += table.query(&ready(WorkKind::Produce, shard), SkRange::All, false, 1000).await.unwrap().len();
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_outlive_a_higher_number_of_shards() {
    let table = Arc::new(MemoryTable::default());
    enqueue(&sharded(&table, 4), 40).await;
    let ledger = sharded(&table, 8);
    let mut claimed = BTreeSet::new();
    for round in 1..=40 {
        let lease = produce(&ledger).await.expect("a task");
        assert!(claimed.insert(lease.task.clone()), "{} twice", lease.task);
        // Some are claimed again after they are given back, some done while others wait.
        if round % 2 == 0 {
            ledger.complete(&lease).await.unwrap();
        } else {
            ledger.release(&lease, Duration::ZERO).await.unwrap();
            claimed.remove(&lease.task);
        }
    }
    while let Some(lease) = produce(&ledger).await {
        assert!(claimed.insert(lease.task.clone()), "{} twice", lease.task);
        ledger.complete(&lease).await.unwrap();
    }
    assert_eq!(claimed.len(), 40);
    assert_eq!(ledger.depth().await.unwrap(), QueueDepth::default());
    assert_eq!(entries(&table).await, 0);
}

/// More of them than conflicts that there may be: of tasks that are gone, that are dead, that somebody has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_others_left_behind_go_when_they_are_met() {
    let table = Arc::new(MemoryTable::default());
    let (few, many) = (sharded(&table, 4), sharded(&table, 8));
    enqueue(&few, 40).await;
    for _ in 0..20 {
        // Over at once, so that the entry is met again.
        let lease = few.claim(&[WorkKind::Produce], Duration::ZERO).await.unwrap().expect("a task");
        many.bury(&lease, "no more").await.unwrap();
    }
    for _ in 0..20 {
        let mut lease = few.claim(&[WorkKind::Produce], Duration::ZERO).await.unwrap().expect("a task");
        many.extend(&mut lease, HOUR).await.unwrap();
    }
    for work in enqueue(&few, 300).await {
        step!(&many, |step| step.drop_tasks_of(&work).await).unwrap();
    }
    assert!(entries(&table).await > 100, "the test leaves none behind");

    assert_eq!(produce(&many).await, None);
    assert_eq!(many.depth().await.unwrap(), QueueDepth { leased: 20, dead: 20, ..QueueDepth::default() });
    assert_eq!(entries(&table).await, 20);
}
