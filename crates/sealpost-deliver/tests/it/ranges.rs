//! Large files retrieved over several channels and connections: whole, in order, and never out of two files.

use std::time::Duration;

use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Result, codes};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::far::{FarProxy, Line};
use sealpost_testkit::misbehaving::Misbehaving;
use sealpost_testkit::proftpd::Proftpd;
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::remote::Basket;
use sealpost_testkit::suite::transport::{Site, noise};
use serde_json::{Value, json};

use crate::sites;

fn logins(server: &Sshd) -> usize {
    server.log().matches("Accepted publickey").count()
}

fn sessions(server: &Sshd) -> usize {
    server.log().matches("Starting session").count()
}

/// A site whose connector asks for so many of each.
fn wide(mut site: Site, channels: u32, connections: u32) -> Site {
    site.settings.parallel.channels = Some(channels);
    site.settings.parallel.connections = Some(connections);
    site
}

fn through(site: Site, port: u16) -> Site {
    Site { settings: ConnectorSettings { port, ..site.settings.clone() }, ..site }
}

/// Retrieves `a.bin`, slowly enough for further channels to take part, and holds it against these bytes.
async fn retrieve(site: &Site, bytes: &[u8]) -> Result<()> {
    retrieve_with(site, bytes, Duration::from_millis(4)).await
}

/// The same, with so long a pause after each piece that has landed.
async fn retrieve_with(site: &Site, bytes: &[u8], pause: Duration) -> Result<()> {
    let mut basket = Basket { pause, ..Basket::default() };
    let retrieved = site.retrieve("a.bin", &mut basket).await;
    assert!(bytes.starts_with(&basket.bytes), "in order and without a gap, also where it stops");
    assert!(retrieved.is_err() || basket.bytes.len() == bytes.len(), "{} bytes", basket.bytes.len());
    retrieved.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_comes_whole_over_several_channels_and_connections() {
    let server = Sshd::start();
    let bytes = noise(100_000_001, 9);
    std::fs::write(server.inbox().join("a.bin"), &bytes).unwrap();
    retrieve(&wide(sites::openssh(&server), 4, 2), &bytes).await.unwrap();
    assert_eq!(logins(&server), 2);
    assert!(sessions(&server) > 4, "{}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_server_gets_a_second_connection_by_itself_unless_ranges_are_off() {
    let server = Sshd::start();
    // What is slow is the landing, not the line: on a full line, the second login would wait behind the file at each of its
    // round trips, and the file could be there first.
    let line = Line { one_way: Duration::from_millis(15), bytes_per_second: None };
    let pause = Duration::from_millis(15);
    let far = FarProxy::start(([127, 0, 0, 1], server.port()).into(), line);
    let bytes = noise(70_000_000, 9);
    std::fs::write(server.inbox().join("a.bin"), &bytes).unwrap();
    let site = through(sites::openssh(&server), far.address().port());
    retrieve_with(&site, &bytes, pause).await.unwrap();
    assert_eq!(logins(&server), 2);
    let mut site = through(sites::openssh(&server), far.address().port());
    site.settings.parallel.ranges = Some(false);
    retrieve_with(&site, &bytes, pause).await.unwrap();
    assert_eq!(logins(&server), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_allow_one_channel_give_the_file_over_one() {
    let bytes = noise(20_000_000, 9);
    let server = Sshd::with("MaxSessions 1");
    std::fs::write(server.inbox().join("a.bin"), &bytes).unwrap();
    retrieve(&wide(sites::openssh(&server), 8, 1), &bytes).await.unwrap();
    assert_eq!((logins(&server), sessions(&server)), (1, 1));
    let server = Proftpd::start();
    std::fs::write(server.inbox().join("a.bin"), &bytes).unwrap();
    retrieve(&wide(sites::proftpd(&server), 8, 2), &bytes).await.unwrap();
}

/// Each connection ends after so many bytes: the next one goes on where the landing stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_with_several_channels_is_continued() {
    let server = Sshd::start();
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into());
    let bytes = noise(40_000_000, 4);
    std::fs::write(server.inbox().join("a.bin"), &bytes).unwrap();
    for chaos in [Chaos::CutDownload(15_000_000), Chaos::ResetDownload(15_000_000)] {
        proxy.set(chaos);
        retrieve(&through(wide(sites::openssh(&server), 4, 2), proxy.address().port()), &bytes).await.unwrap();
        proxy.heal();
    }
}

/// A server in Python that behaves so on some of its channels, with a file of these bytes.
fn misbehaving(server: &Misbehaving, behaviour: &Value, bytes: &[u8]) -> Site {
    std::fs::write(server.inbox().join("a.bin"), bytes).unwrap();
    server.behave(behaviour);
    let mut site = sites::misbehaving(server);
    site.settings.limits.inactivity_timeout_s = sites::silence_of(behaviour);
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_channels_that_fail_leave_their_part_to_the_first() {
    let server = Misbehaving::start();
    let bytes = noise(6_000_000, 7);
    for behaviour in [
        json!({}),
        json!({"shuffle": 5}),
        json!({"short_reads": true, "largest_read": 60_000}),
        json!({"spared": 1, "deny": ["open"]}),
        json!({"spared": 1, "deny": ["stat"]}),
        json!({"spared": 1, "deny": ["read"]}),
        json!({"spared": 1, "fail": ["fstat"]}),
        json!({"spared": 1, "fstat_without_time": true}),
        json!({"fstat_without_time": true}),
        json!({"spared": 1, "end_early": 1_000_000}),
        json!({"spared": 1, "largest_read": 20_000}),
        json!({"spared": 1, "stall_after": 6}),
    ] {
        let site = wide(misbehaving(&server, &behaviour, &bytes), 3, 1);
        retrieve(&site, &bytes).await.unwrap_or_else(|error| panic!("{behaviour}: {error}"));
    }
    for after in [0, 1, 2, 3, 6, 9] {
        let behaviour = json!({"spared": 1, "disconnect_after": after});
        let site = wide(misbehaving(&server, &behaviour, &bytes), 1, 2);
        retrieve(&site, &bytes).await.unwrap_or_else(|error| panic!("{behaviour}: {error}"));
    }
}

/// The file's name is given to another one while it is read: what comes is all of the first one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_took_its_name_is_not_mixed_in() {
    let server = Misbehaving::start();
    let bytes = noise(8_000_000, 7);
    for (size, earlier) in [(8_000_001, 0), (8_000_000, 60)] {
        let next = server.inbox().join("next");
        std::fs::write(&next, noise(size, 8)).unwrap();
        let time = std::time::SystemTime::now() - Duration::from_secs(earlier);
        std::fs::File::options().write(true).open(&next).unwrap().set_modified(time).unwrap();
        let site = wide(misbehaving(&server, &json!({"swaps": true}), &bytes), 4, 1);
        retrieve(&site, &bytes).await.unwrap();
        assert!(!next.exists(), "it took the name");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_meanwhile_is_not_taken_for_whole() {
    let server = Misbehaving::start();
    let bytes = noise(8_000_000, 7);
    for behaviour in [json!({"grows": true}), json!({"ages": true}), json!({"end_early": 5_000_000})] {
        let site = wide(misbehaving(&server, &behaviour, &bytes), 4, 1);
        let error = retrieve(&site, &bytes).await.unwrap_err();
        assert!(error.is(&codes::deliver::CHANGED), "{behaviour}: {error}");
    }
}
