//! Removals that are cut short: nothing of what is gone is found, and whoever comes next finishes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::id::PartnerId;
use sealpost_core::notification::{Announcement, NotificationEvent};
use sealpost_core::port::{ChangeFilter, NotificationFilter};
use sealpost_core::task::{QueueDepth, WorkKind};
use sealpost_core::webhook::{EventKind, Webhook};
use sealpost_testkit::suite::ledger::changes::sample_change;
use sealpost_testkit::suite::ledger::records::{identity, sample_connector, sample_key, sample_partner};
use sealpost_testkit::suite::ledger::usage::today;
use sealpost_testkit::suite::ledger::webhooks::hooked;
use sealpost_testkit::suite::ledger::{Ports, partner, refused};
use tokio::time::timeout;

use super::super::memory::MemoryTable;
use super::super::tests::{ledger, ports};
use super::super::{Item, Table, TableSettings, Write, Written};
use super::*;

/// A guard against a test that hangs; nothing is asserted about time.
const HANGS: Duration = Duration::from_secs(60);
/// How many of each thing the partner has: more than goes in one step.
const MANY: u32 = 23;

/// A table in which a removal can be begun, and at times no more.
struct Failing {
    table: MemoryTable,
    fails: AtomicBool,
}

#[async_trait]
impl Table for Failing {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        self.table.get(keys).await
    }

    async fn query(&self, pk: &str, range: SkRange, newest_first: bool, limit: u32) -> Result<Vec<Item>> {
        self.table.query(pk, range, newest_first, limit).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        let begins = |write: &Write| matches!(write, Write::Put { key, .. } if key.pk == LEFT);
        if self.fails.load(Ordering::Relaxed) && !writes.iter().any(begins) {
            return Err(Error::new(&codes::ledger::UNREACHABLE, "the table of the test"));
        }
        self.table.write(writes).await
    }

    fn place(&self) -> String {
        self.table.place()
    }
}

/// A ledger in which nobody goes on with a removal for more than a step.
fn impatient() -> Arc<TableLedger> {
    let settings = TableSettings { shards: 1, look_again: Duration::from_millis(20) };
    let patient = TableLedger::new(Arc::new(MemoryTable::default()), settings);
    Arc::new(TableLedger { removing_for: Duration::ZERO, ..patient })
}

async fn left(ledger: &TableLedger) -> usize {
    ledger.below::<Removal>(LEFT, "", 100).await.unwrap().len()
}

/// Waits for what goes on beside.
async fn nothing_is_left(ledger: &TableLedger) {
    let ended = timeout(HANGS, async {
        while left(ledger).await > 0 {
            tokio::task::yield_now().await;
        }
    });
    ended.await.expect("nothing to be left");
}

/// Sweeps until nothing is left. How often.
async fn sweeps(ledger: &TableLedger, ports: &Ports) -> u32 {
    for swept in 0..100 {
        if left(ledger).await == 0 {
            return swept;
        }
        assert_eq!(ports.queue.sweep().await.unwrap(), 0, "nobody hears a bell");
    }
    panic!("no sweep gets further");
}

async fn told(ports: &Ports, of: &str, times: u32) -> Webhook {
    let webhook = hooked(ports, of, &[]).await;
    for _ in 0..times {
        let news = Announcement { event: EventKind::ReportFailed, ..Announcement::ping(&webhook, Timestamp::now()) };
        ports.outbox.notify(&webhook.id, &news).await.unwrap();
    }
    webhook
}

async fn with_everything(ports: &Ports, of: &str) {
    told(ports, of, MANY).await;
    let now = Timestamp::now();
    for number in 0..MANY {
        ports.records.put_connector(&sample_connector(of, &format!("c{number}"))).await.unwrap();
        ports.records.put_api_key(&sample_key(of, &format!("{of}key{number:05}"), now)).await.unwrap();
        ports.changes.create_change(&sample_change(of, &format!("F{number}"))).await.unwrap();
    }
    ports.usage.reserve(&partner(of), &today(), 5, 100).await.unwrap();
}

