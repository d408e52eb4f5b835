//! Lanes: connectors take turns, and no more of one is under way than its limit, over all workers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::connector::Connector;
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, TransferItemId};
use sealpost_core::task::{Lease, Work, WorkKind};
use sealpost_core::transfer::{NewTransfer, TransferConnector};

use super::access::sample_transfer_connector;
use super::records::{sample_connector, sample_partner};
use super::transfers::new_transfer;
use super::{HOUR, Ports, admission, connector_id, refused};

/// A guard against a test that hangs; nothing is asserted about time.
const HANGS: Duration = Duration::from_secs(60);
const BOTH: [WorkKind; 2] = [WorkKind::Deliver, WorkKind::Transfer];

fn limited(connector: &ConnectorId, files: u32, connections: u32) -> NewTransfer {
    NewTransfer { connections, ..new_transfer(connector, files) }
}

fn item(lease: &Lease) -> TransferItemId {
    match &lease.work {
        Work::Transfer(item) => item.clone(),
        other => panic!("{other:?}"),
    }
}

impl Ports {
    /// The connector that the next transfer task goes to; it is left leased.
    async fn turn(&self) -> Option<ConnectorId> {
        let lease = self.queue.claim(&[WorkKind::Transfer], HOUR).await.expect("claim")?;
        let item = self.transfers.transfer_item(&item(&lease)).await.expect("read").expect("the item");
        Some(item.connector)
    }

    /// Admits a report for these connectors of `acme` and takes it to `succeeded`: a delivery to each.
    async fn deliver_to(&self, names: &[&str]) {
        let mut asked = admission("acme");
        asked.request.deliver_to = names.iter().map(|name| connector_id("acme", name)).collect();
        let job = self.admit(asked).await;
        self.succeed(&job).await;
    }
}

/// A connector for which a thousand files wait holds up nobody: one for another connector is claimed at its next turn, and
/// so on in turns.
pub async fn a_long_line_holds_up_no_other(ports: Ports) {
    let (busy, small, third) = (ConnectorId::fresh(), ConnectorId::fresh(), ConnectorId::fresh());
    ports.start_transfer(&new_transfer(&busy, 1000)).await;
    assert_eq!(ports.turn().await.as_ref(), Some(&busy));
    assert_eq!(ports.turn().await.as_ref(), Some(&busy));
    ports.start_transfer(&new_transfer(&small, 1)).await;
    assert_eq!(ports.turn().await.as_ref(), Some(&small));
    assert_eq!(ports.turn().await.as_ref(), Some(&busy));

    ports.start_transfer(&new_transfer(&small, 2)).await;
    ports.start_transfer(&new_transfer(&third, 2)).await;
    let mut turns = BTreeMap::new();
    for _ in 0..6 {
        *turns.entry(ports.turn().await.expect("a task")).or_insert(0) += 1;
    }
    assert_eq!(turns, BTreeMap::from([(busy.clone(), 2), (small, 2), (third, 2)]));
    assert_eq!(ports.turn().await, Some(busy));
}

/// Within a lane, the task that has waited longest comes first; those that wait for their next attempt hold up none.
pub async fn a_lane_goes_in_order(ports: Ports) {
    let connector = ConnectorId::fresh();
    let (_, items) = ports.start_transfer(&new_transfer(&connector, 4)).await;
    let first = ports.claim(&BOTH).await;
    assert_eq!(item(&first), items[0].id);
    ports.queue.release(&first, HOUR).await.unwrap();
    let second = ports.claim(&BOTH).await;
    assert_eq!(item(&second), items[1].id);
    ports.queue.release(&second, Duration::ZERO).await.unwrap();
    for expected in [2, 3, 1] {
        assert_eq!(item(&ports.claim(&BOTH).await), items[expected].id);
    }
    assert_eq!(ports.queue.claim(&BOTH, HOUR).await.unwrap(), None);
}

/// A full lane gives nothing, and holds up neither other lanes nor tasks that have none; a task that is done, buried or
/// given back makes room.
pub async fn a_full_lane_waits(ports: Ports) {
    let (full, other) = (ConnectorId::fresh(), ConnectorId::fresh());
    ports.start_transfer(&limited(&full, 9, 2)).await;
    let mut leases = vec![ports.claim(&BOTH).await, ports.claim(&BOTH).await];
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    ports.start_transfer(&limited(&other, 1, 1)).await;
    assert_eq!(ports.turn().await, Some(other));
    let job = ports.admit(admission("acme")).await;
    assert_eq!(ports.claim(&WorkKind::ALL).await.work, Work::Produce(job.id));

    for end in ["complete", "bury", "release"] {
        let lease = leases.remove(0);
        match end {
            "complete" => ports.queue.complete(&lease).await.unwrap(),
            "bury" => ports.queue.bury(&lease, "the suite").await.unwrap(),
            _ => ports.queue.release(&lease, HOUR).await.unwrap(),
        }
        leases.push(ports.claim(&WorkKind::ALL).await);
        assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None, "after {end}");
    }
    // What comes back from the dead stands in its lane.
    let dead = ports.queue.dead(1).await.unwrap().remove(0);
    assert!(ports.queue.revive(&dead.task).await.unwrap());
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
}

