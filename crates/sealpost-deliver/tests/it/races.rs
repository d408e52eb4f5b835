//! Attempts that were thought dead and are not, and records that are older than what is on the server.

use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sealpost_core::connector::ExistingFile;
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Result, codes};
use sealpost_core::port::{Journal, Shipment};
use sealpost_core::receipt::Certainty;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::misbehaving::Misbehaving;
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::transport::{Notebook, Parcel, names, noise};
use serde_json::json;

use crate::sites::{self, openssh_settings, sftp};

/// A journal with something that happens once, when the first intent is recorded: between the look at the name and the
/// rename.
struct Meanwhile<'a> {
    notebook: &'a Notebook,
    happens: Mutex<Option<BoxFuture<'a, ()>>>,
}

impl<'a> Meanwhile<'a> {
    fn new(notebook: &'a Notebook, happens: impl Future<Output = ()> + Send + 'a) -> Self {
        Self { notebook, happens: Mutex::new(Some(happens.boxed())) }
    }
}

#[async_trait]
impl Journal for Meanwhile<'_> {
    async fn intend(&self, intent: Intent) -> Result<()> {
        let happens = self.happens.lock().unwrap().take();
        if let Some(happens) = happens {
            happens.await;
        }
        self.notebook.intend(intent).await
    }

    async fn withdraw(&self) -> Result<()> {
        self.notebook.withdraw().await
    }

    fn progress(&self, bytes_sent: u64) {
        self.notebook.progress(bytes_sent);
    }
}

fn set_modified(path: &Path, time: SystemTime) {
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Two deliveries of one size under one name, at the same time: their files agree in all that SFTP shows of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_another_delivery_is_not_taken_for_ours() {
    let server = Sshd::start();
    let site = sites::openssh(&server);
    let inbox = server.inbox();
    let visible = inbox.join("a.csv");
    for policy in [ExistingFile::KeepBoth, ExistingFile::Fail] {
        let parcel = |seed| {
            let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, seed));
            parcel.connector.settings.existing_file = policy;
            parcel.begin();
            parcel
        };
        let (first, second) = (parcel(1), parcel(2));
        let hidden = inbox.join(second.hidden(1));
        let overtaken = Meanwhile::new(&second.journal, async {
            site.transport.send(first.shipment()).await.unwrap();
            // The same second, however slow the machine is.
            let now = SystemTime::now();
            set_modified(&visible, now);
            set_modified(&hidden, now);
        });
        let sent = site.transport.send(Shipment { journal: &overtaken, ..second.shipment() }).await;
        assert!(std::fs::read(&visible).unwrap() == first.file.0, "{policy:?}");
        if policy == ExistingFile::KeepBoth {
            let receipt = sent.unwrap();
            assert_eq!(receipt.certainty, Certainty::Verified);
            assert!(receipt.remote_path.ends_with("/a-1.csv"), "{}", receipt.remote_path);
            assert_eq!(names(&inbox), ["a-1.csv", "a.csv"]);
            assert!(std::fs::read(inbox.join("a-1.csv")).unwrap() == second.file.0);
            std::fs::remove_file(inbox.join("a-1.csv")).unwrap();
        } else {
            let error = sent.unwrap_err();
            assert!(error.is(&codes::deliver::EXISTS), "{error}");
            assert_eq!(names(&inbox), ["a.csv"]);
            assert!(second.journal.intent.lock().unwrap().is_none(), "it was withdrawn");
        }
        std::fs::remove_file(&visible).unwrap();
    }
}

/// The same where the answer to the refused rename was lost: the next attempt knows only that it was about to rename.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_another_delivery_is_not_taken_for_a_half_done_rename() {
    let server = Sshd::start();
    let inbox = server.inbox().canonicalize().unwrap();
    let mut parcel = Parcel::new(&openssh_settings(&server), "a.csv", noise(30_000, 1));
    parcel.connector.settings.existing_file = ExistingFile::KeepBoth;
    let (hidden, visible) = (inbox.join(parcel.hidden(1)), inbox.join("a.csv"));
    let now = SystemTime::now();
    for (path, bytes) in [(&hidden, parcel.file.0.to_vec()), (&visible, noise(30_000, 2))] {
        std::fs::write(path, bytes).unwrap();
        set_modified(path, now);
    }
    parcel.delivery.attempts = 1;
    *parcel.journal.intent.lock().unwrap() = Some(Intent {
        temporary_path: hidden.display().to_string(),
        final_path: visible.display().to_string(),
        account: parcel.connector.settings.account(),
    });
    let receipt = parcel.send(&sftp()).await.unwrap();
    assert!(receipt.remote_path.ends_with("/a-1.csv"), "{}", receipt.remote_path);
    assert_eq!(names(&inbox), ["a-1.csv", "a.csv"]);
    assert!(std::fs::read(inbox.join("a-1.csv")).unwrap() == parcel.file.0);
    assert!(std::fs::read(&visible).unwrap() == noise(30_000, 2));
}

