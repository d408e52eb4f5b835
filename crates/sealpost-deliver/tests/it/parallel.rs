//! Connections that files share, and files that are spread over several channels.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Result, codes};
use sealpost_core::port::{SealedReader, Shipment, Transport as _};
use sealpost_deliver::Sftp;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::far::{FarProxy, Line};
use sealpost_testkit::proftpd::Proftpd;
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::transport::{self as suite, MemoryFile, Parcel, Site, names, noise};
use tokio::sync::{Notify, Semaphore};

use crate::sites::{self, openssh_settings, sftp};

fn logins(server: &Sshd) -> usize {
    server.log().matches("Accepted publickey").count()
}

fn sessions(server: &Sshd) -> usize {
    server.log().matches("Starting session").count()
}

fn through(settings: &ConnectorSettings, port: u16) -> ConnectorSettings {
    ConnectorSettings { port, ..settings.clone() }
}

async fn send_all(transport: &Sftp, parcels: &mut [Parcel]) {
    futures::future::join_all(parcels.iter_mut().map(|parcel| async {
        parcel.send(transport).await.unwrap();
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_files_at_once_land_complete_and_once_over_one_connection() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.parallel.connections = Some(1);
    settings.parallel.files = Some(40);
    let transport = sftp();
    let mut parcels: Vec<Parcel> = (0..120)
        .map(|number| {
            let length = if number % 30 == 0 { 3_000_000 + number } else { number * 1_000 };
            Parcel::new(&settings, &format!("{number:03}.csv"), noise(length, number as u64))
        })
        .collect();
    send_all(&transport, &mut parcels).await;
    let expected: BTreeMap<_, _> =
        parcels.iter().map(|parcel| (parcel.delivery.file.key.file_name.to_string(), &parcel.file.0)).collect();
    assert_eq!(names(&server.inbox()), expected.keys().cloned().collect::<Vec<_>>());
    for (name, bytes) in expected {
        assert!(std::fs::read(server.inbox().join(&name)).unwrap() == *bytes, "{name} differs");
    }
    assert_eq!(logins(&server), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_files_than_fit_on_one_connection_get_another() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.parallel.files = Some(1);
    let mut parcels: Vec<Parcel> =
        (0..8).map(|number| Parcel::new(&settings, &format!("{number}.csv"), noise(2_000_000, number))).collect();
    send_all(&sftp(), &mut parcels).await;
    assert_eq!(names(&server.inbox()).len(), 8);
    assert_eq!(logins(&server), 2);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_file_unless_that_is_not_wanted() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let transport = sftp();
    for name in ["a.csv", "b.csv"] {
        Parcel::new(&settings, name, "x").send(&transport).await.unwrap();
    }
    assert_eq!(logins(&server), 1);
    settings.network.idle_s = Some(0);
    for name in ["c.csv", "d.csv"] {
        Parcel::new(&settings, name, "x").send(&transport).await.unwrap();
    }
    assert_eq!(logins(&server), 3);
    settings.network.idle_s = Some(1);
    Parcel::new(&settings, "e.csv", "x").send(&transport).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    Parcel::new(&settings, "f.csv", "x").send(&transport).await.unwrap();
    assert_eq!(logins(&server), 5);
}

/// A file whose store gives what is behind its first block only when it is told to.
struct Withheld<'a> {
    file: &'a MemoryFile,
    asked: Notify,
    rest: Semaphore,
}

#[async_trait]
impl SealedReader for Withheld<'_> {
    fn size(&self) -> u64 {
        self.file.size()
    }

    async fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        if offset > 0 {
            self.asked.notify_one();
            // It has no permits, and is closed in the end.
            drop(self.rest.acquire().await);
        }
        self.file.read(offset, len).await
    }
}

/// The connection may not take further files any more, and there may be no second one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_outlives_its_connections_time_does_not_stop_the_others() {
    const LIFE: Duration = Duration::from_millis(100);
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.parallel.connections = Some(1);
    let transport = sftp().renewing_after(LIFE);
    let mut long = Parcel::new(&settings, "long.csv", noise(8_000_000, 1));
    long.begin();
    let withheld = Withheld { file: &long.file, asked: Notify::new(), rest: Semaphore::new(0) };
    let sending = transport.send(Shipment { file: &withheld, ..long.shipment() });
    let meanwhile = async {
        withheld.asked.notified().await;
        tokio::time::sleep(LIFE * 2).await;
        let mut short = Parcel::new(&settings, "short.csv", "x");
        let sent = tokio::time::timeout(Duration::from_secs(60), short.send(&transport)).await;
        let there = names(&server.inbox());
        withheld.rest.close();
        sent.expect("it does not wait for the other").unwrap();
        there
    };
    let (sent, there) = tokio::join!(sending, meanwhile);
    sent.unwrap();
    assert_eq!(there, [long.hidden(1), "short.csv".to_owned()], "the long one was under way");
    assert!(std::fs::read(server.inbox().join("long.csv")).unwrap() == long.file.0);
    assert_eq!(logins(&server), 1);
    Parcel::new(&settings, "next.csv", "x").send(&transport).await.unwrap();
    assert_eq!(logins(&server), 2, "the old one has ended");
}