/// Deliveries and transfers to one connector share its places and its turns.
pub async fn deliveries_and_transfers_share_a_lane(ports: Ports) {
    let main = connector_id("acme", "main");
    ports.deliver_to(&["main", "other"]).await;
    ports.start_transfer(&limited(&main, 5, 2)).await;
    let transfer = ports.claim(&[WorkKind::Transfer]).await;
    // The other connector's turn; then the second place of this one.
    let (one, two) = (ports.claim(&[WorkKind::Deliver]).await, ports.claim(&[WorkKind::Deliver]).await);
    let mut connectors = Vec::new();
    for lease in [&one, &two] {
        let Work::Deliver(id) = &lease.work else { panic!("{:?}", lease.work) };
        connectors.push(ports.ledger.delivery(id).await.unwrap().unwrap().connector);
    }
    assert_eq!(connectors, [connector_id("acme", "other"), main]);
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    ports.queue.complete(&two).await.unwrap();
    assert_eq!(ports.claim(&BOTH).await.work.kind(), WorkKind::Transfer);
    assert_eq!(ports.queue.claim(&BOTH, HOUR).await.unwrap(), None);
    ports.queue.complete(&transfer).await.unwrap();
    ports.queue.complete(&one).await.unwrap();
}

/// Many workers at once: never more leases of a lane than its limit, all tasks are done once.
pub async fn no_lane_exceeds_its_limit(ports: Ports) {
    limits_across(&[ports]).await;
}

/// The same, with workers on any of these openings.
pub async fn limits_across(openings: &[Ports]) {
    let limits: BTreeMap<ConnectorId, u32> = (1..=3).map(|limit| (ConnectorId::fresh(), limit)).collect();
    for (connector, limit) in &limits {
        openings[0].start_transfer(&limited(connector, 20, *limit)).await;
    }
    let under_way = std::sync::Arc::new(std::sync::Mutex::new(BTreeMap::<ConnectorId, u32>::new()));
    let workers = openings.iter().cycle().take(8).map(|ports| {
        let (ports, limits, under_way) = (ports.clone(), limits.clone(), under_way.clone());
        tokio::spawn(async move {
            let mut done = 0;
            loop {
                if let Some(lease) = ports.queue.claim(&[WorkKind::Transfer], HOUR).await.unwrap() {
                    let lane = ports.transfers.transfer_item(&item(&lease)).await.unwrap().unwrap().connector;
                    {
                        let mut under_way = under_way.lock().unwrap();
                        let count = under_way.entry(lane.clone()).or_default();
                        *count += 1;
                        assert!(*count <= limits[&lane], "{count} of {}", limits[&lane]);
                    }
                    tokio::task::yield_now().await;
                    *under_way.lock().unwrap().get_mut(&lane).unwrap() -= 1;
                    ports.queue.complete(&lease).await.unwrap();
                    done += 1;
                } else if ports.queue.depth().await.unwrap().ready == 0 {
                    break done;
                } else {
                    ports.queue.wait(&WorkKind::ALL, Duration::from_millis(20)).await;
                }
            }
        })
    });
    let done: u32 = join_all(workers).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(done, 60);
}

