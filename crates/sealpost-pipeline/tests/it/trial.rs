//! Tests of a connector whose caller does not wait for them.

use std::time::{Duration, Instant};

use sealpost_core::connector::Connector;
use sealpost_pipeline::audit::Author;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};

use crate::rig::{Rig, Wish};

/// Waits until there is a file on the server, or none.
async fn holds_a_file(rig: &Rig, any: bool) {
    let begun = Instant::now();
    while rig.remote_names("").is_empty() == any {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?} on the server", rig.remote_names(""));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_takes_its_file_away_though_its_caller_has_hung_up() {
    let rig = Rig::idle(Wish::default()).await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    let mut settings = rig.settings();
    settings.port = proxy.address().port();
    let connector = Connector { settings, ..sample_connector("acme", "main") };
    let (records, author) = (&rig.pipeline.parts().records, Author::sealpost());
    records.put_partner(&sample_partner("acme")).await.unwrap();
    for caller in ["partner", "operator"] {
        records.put_connector(&connector).await.unwrap();
        let test = async || match caller {
            "partner" => rig.pipeline.test_destination(&connector.partner, &connector.id, &author).await,
            _ => rig.pipeline.test_connector(&connector, &author).await,
        };
        // The file is there for some tenths of a second.
        proxy.set(Chaos::Slow(3_000));
        loop {
            tokio::select! {
                ended = test() => {
                    let steps = ended.unwrap();
                    assert!(steps.iter().all(|step| step.failure.is_none()), "{steps:#?}");
                }
                () = holds_a_file(&rig, true) => break,
            }
        }
        proxy.heal();
        holds_a_file(&rig, false).await;
        // The server has further host keys, which it has announced.
        let begun = Instant::now();
        while records.connector(&connector.id).await.unwrap().unwrap().candidates.is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no candidate is kept: {caller}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