#[tokio::test]
async fn a_changed_approval_takes_effect_at_once() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    let transport = sftp();
    Parcel::new(&settings, "a.csv", "x").send(&transport).await.unwrap();
    settings.host_keys = vec!["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()];
    let error = Parcel::new(&settings, "b.csv", "x").send(&transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH), "{error}");
    settings.host_keys.clear();
    let error = Parcel::new(&settings, "c.csv", "x").send(&transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_HOST_KEY), "{error}");
    assert_eq!(names(&server.inbox()), ["a.csv"]);
}

/// The connection that was kept has been reset, or says nothing any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_connection_is_replaced_without_a_failed_attempt() {
    let server = Sshd::start();
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into());
    let mut settings = through(&openssh_settings(&server), proxy.address().port());
    settings.limits.inactivity_timeout_s = 2;
    let transport = sftp();
    Parcel::new(&settings, "a.csv", "x").send(&transport).await.unwrap();
    proxy.reset_all();
    let before = proxy.traffic();
    Parcel::new(&settings, "b.csv", "x").send(&transport).await.unwrap();
    let after = proxy.traffic();
    assert!(after.connections > before.connections, "it went over another connection");
    let carried = after.uploaded - before.uploaded;
    // The old connection stalls for good; the next one has not come so far yet.
    proxy.set(Chaos::StallUpload(carried.min(6_000)));
    let mut parcel = Parcel::new(&settings, "c.csv", "x");
    let sending = async { parcel.send(&transport).await };
    let healing = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        proxy.heal();
    };
    let (sent, ()) = tokio::join!(sending, healing);
    sent.unwrap();
    assert_eq!(names(&server.inbox()), ["a.csv", "b.csv", "c.csv"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_file_leaves_the_others_of_its_connection_alone() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.parallel.connections = Some(1);
    let transport = sftp();
    let mut kept = Parcel::new(&settings, "kept.csv", noise(30_000_000, 1));
    let others = async {
        for number in 0..20_u64 {
            let mut parcel = Parcel::new(&settings, &format!("{number}.csv"), noise(20_000_000, number));
            drop(tokio::time::timeout(Duration::from_millis(5 * number), parcel.send(&transport)).await);
        }
    };
    let (sent, ()) = tokio::join!(kept.send(&transport), others);
    sent.unwrap();
    assert!(std::fs::read(server.inbox().join("kept.csv")).unwrap() == kept.file.0);
    assert_eq!(logins(&server), 1);
}

#[tokio::test]
async fn a_directory_that_has_gone_is_made_again() {
    let server = Sshd::start();
    let mut settings = openssh_settings(&server);
    settings.directory = "in/daily".to_owned();
    settings.create_directories = true;
    let transport = sftp();
    for length in [10, 400_000] {
        Parcel::new(&settings, "a.csv", noise(length, 1)).send(&transport).await.unwrap();
        std::fs::remove_dir_all(server.inbox().join("in")).unwrap();
    }
    Parcel::new(&settings, "b.csv", "x").send(&transport).await.unwrap();
    assert_eq!(names(&server.inbox().join("in/daily")), ["b.csv"]);
    assert_eq!(logins(&server), 1);
    std::fs::remove_dir_all(server.inbox().join("in")).unwrap();
    settings.create_directories = false;
    let error = Parcel::new(&settings, "c.csv", "x").send(&transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::DIRECTORY), "{error}");
}