/// A lease that ran out gives its place to the next task of the lane; it can be extended only while there is room.
pub async fn a_lease_that_ran_out_frees_its_place(ports: Ports) {
    let connector = ConnectorId::fresh();
    let (_, items) = ports.start_transfer(&limited(&connector, 3, 1)).await;
    let mut dead = ports.queue.claim(&BOTH, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(item(&dead), items[0].id);
    let next = ports.claim(&BOTH).await;
    assert_eq!(item(&next), items[1].id);
    assert_eq!(ports.queue.claim(&BOTH, HOUR).await.unwrap(), None);
    refused(ports.queue.extend(&mut dead, HOUR).await, &codes::ledger::LEASE_LOST);

    ports.queue.complete(&next).await.unwrap();
    ports.queue.extend(&mut dead, HOUR).await.unwrap();
    assert_eq!(ports.queue.claim(&BOTH, HOUR).await.unwrap(), None);
    ports.queue.extend(&mut dead, HOUR).await.unwrap();
    ports.queue.complete(&dead).await.unwrap();
    assert_eq!(item(&ports.claim(&BOTH).await), items[2].id);
}

/// A connector's limit is that of its record, from when that is put or edited; one that was lowered takes nothing back.
pub async fn a_limit_that_changes_takes_effect(ports: Ports) {
    let none = async || ports.queue.claim(&BOTH, HOUR).await.unwrap().is_none();
    // One that was made through the transfer API.
    let connector = sample_transfer_connector();
    ports.transfers.create_transfer_connector(&connector, 10).await.unwrap();
    ports.start_transfer(&limited(&connector.id, 9, 2)).await;
    let mut leases = vec![ports.claim(&BOTH).await, ports.claim(&BOTH).await];
    assert!(none().await);
    let limit = async |limit: u32| {
        let edit = move |mut one: TransferConnector| {
            one.settings.limits.concurrency = limit;
            Ok(one)
        };
        ports.transfers.edit_transfer_connector(&connector.id, &edit).await.unwrap().expect("the connector");
    };
    limit(3).await;
    leases.push(ports.claim(&BOTH).await);
    assert!(none().await);
    limit(1).await;
    for lease in &mut leases {
        ports.queue.extend(lease, HOUR).await.unwrap();
    }
    for lease in &leases {
        assert!(none().await);
        ports.queue.complete(lease).await.unwrap();
    }
    let last = ports.claim(&BOTH).await;
    assert!(none().await);
    // What a start has read of the connector may be from before the edit.
    ports.start_transfer(&limited(&connector.id, 1, 2)).await;
    assert!(none().await);
    ports.queue.complete(&last).await.unwrap();
    ports.claim(&BOTH).await;
    assert!(none().await);

    // A partner's.
    ports.records.put_partner(&sample_partner("acme")).await.unwrap();
    let mut partners = sample_connector("acme", "main");
    partners.settings.limits.concurrency = 1;
    ports.records.put_connector(&partners).await.unwrap();
    ports.deliver_to(&["main"]).await;
    ports.deliver_to(&["main"]).await;
    ports.deliver_to(&["main"]).await;
    ports.claim(&[WorkKind::Deliver]).await;
    assert!(none().await);
    partners.settings.limits.concurrency = 2;
    ports.records.put_connector(&partners).await.unwrap();
    ports.claim(&[WorkKind::Deliver]).await;
    assert!(none().await);
    let edit = |mut one: Connector| {
        one.settings.limits.concurrency = 3;
        Ok(one)
    };
    ports.records.edit_connector(&partners.id, &edit).await.unwrap().expect("the connector");
    ports.claim(&[WorkKind::Deliver]).await;
    assert!(none().await);
}

/// A connector that is gone leaves its tasks their turns, until there are none.
pub async fn tasks_outlive_their_connector(ports: Ports) {
    let mut connector = sample_transfer_connector();
    connector.settings.limits.concurrency = 1;
    ports.transfers.create_transfer_connector(&connector, 10).await.unwrap();
    ports.start_transfer(&limited(&connector.id, 2, 1)).await;
    assert!(ports.transfers.remove_transfer_connector(&connector.id).await.unwrap());
    for _ in 0..2 {
        let lease = ports.claim(&BOTH).await;
        assert_eq!(ports.queue.claim(&BOTH, HOUR).await.unwrap(), None);
        ports.queue.complete(&lease).await.unwrap();
    }
    assert_eq!(ports.queue.claim(&BOTH, HOUR).await.unwrap(), None);
}

/// Who waits is woken when a lane has room again: when a task ends, and when a lease runs out.
pub async fn a_free_place_wakes_who_waits(ports: Ports) {
    let connector = ConnectorId::fresh();
    ports.start_transfer(&limited(&connector, 3, 1)).await;
    let waits = || {
        let queue = ports.queue.clone();
        tokio::spawn(async move {
            loop {
                if let Some(lease) = queue.claim(&BOTH, Duration::from_millis(50)).await.unwrap() {
                    break lease;
                }
                queue.wait(&WorkKind::ALL, HOUR).await;
            }
        })
    };
    let first = ports.claim(&BOTH).await;
    let worker = waits();
    tokio::task::yield_now().await;
    ports.queue.complete(&first).await.unwrap();
    let second = tokio::time::timeout(HANGS, worker).await.expect("to be woken").unwrap();
    let third = tokio::time::timeout(HANGS, waits()).await.expect("to be woken").unwrap();
    assert!(Timestamp::now() + SignedDuration::from_millis(1) >= second.until, "it came early");
    assert_ne!(third.task, first.task);
}