/// A report that is delivered again twice at once: the delivery that does not get the name leaves the other one's checksum alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checksum_of_a_file_that_another_delivery_brought_stays() {
    let server = Sshd::start();
    let site = sites::openssh(&server);
    let inbox = server.inbox();
    for policy in [ExistingFile::KeepBoth, ExistingFile::Fail] {
        let parcel = || {
            let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 1));
            parcel.connector.settings.existing_file = policy;
            parcel.connector.settings.checksum_file = true;
            parcel.begin();
            parcel
        };
        let (first, second) = (parcel(), parcel());
        let overtaken = Meanwhile::new(&second.journal, async {
            site.transport.send(first.shipment()).await.unwrap();
        });
        let sent = site.transport.send(Shipment { journal: &overtaken, ..second.shipment() }).await;
        let line = format!("{}  a.csv\n", first.delivery.file.sha256);
        assert_eq!(std::fs::read_to_string(inbox.join("a.csv.sha256")).unwrap(), line, "{policy:?}");
        if policy == ExistingFile::KeepBoth {
            sent.unwrap();
            assert_eq!(names(&inbox), ["a-1.csv", "a-1.csv.sha256", "a.csv", "a.csv.sha256"]);
        } else {
            let error = sent.unwrap_err();
            assert!(error.is(&codes::deliver::EXISTS), "{error}");
            assert_eq!(names(&inbox), ["a.csv", "a.csv.sha256"]);
        }
        for name in names(&inbox) {
            std::fs::remove_file(inbox.join(name)).unwrap();
        }
    }
}

/// Nor does it take away that of another file.
#[tokio::test]
async fn a_file_whose_checksum_nobody_knows_gets_none_beside_it() {
    let server = Sshd::start();
    let site = sites::openssh(&server);
    let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 1));
    parcel.connector.settings.checksum_file = true;
    parcel.begin();
    site.transport.send(Shipment { sha256: None, ..parcel.shipment() }).await.unwrap();
    assert_eq!(names(&server.inbox()), ["a.csv"]);
    std::fs::write(server.inbox().join("a.csv.sha256"), "of another").unwrap();
    let mut again = parcel.again();
    again.connector.settings.existing_file = ExistingFile::Replace;
    again.begin();
    site.transport.send(Shipment { sha256: None, ..again.shipment() }).await.unwrap();
    assert_eq!(std::fs::read(server.inbox().join("a.csv.sha256")).unwrap(), b"of another");
}

/// Files that were not sealed may be alike but for one byte, and that may be their first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_file_that_is_almost_ours_is_not_taken_for_a_half_done_rename() {
    let server = Sshd::start();
    let site = sites::openssh(&server);
    let inbox = server.inbox().canonicalize().unwrap();
    let ours = noise(1_500_000, 1);
    let mut other = ours.clone();
    other[0] ^= 1;
    let mut parcel = Parcel::new(&site.settings, "a.csv", ours);
    parcel.connector.settings.existing_file = ExistingFile::KeepBoth;
    let (hidden, visible) = (inbox.join(parcel.hidden(1)), inbox.join("a.csv"));
    let now = SystemTime::now();
    for (path, bytes) in [(&hidden, parcel.file.0.to_vec()), (&visible, other.clone())] {
        std::fs::write(path, bytes).unwrap();
        set_modified(path, now);
    }
    parcel.delivery.attempts = 1;
    let intent = Intent {
        temporary_path: hidden.display().to_string(),
        final_path: visible.display().to_string(),
        account: parcel.connector.settings.account(),
    };
    *parcel.journal.intent.lock().unwrap() = Some(intent.clone());
    parcel.begin();
    let receipt = site.transport.send(Shipment { sealed: false, ..parcel.shipment() }).await.unwrap();
    assert!(receipt.remote_path.ends_with("/a-1.csv"), "{}", receipt.remote_path);
    assert!(std::fs::read(inbox.join("a-1.csv")).unwrap() == parcel.file.0);
    assert!(std::fs::read(&visible).unwrap() == other);

    // The same bytes all through: the rename was half done.
    std::fs::write(&hidden, &parcel.file.0).unwrap();
    std::fs::write(&visible, &parcel.file.0).unwrap();
    set_modified(&hidden, now);
    set_modified(&visible, now);
    *parcel.journal.intent.lock().unwrap() = Some(intent);
    parcel.begin();
    let receipt = site.transport.send(Shipment { sealed: false, ..parcel.shipment() }).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Recovered);
    assert_eq!(names(&inbox), ["a-1.csv", "a.csv"]);
}

