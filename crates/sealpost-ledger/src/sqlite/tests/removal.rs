//! Removals that one turn must not do alone.

use sealpost_core::error::codes;
use sealpost_core::port::{Ledger, Outbox, Records};
use sealpost_core::webhook::Webhook;
use sealpost_testkit::suite::ledger::records::sample_partner;
use sealpost_testkit::suite::ledger::webhooks::sample_webhook;
use sealpost_testkit::suite::ledger::{admission, partner, refused};

use super::super::statement::{query, query_scalar};
use super::super::wal_index::{Header, WalIndex};
use super::super::{Durability, SqliteLedger};
use super::fresh;

const MANY: i64 = 5_000;

/// A partner with a webhook that has many notifications, each with its task.
async fn told_much(ledger: &SqliteLedger, of: &str) -> Webhook {
    let webhook = sample_webhook(of, &[]);
    ledger.put_partner(&sample_partner(of)).await.unwrap();
    ledger.create_webhook(&webhook, 10).await.unwrap();
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?3)";
    let notifications = format!(
        "INSERT INTO notifications (id, webhook, partner, status, created_at, record)
         {numbers} SELECT ?1 || n, ?2, ?1, 'pending', n, '{{}}' FROM n"
    );
    let tasks = format!(
        "INSERT INTO tasks (id, kind, subject, ready_at) {numbers} SELECT ?1 || n, 'notify', ?1 || n, 0 FROM n"
    );
    for sql in [notifications, tasks] {
        query(sql).bind(of).bind(webhook.id.as_str()).bind(MANY).execute(turn.connection()).unwrap();
    }
    turn.end(Ok(())).await.unwrap();
    webhook
}

fn left(ledger: &SqliteLedger, table: &str, of: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE id LIKE ? || '%'");
    query_scalar(sql).bind(of).fetch_one(&ledger.reader().unwrap()).unwrap()
}

/// Not everything in one turn, which would keep the others out.
fn took_turns(before: Header, after: Header) {
    assert!(after.transactions_since(&before) >= 10, "{}", after.transactions_since(&before));
}

#[tokio::test]
async fn a_webhook_with_many_notifications_goes_in_turns() {
    let (folder, ledger) = fresh().await;
    let index = WalIndex::beside(&folder.path().join("ledger.db")).unwrap();
    let (webhook, other) = (told_much(&ledger, "acme").await, told_much(&ledger, "other").await);
    // Another partner's stays whole.
    assert!(!ledger.remove_webhook(&partner("acme"), &other.id).await.unwrap());
    assert_eq!(ledger.webhook(&other.partner, &other.id).await.unwrap().as_ref(), Some(&other));

    let before = index.header().unwrap();
    assert!(ledger.remove_webhook(&webhook.partner, &webhook.id).await.unwrap());
    took_turns(before, index.header().unwrap());
    assert_eq!(ledger.webhook(&webhook.partner, &webhook.id).await.unwrap(), None);
    for (table, of, count) in
        [("notifications", "acme", 0), ("tasks", "acme", 0), ("notifications", "other", MANY), ("tasks", "other", MANY)]
    {
        assert_eq!(left(&ledger, table, of), count, "{table} of {of}");
    }
    assert!(!ledger.remove_webhook(&webhook.partner, &webhook.id).await.unwrap());
}

/// Whoever asked may go away: it goes on. Meanwhile it is told nothing new.
#[tokio::test]
async fn a_removal_goes_on_without_its_caller() {
    let (_folder, ledger) = fresh().await;
    let webhook = told_much(&ledger, "acme").await;
    let first = ledger.begin(Durability::Disk).await.unwrap();
    let mut removing = ledger.remove_webhook(&webhook.partner, &webhook.id);
    assert!(futures::poll!(&mut removing).is_pending());
    tokio::task::yield_now().await;
    drop(removing);
    // Behind the first turn of the removal, and before its second.
    let mut second = std::pin::pin!(ledger.begin(Durability::Disk));
    assert!(futures::poll!(&mut second).is_pending());
    let second = async { second.await?.end(Ok(())).await };
    let (first, second) = tokio::join!(first.end(Ok(())), second);
    first.and(second).unwrap();
    let meanwhile = ledger.webhook(&webhook.partner, &webhook.id).await.unwrap();
    assert_eq!(meanwhile, Some(Webhook { enabled: false, ..webhook.clone() }));
    while ledger.webhook(&webhook.partner, &webhook.id).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(left(&ledger, "notifications", "acme"), 0);
}

#[tokio::test]
async fn a_partner_with_many_notifications_goes_in_turns() {
    let (folder, ledger) = fresh().await;
    let index = WalIndex::beside(&folder.path().join("ledger.db")).unwrap();
    told_much(&ledger, "acme").await;
    told_much(&ledger, "other").await;
    // Something is under way: nothing is touched.
    ledger.admit(admission("other")).await.unwrap();
    refused(ledger.remove_partner(&partner("other")).await, &codes::ledger::IN_USE);
    assert_eq!(ledger.partner(&partner("other")).await.unwrap(), Some(sample_partner("other")));
    assert_eq!(left(&ledger, "notifications", "other"), MANY);

    let before = index.header().unwrap();
    assert!(ledger.remove_partner(&partner("acme")).await.unwrap());
    took_turns(before, index.header().unwrap());
    assert_eq!(ledger.partner(&partner("acme")).await.unwrap(), None);
    assert_eq!((left(&ledger, "notifications", "acme"), left(&ledger, "tasks", "acme")), (0, 0));
    assert_eq!(ledger.webhooks(&partner("acme")).await.unwrap(), []);
}