async fn nothing_is_found(ports: &Ports, of: &PartnerId) {
    assert_eq!(ports.records.partner(of).await.unwrap(), None);
    assert_eq!(ports.records.partner_of(&identity("okta", of.as_str())).await.unwrap(), None);
    assert_eq!(ports.records.connectors(Some(of)).await.unwrap(), []);
    assert_eq!(ports.records.connector(&sample_connector(of.as_str(), "c7").id).await.unwrap(), None);
    assert_eq!(ports.records.api_keys(of).await.unwrap(), []);
    let key = sample_key(of.as_str(), &format!("{of}key00007"), Timestamp::now()).id;
    assert_eq!(ports.records.api_key(&key).await.unwrap(), None);
    assert_eq!(ports.outbox.webhooks(of).await.unwrap(), []);
    let all = NotificationFilter { limit: 100, ..NotificationFilter::default() };
    let all = ports.outbox.notifications(&all).await.unwrap().notifications;
    assert!(all.iter().all(|one| one.partner != *of));
    let waiting = ChangeFilter { partner: Some(of.clone()), limit: 100, ..ChangeFilter::default() };
    assert_eq!(ports.changes.changes(&waiting).await.unwrap().entries, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_was_cut_short_is_finished_by_who_comes_next() {
    let ledger = ledger();
    let ports = ports(ledger.clone());
    let acme = partner("acme");
    for of in ["acme", "othr"] {
        with_everything(&ports, of).await;
    }
    // The process dies after the first step.
    assert!(step!(&*ledger, |step| begin_partner(step, &acme).await).unwrap());
    nothing_is_found(&ports, &acme).await;
    assert_eq!(ports.records.connectors(None).await.unwrap().len(), MANY as usize);
    let edit = |one| Ok(one);
    assert_eq!(ports.records.edit_connector(&sample_connector("acme", "c7").id, &edit).await.unwrap(), None);
    ports.records.put_connector(&sample_connector("acme", "new")).await.unwrap_err();

    // Another partner takes over the identity at once; the next of the name begins with nothing.
    let heir = sealpost_core::partner::Partner {
        identities: vec![identity("okta", "acme")],
        ..ports.records.partner(&partner("othr")).await.unwrap().unwrap()
    };
    ports.records.put_partner(&heir).await.unwrap();
    let next = sealpost_core::partner::Partner { identities: Vec::new(), ..sample_partner("acme") };
    ports.records.put_partner(&next).await.unwrap();
    assert_eq!(ports.records.partner_of(&identity("okta", "acme")).await.unwrap(), Some(heir));
    assert_eq!(ports.records.connectors(Some(&acme)).await.unwrap(), []);
    assert_eq!(ports.records.api_keys(&acme).await.unwrap(), []);
    assert_eq!(ports.usage.reserved(&acme, &today()).await.unwrap(), 0);

    // Its webhook's notifications go beside the next removal, whatever it is of.
    assert!(!ports.records.remove_partner(&partner("nobody")).await.unwrap());
    nothing_is_left(&ledger).await;
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: u64::from(MANY), ..QueueDepth::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_finish_one_removal_do_no_harm() {
    let ledger = ledger();
    let ports = ports(ledger.clone());
    with_everything(&ports, "acme").await;
    let acme = partner("acme");
    assert!(step!(&*ledger, |step| begin_partner(step, &acme).await).unwrap());
    // Another process: those of one take turns.
    let beside = TableLedger::new(ledger.table.clone(), ledger.settings);
    let (one, other) = tokio::join!(ledger.finish_removals(), beside.finish_removals());
    one.unwrap();
    other.unwrap();
    nothing_is_found(&ports, &acme).await;
    assert_eq!(ledger.below::<Removal>(LEFT, "", 10).await.unwrap().len(), 0);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finishes_late_leaves_the_next_one_of_the_name_alone() {
    let ledger = ledger();
    let ports = ports(ledger.clone());
    let acme = partner("acme");
    with_everything(&ports, "acme").await;
    assert!(step!(&*ledger, |step| begin_partner(step, &acme).await).unwrap());
    let late: Vec<(String, Removal)> = ledger.below(LEFT, "", 10).await.unwrap();
    ledger.finish_removals().await.unwrap();
    assert_eq!(ledger.below::<Removal>(LEFT, "", 10).await.unwrap().len(), 0);

    with_everything(&ports, "acme").await;
    for (_, removal) in &late {
        ledger.finish(removal, Patience::of(Duration::MAX)).await.unwrap();
    }
    assert_eq!(ports.records.connectors(Some(&acme)).await.unwrap().len(), MANY as usize);
    assert_eq!(ports.records.api_keys(&acme).await.unwrap().len(), MANY as usize);
    assert!(ports.records.partner_of(&identity("okta", "acme")).await.unwrap().is_some());
    assert_eq!(ports.usage.reserved(&acme, &today()).await.unwrap(), 5);
    let waiting = ChangeFilter { partner: Some(acme.clone()), limit: 100, ..ChangeFilter::default() };
    assert_eq!(ports.changes.changes(&waiting).await.unwrap().entries.len(), MANY as usize);

    // Nor does it take the next removal for its own.
    assert!(step!(&*ledger, |step| begin_partner(step, &acme).await).unwrap());
    for (_, removal) in &late {
        ledger.finish(removal, Patience::of(Duration::MAX)).await.unwrap();
    }
    let left: Vec<(String, Removal)> = ledger.below(LEFT, "", 10).await.unwrap();
    assert!(left.iter().any(|(_, removal)| matches!(removal, Removal::Partner { .. })), "{left:?}");
    ledger.finish_removals().await.unwrap();
    nothing_is_found(&ports, &acme).await;
    assert_eq!(ledger.below::<Removal>(LEFT, "", 10).await.unwrap().len(), 0);
}

/// Whoever removes it has more to do that follows from its having been there, and would not be told so again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_after_the_first_step_is_no_failure_of_the_removal() {
    let table = Arc::new(Failing { table: MemoryTable::default(), fails: AtomicBool::new(false) });
    let settings = TableSettings { shards: 1, look_again: Duration::from_millis(20) };
    let ledger = Arc::new(TableLedger::new(table.clone(), settings));
    let ports = ports(ledger.clone());
    let (acme, other) = (partner("acme"), partner("othr"));
    for of in ["acme", "othr"] {
        with_everything(&ports, of).await;
    }
    let webhook = ports.outbox.webhooks(&other).await.unwrap().remove(0);

    table.fails.store(true, Ordering::Relaxed);
    assert!(ports.records.remove_partner(&acme).await.unwrap());
    assert!(ports.outbox.remove_webhook(&other, &webhook.id).await.unwrap());
    nothing_is_found(&ports, &acme).await;
    assert_eq!(ports.outbox.webhooks(&other).await.unwrap(), []);
    ports.queue.tidy().await;
    assert_eq!(left(&ledger).await, 3);

    table.fails.store(false, Ordering::Relaxed);
    ports.queue.tidy().await;
    assert_eq!(left(&ledger).await, 0);
    assert_eq!(ports.records.connectors(None).await.unwrap().len(), MANY as usize);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
}

/// Who removes it does not wait for all that it was told, and neither does a sweep. One after the other gets there, also where
/// nobody listens to bells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_was_told_much_goes_in_several_sweeps() {
    let ledger = impatient();
    let ports = ports(ledger.clone());
    let webhook = told(&ports, "acme", MANY).await;
    assert!(ports.outbox.remove_webhook(&webhook.partner, &webhook.id).await.unwrap());
    assert_eq!(ports.outbox.webhooks(&webhook.partner).await.unwrap(), []);
    // Three steps of what it was told, of which one may be done, and one that finds nothing more.
    let swept = sweeps(&ledger, &ports).await;
    assert!(swept >= 3, "{swept}");
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_with_many_webhooks_goes_in_one_sweep_or_in_several() {
    let acme = partner("acme");
    for (ledger, expected) in [(ledger(), 1..=1_u32), (impatient(), 11..=99)] {
        let ports = ports(ledger.clone());
        for _ in 0..10 {
            told(&ports, "acme", 2).await;
        }
        ports.records.put_connector(&sample_connector("acme", "c7")).await.unwrap();
        assert!(step!(&*ledger, |step| begin_partner(step, &acme).await).unwrap());
        assert_eq!(left(&ledger).await, 11);
        let swept = sweeps(&ledger, &ports).await;
        assert!(expected.contains(&swept), "{swept}");
        nothing_is_found(&ports, &acme).await;
        assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
    }
}

/// Its worker hears that the task is its own no more, of which nothing comes; not that something is wrong, of which a dead
/// letter would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_let_go_where_its_webhook_goes() {
    let ledger = ledger();
    let ports = ports(ledger.clone());
    let webhook = hooked(&ports, "acme", &[]).await;
    let now = Timestamp::now();
    let ping = ports.outbox.notify(&webhook.id, &Announcement::ping(&webhook, now)).await.unwrap();
    let lease = ports.claim(&[WorkKind::Notify]).await;
    let started = NotificationEvent::Started { attempt: 1 };
    ports.outbox.apply_notification(&ping.id, &started, Some(&lease), now).await.unwrap();

    // The first step, and nothing of the rest yet.
    let (of, id) = (&webhook.partner, &webhook.id);
    assert!(step!(&*ledger, |step| webhooks::remove(step, of, id).await).unwrap());
    let delivered = NotificationEvent::Delivered { answer: 200 };
    let outcome = ports.outbox.apply_notification(&ping.id, &delivered, Some(&lease), now).await;
    refused(outcome, &codes::ledger::LEASE_LOST);
    let outcome = ports.outbox.apply_notification(&ping.id, &delivered, None, now).await;
    refused(outcome, &codes::request::NOT_FOUND);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { leased: 1, ..QueueDepth::default() });

    ledger.finish_removals().await.unwrap();
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
    let outcome = ports.outbox.apply_notification(&ping.id, &delivered, Some(&lease), now).await;
    refused(outcome, &codes::ledger::LEASE_LOST);
}
