//! Leases that run out while their holder waits for its turn.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::connector::Connector;
use sealpost_core::error::codes;
use sealpost_core::port::{Admitted, Ledger, Queue, Records};
use sealpost_core::task::WorkKind;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};
use sealpost_testkit::suite::ledger::{HOUR, admission, refused, started, stored};

use super::super::queue::claim;
use super::super::{Durability, SqliteLedger};
use super::fresh;

/// A lease that ran out gave its place in its lane back. It can't be had again when it is taken, however early that was asked for.
#[tokio::test]
async fn a_lease_that_runs_out_in_the_line_is_lost_to_the_next_of_its_lane() {
    let (folder, ledger) = fresh().await;
    let mut connector: Connector = sample_connector("acme", "main");
    connector.settings.limits.concurrency = 1;
    ledger.put_partner(&sample_partner("acme")).await.unwrap();
    ledger.put_connector(&connector).await.unwrap();
    let Admitted::New(job) = ledger.admit(admission("acme")).await.unwrap() else { panic!("a new job") };
    for event in [started(1), stored(&job)] {
        ledger.apply(&job.id, &event, None, Timestamp::now()).await.unwrap();
    }
    // Two for a lane with room for one.
    let twice = [connector.id.clone(), connector.id.clone()];
    ledger.redeliver(&job.id, &twice, None, Timestamp::now()).await.unwrap();

    let lease = Duration::from_millis(200);
    let mut first = ledger.claim(&[WorkKind::Deliver], lease).await.unwrap().unwrap();
    let other = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    let turn = other.begin(Durability::Disk).await.unwrap();
    let mut extending = std::pin::pin!(ledger.extend(&mut first, HOUR));
    assert!(futures::poll!(&mut extending).is_pending());
    tokio::time::sleep(2 * lease).await;
    let second = claim::claim(turn.connection(), &[WorkKind::Deliver], HOUR, Timestamp::now());
    assert!(turn.end(second).await.unwrap().is_some());
    refused(extending.await, &codes::ledger::LEASE_LOST);
}
