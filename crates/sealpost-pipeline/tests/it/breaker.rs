//! A server that is down is left alone for a while; what is for it waits without losing attempts.

use std::time::Duration;

use sealpost_core::transfer::{Action, ItemStatus};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};

use crate::rig::{Rig, Wish, assert_completed, failure, object};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down_costs_five_attempts_and_the_rest_waits_for_it() {
    let rig = Rig::with(Wish { first_rest: Duration::from_secs(2), ..Wish::default() }).await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    proxy.set(Chaos::Refuse);
    let down = rig.connector(|connector| {
        connector.settings.port = proxy.address().port();
        connector.settings.retry.max_attempts = 1;
        connector.settings.limits.concurrency = 1;
    });
    let (down, up) = (down.await, rig.connector(|_| {}).await);
    rig.put("a.txt", b"hello");
    let send = || Action::Send { local: object("a.txt"), remote_directory: None };
    for _ in 0..5 {
        let item = rig.run_one(&down, send()).await;
        assert_eq!((failure(&item).0, failure(&item).1), ("CONNECTION_ERROR", "SP-DELIVER-002"));
    }
    // The sixth is not tried: its only attempt is not lost.
    let transfer = rig.start(&down, vec![send(), send(), send()]).await;
    assert_completed(&rig.run_one(&up, send()).await);
    let waiting = rig.items(&transfer.id).await;
    assert!(waiting.iter().all(|item| (item.status, item.attempts) == (ItemStatus::Queued, 0)), "{waiting:#?}");
    proxy.heal();
    rig.ended(&transfer.id).await.iter().for_each(assert_completed);
}
