//! A server that is down is left alone for a while; what is for it waits without losing attempts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::id::{AccessKeyId, ConnectorId, TransferId};
use sealpost_core::transfer::{Action, ItemStatus, NewTransfer, Transfer, TransferKind};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};

use crate::rig::{Rig, Wish, assert_completed, failure, object};

fn send() -> Action {
    Action::Send { local: object("a.txt"), remote_directory: None }
}

/// A connector whose host is down, and has just been left alone after five items that failed; the proxy brings it back.
async fn resting() -> (Rig, ChaosProxy, ConnectorId) {
    // Long enough for what the test does meanwhile, on a busy machine too.
    let rig = Rig::with(Wish { first_rest: Duration::from_secs(25), ..Wish::default() }).await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    proxy.set(Chaos::Refuse);
    while std::net::TcpStream::connect(proxy.address()).is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let port = proxy.address().port();
    let down = rig.connector(|connector| {
        connector.settings.port = port;
        connector.settings.retry.max_attempts = 1;
        connector.settings.limits.concurrency = 1;
    });
    let down = down.await;
    rig.put("a.txt", b"hello");
    for _ in 0..5 {
        let item = rig.run_one(&down, send()).await;
        assert_eq!((failure(&item).0, failure(&item).1), ("CONNECTION_ERROR", "SP-DELIVER-002"));
    }
    (rig, proxy, down)
}

/// A transfer of long ago whose items have waited for their turn.
async fn backlog(rig: &Rig, connector: ConnectorId) -> TransferId {
    let backlog = Transfer {
        id: TransferId::fresh(),
        connector,
        kind: TransferKind::Send,
        caller: AccessKeyId::fresh(),
        metadata: BTreeMap::new(),
        items: 3,
        open: 3,
        announced: false,
        created_at: Timestamp::now() - SignedDuration::from_hours(24),
        finished_at: None,
    };
    let id = backlog.id.clone();
    let actions = vec![send(), send(), send()];
    let new = NewTransfer { transfer: backlog, actions, idempotency: None, queue_limit: 1_000, connections: 1 };
    rig.pipeline.parts().transfers.start_transfer(&new).await.unwrap();
    id
}

/// Also what is older than anything may get that waits for a host that does not work: this host has just gone down, and none of
/// it was ever tried. One rest for both, because a rest takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down_costs_five_attempts_and_the_rest_waits_for_it_however_old() {
    let (rig, proxy, down) = resting().await;
    let up = rig.connector(|_| {}).await;
    // The sixth is not tried: its only attempt is not lost.
    let fresh = rig.start(&down, vec![send(), send(), send()]).await.id;
    let old = backlog(&rig, down).await;
    // Somebody looks at them meanwhile.
    assert_completed(&rig.run_one(&up, send()).await);
    for id in [&fresh, &old] {
        let waiting = rig.items(id).await;
        assert!(waiting.iter().all(|item| (item.status, item.attempts) == (ItemStatus::Queued, 0)), "{waiting:#?}");
    }
    proxy.heal();
    for id in [&fresh, &old] {
        rig.ended(id).await.iter().for_each(assert_completed);
    }
}