fn wide(settings: &ConnectorSettings) -> ConnectorSettings {
    let mut settings = settings.clone();
    settings.parallel.channels = Some(4);
    settings.parallel.connections = Some(2);
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_over_several_channels_and_connections_arrives_exactly() {
    let server = Sshd::start();
    let mut settings = wide(&openssh_settings(&server));
    // The second connection is there long before the file is through.
    settings.network.bytes_per_second = Some(20_000_000);
    let mut parcel = Parcel::new(&settings, "a.csv", noise(60_000_001, 9));
    let receipt = parcel.send(&sftp()).await.unwrap();
    assert_eq!(receipt.bytes_sent, 60_000_001);
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
    assert_eq!(names(&server.inbox()), ["a.csv"]);
    assert_eq!(logins(&server), 2);
    assert!(sessions(&server) > 4, "{}", sessions(&server));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_far_server_gets_several_channels_by_itself() {
    let server = Sshd::start();
    let line = Line { one_way: Duration::from_millis(20), bytes_per_second: None };
    let far = FarProxy::start(([127, 0, 0, 1], server.port()).into(), line);
    let settings = through(&openssh_settings(&server), far.address().port());
    let mut parcel = Parcel::new(&settings, "a.csv", noise(24_000_000, 9));
    parcel.send(&sftp()).await.unwrap();
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
    assert!(sessions(&server) > 1, "{}", server.log());
    let mut settings = settings;
    settings.parallel.ranges = Some(false);
    let before = sessions(&server);
    let transport = sftp();
    Parcel::new(&settings, "b.csv", noise(24_000_000, 9)).send(&transport).await.unwrap();
    assert_eq!(sessions(&server), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_allows_one_session_gets_the_file_over_one() {
    let server = Sshd::with("MaxSessions 1");
    let mut settings = openssh_settings(&server);
    settings.parallel.channels = Some(8);
    let mut parcel = Parcel::new(&settings, "a.csv", noise(20_000_000, 9));
    parcel.send(&sftp()).await.unwrap();
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
    assert_eq!(logins(&server), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_with_several_channels_is_continued_with_one_where_all_had_come() {
    const SIZE: usize = 100_000_000;
    let server = Sshd::start();
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into());
    let mut settings = through(&openssh_settings(&server), proxy.address().port());
    settings.parallel.channels = Some(6);
    settings.parallel.connections = Some(1);
    let transport = sftp();
    let mut parcel = Parcel::new(&settings, "a.csv", noise(SIZE, 4));
    // Once with several channels, once with one, which comes to an end too.
    proxy.set(Chaos::CutUpload(50_000_000));
    let error = parcel.send(&transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::BROKEN), "{error}");
    assert_eq!(logins(&server), 2);
    proxy.heal();
    let receipt = parcel.send(&transport).await.unwrap();
    assert!(receipt.bytes_sent < SIZE as u64, "{}", receipt.bytes_sent);
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
    assert_eq!(names(&server.inbox()), ["a.csv"]);
}

/// A seed that a failing run has printed can be given in `SEED`.
fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| u64::from(std::process::id()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssh_survives_being_dropped_anywhere_with_several_channels() {
    let server = Sshd::start();
    let site = sites::openssh(&server);
    let site = Site { settings: wide(&site.settings), ..site };
    suite::survives_being_dropped_anywhere(&site, seed(), 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proftpd_survives_being_dropped_anywhere_with_several_channels() {
    let server = Proftpd::start();
    let site = sites::proftpd(&server);
    let site = Site { settings: wide(&site.settings), ..site };
    let suite = tokio::spawn(async move { suite::survives_being_dropped_anywhere(&site, seed(), 9).await });
    let ended = suite.await;
    assert!(ended.is_ok(), "{ended:?}; the server's log: {}", server.log());
}

/// Files of a closed future must not stay open at the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_were_cut_off_leave_no_open_files() {
    let server = Sshd::start();
    let settings = openssh_settings(&server);
    let transport = sftp();
    // They share this one's connection: none of them lives long enough to make one.
    Parcel::new(&settings, "first.csv", "x").send(&transport).await.unwrap();
    // Seven names, with two contents each.
    let parcels: Vec<Parcel> =
        (0..14).map(|number| Parcel::new(&settings, &format!("{}.csv", number % 7), noise(300_000, number))).collect();
    // OpenSSH's server takes as many as its process may open: far fewer than this, were they kept.
    for (number, parcel) in (0..3_000_u64).zip(parcels.iter().cycle()) {
        if number % 100 == 0 {
            // What they leave would fill the disk; and a name that is taken ends an attempt early.
            for name in names(&server.inbox()) {
                drop(std::fs::remove_file(server.inbox().join(name)));
            }
        }
        let mut parcel = parcel.again();
        parcel.begin();
        let sending = transport.send(parcel.shipment());
        drop(tokio::time::timeout(Duration::from_micros(500 + 100 * (number % 20)), sending).await);
    }
    Parcel::new(&settings, "last.csv", "x").send(&transport).await.unwrap();
    assert!(logins(&server) <= 4, "{}", logins(&server));
}