/// An earlier attempt's process at the server, thought dead, does the first half of its rename while this attempt is about
/// to rename.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_that_an_earlier_attempt_has_half_done_is_recognised() {
    let server = Sshd::start();
    let site = sites::openssh(&server);
    let inbox = server.inbox().canonicalize().unwrap();
    let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 1));
    let (hidden, visible) = (inbox.join(parcel.hidden(1)), inbox.join("a.csv"));
    std::fs::write(&hidden, &parcel.file.0).unwrap();
    let intent = Intent {
        temporary_path: hidden.display().to_string(),
        final_path: visible.display().to_string(),
        account: parcel.connector.settings.account(),
    };
    parcel.delivery.attempts = 1;
    *parcel.journal.intent.lock().unwrap() = Some(intent);
    parcel.begin();
    let linked = Meanwhile::new(&parcel.journal, async { std::fs::hard_link(&hidden, &visible).unwrap() });
    let receipt = site.transport.send(Shipment { journal: &linked, ..parcel.shipment() }).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Recovered);
    assert_eq!(names(&inbox), ["a.csv"]);
    assert!(std::fs::read(&visible).unwrap() == parcel.file.0);
}

/// The connection of the earlier attempt broke with its rename on the way, and the server comes to it between two looks of this
/// one: the name is taken, by the delivered file itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_that_comes_late_has_not_taken_the_name_from_us() {
    let server = Misbehaving::start();
    for policy in [ExistingFile::Fail, ExistingFile::KeepBoth] {
        let site = sites::misbehaving(&server);
        let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 3));
        parcel.connector.settings.existing_file = policy;
        let hidden = parcel.hidden(1);
        server.behave(&json!({"after_look": [hidden, "a.csv"]}));
        std::fs::write(server.inbox().join(&hidden), &parcel.file.0).unwrap();
        parcel.delivery.attempts = 1;
        *parcel.journal.intent.lock().unwrap() = Some(Intent {
            temporary_path: format!("/{hidden}"),
            final_path: "/a.csv".to_owned(),
            account: parcel.connector.settings.account(),
        });
        let receipt = parcel.send(&*site.transport).await.unwrap();
        assert_eq!(receipt.certainty, Certainty::Recovered, "{policy:?}");
        assert_eq!(receipt.remote_path, "/a.csv", "{policy:?}");
        assert_eq!(names(&server.inbox()), ["a.csv"], "{policy:?}");
        let path = server.inbox().join("a.csv");
        assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{policy:?}");
        std::fs::remove_file(path).unwrap();
    }
}

/// A server without an atomic replacing rename: what is in the way is moved aside and the rename repeated. Where an earlier
/// attempt's rename has just come through, what is in the way is the delivered file itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_attempt_has_just_published_is_not_removed() {
    let server = Misbehaving::start();
    server.behave(&json!({"extensions": [], "late_rename": true}));
    let site = sites::misbehaving(&server);
    for policy in [ExistingFile::Replace, ExistingFile::Fail, ExistingFile::KeepBoth] {
        let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 3));
        parcel.connector.settings.existing_file = policy;
        let receipt = parcel.send(&*site.transport).await.unwrap();
        assert_eq!(receipt.certainty, Certainty::Recovered, "{policy:?}");
        assert_eq!(names(&server.inbox()), ["a.csv"], "{policy:?}");
        let path = server.inbox().join("a.csv");
        assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{policy:?}");
        std::fs::remove_file(path).unwrap();
    }
}

/// The earlier attempt was about to rename to a name that is another file's by now. So the one that came through is this attempt's,
/// though the server says that it did not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_that_was_done_and_refused_has_the_name_that_it_was_for() {
    let server = Misbehaving::start();
    server.behave(&json!({"extensions": [], "late_rename": true}));
    let site = sites::misbehaving(&server);
    let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 3));
    parcel.connector.settings.existing_file = ExistingFile::KeepBoth;
    let (hidden, visible) = (parcel.hidden(1), server.inbox().join("a.csv"));
    std::fs::write(server.inbox().join(&hidden), &parcel.file.0).unwrap();
    std::fs::write(&visible, noise(20_000, 4)).unwrap();
    parcel.delivery.attempts = 1;
    *parcel.journal.intent.lock().unwrap() = Some(Intent {
        temporary_path: format!("/{hidden}"),
        final_path: "/a.csv".to_owned(),
        account: parcel.connector.settings.account(),
    });
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert_eq!((receipt.remote_path.as_str(), receipt.certainty), ("/a-1.csv", Certainty::Recovered));
    assert_eq!(names(&server.inbox()), ["a-1.csv", "a.csv"]);
    assert!(std::fs::read(server.inbox().join("a-1.csv")).unwrap() == parcel.file.0);
    assert!(std::fs::read(&visible).unwrap() == noise(20_000, 4));
}

/// The checksum of a name that the file did not get stays beside nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_of_an_earlier_attempt_leaves_no_checksum_of_another_name() {
    let server = Sshd::start();
    let site = sites::openssh(&server);
    let inbox = server.inbox().canonicalize().unwrap();
    let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 1));
    parcel.connector.settings.existing_file = ExistingFile::KeepBoth;
    parcel.connector.settings.checksum_file = true;
    let (hidden, visible) = (inbox.join(parcel.hidden(1)), inbox.join("a.csv"));
    std::fs::write(&hidden, &parcel.file.0).unwrap();
    std::fs::write(&visible, noise(20_000, 2)).unwrap();
    parcel.delivery.attempts = 1;
    *parcel.journal.intent.lock().unwrap() = Some(Intent {
        temporary_path: hidden.display().to_string(),
        final_path: visible.display().to_string(),
        account: parcel.connector.settings.account(),
    });
    parcel.begin();
    // The partner has taken the other file, and the earlier attempt's rename comes through.
    let overtaken = Meanwhile::new(&parcel.journal, async { std::fs::rename(&hidden, &visible).unwrap() });
    let sent = site.transport.send(Shipment { journal: &overtaken, ..parcel.shipment() }).await;
    let receipt = sent.unwrap();
    assert_eq!(receipt.certainty, Certainty::Recovered);
    assert!(receipt.remote_path.ends_with("/a.csv"), "{}", receipt.remote_path);
    assert_eq!(names(&inbox), ["a.csv"]);
    assert!(std::fs::read(&visible).unwrap() == parcel.file.0);
}

/// The recorded intent's file has lost some bytes: the intent is withdrawn and the file removed. When the connection then
/// breaks, the same attempt must not look again by the intent that it began with: to that one a file that is gone was
/// published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_intent_is_not_looked_at_again() {
    let server = Sshd::start();
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into());
    let mut settings = openssh_settings(&server);
    settings.port = proxy.address().port();
    settings.parallel.channels = Some(4);
    settings.parallel.connections = Some(1);
    let transport = sftp();
    let mut parcel = Parcel::new(&settings, "a.csv", noise(60_000_000, 4));
    let inbox = server.inbox();
    let path = |name: &str| inbox.join(name).display().to_string();
    let hidden = format!(".a.csv.{}.1.part", parcel.delivery.id);
    std::fs::write(inbox.join(&hidden), b"not all of it").unwrap();
    let intent = Intent {
        temporary_path: path(&hidden),
        final_path: path("a.csv"),
        account: parcel.connector.settings.account(),
    };
    (parcel.delivery.attempts, parcel.delivery.failed_attempts) = (1, 1);
    *parcel.journal.intent.lock().unwrap() = Some(intent.clone());
    parcel.delivery.intent = Some(intent);
    proxy.set(Chaos::CutUpload(20_000_000));
    let error = parcel.send(&transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::BROKEN), "{error}");
    assert!(parcel.journal.intent.lock().unwrap().is_none(), "it was withdrawn");
    assert!(!inbox.join("a.csv").exists());
    proxy.heal();
    let receipt = parcel.send(&transport).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Verified);
    assert_eq!(names(&inbox), ["a.csv"]);
    assert!(std::fs::read(inbox.join("a.csv")).unwrap() == parcel.file.0);
}

/// The server does not replace a file in one step. The connection of the first attempt says nothing any more, and the server comes
/// to what was left on it, to move aside what is in the way, when the second attempt's file has the name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_late_request_moves_aside_gets_its_name_back() {
    let server = Misbehaving::start();
    server.behave(&json!({"extensions": [], "holds_rename": 2, "connections": 1}));
    let mut site = sites::misbehaving(&server);
    site.settings.limits.inactivity_timeout_s = 5;
    let path = server.inbox().join("a.csv");
    std::fs::write(&path, b"old").unwrap();
    let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 3));
    parcel.connector.settings.existing_file = ExistingFile::Replace;
    let error = parcel.send(&*site.transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::TIMEOUT), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    parcel.connector.settings.limits.inactivity_timeout_s = 60;
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert!(server.log().contains("renamed late"), "{}", server.log());
    assert_eq!(receipt.certainty, Certainty::Verified);
    assert_eq!(names(&server.inbox()), ["a.csv"]);
    assert!(std::fs::read(&path).unwrap() == parcel.file.0);
}

/// The attempt before was cut off behind its rename, and nothing has the file's name: either such a request has moved the file, or
/// the partner has taken it. Then what it replaced is not shown again, though it is as long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_replaced_is_not_taken_for_one_that_was_moved() {
    let server = Misbehaving::start();
    server.behave(&json!({"extensions": []}));
    let site = sites::misbehaving(&server);
    for (seed, left) in [(3, &["a.csv", "a.csv.done"][..]), (4, &[][..])] {
        let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 3));
        parcel.connector.settings.existing_file = ExistingFile::Replace;
        parcel.connector.settings.done_file = true;
        let aside = server.inbox().join(format!(".a.csv.old.{}.1.part", parcel.delivery.id));
        std::fs::write(aside, noise(30_000, seed)).unwrap();
        parcel.delivery.attempts = 2;
        *parcel.journal.intent.lock().unwrap() = Some(Intent {
            temporary_path: format!("/{}", parcel.hidden(1)),
            final_path: "/a.csv".to_owned(),
            account: parcel.connector.settings.account(),
        });
        let receipt = parcel.send(&*site.transport).await.unwrap();
        assert_eq!(receipt.certainty, Certainty::Recovered);
        assert_eq!(names(&server.inbox()), left);
        for name in left {
            std::fs::remove_file(server.inbox().join(name)).unwrap();
        }
    }
}

/// Between the attempt that was cut off and the next that comes to the server, the secret store was away for hours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_attempt_left_is_found_many_attempts_later() {
    let server = Sshd::start();
    let mut parcel = Parcel::new(&openssh_settings(&server), "a.csv", noise(40_000_000, 6));
    let hidden = format!(".a.csv.{}.1.part", parcel.delivery.id);
    std::fs::write(server.inbox().join(hidden), &parcel.file.0[..38_000_000]).unwrap();
    parcel.delivery.attempts = 149;
    let receipt = parcel.send(&sftp()).await.unwrap();
    assert!(receipt.bytes_sent < receipt.size, "{} of {}", receipt.bytes_sent, receipt.size);
    assert_eq!(names(&server.inbox()), ["a.csv"]);
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
}

/// The connection that was kept says nothing any more, and the server still has its request to open the hidden file. It comes
/// to that between two writes over the next connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_left_on_a_dead_connection_does_not_empty_the_file() {
    let server = Misbehaving::start();
    server.behave(&json!({"holds_open": 2, "connections": 1}));
    let mut site = sites::misbehaving(&server);
    site.settings.limits.inactivity_timeout_s = 5;
    Parcel::new(&site.settings, "a.csv", "x").send(&*site.transport).await.unwrap();
    // Two writes, and too short for several channels.
    let mut parcel = Parcel::new(&site.settings, "b.csv", noise(200_000, 5));
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert!(server.log().contains("opened late"), "{}", server.log());
    assert_eq!(receipt.certainty, Certainty::Verified);
    assert!(std::fs::read(server.inbox().join("b.csv")).unwrap() == parcel.file.0);
    assert_eq!(names(&server.inbox()), ["a.csv", "b.csv"]);
}
