//! A server that misbehaves on purpose: what comes out is a whole file or the right error, and a later attempt at a
//! well-behaved server completes it.

use sealpost_core::connector::ExistingFile;
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Code, codes};
use sealpost_core::port::Listed;
use sealpost_core::receipt::Certainty;
use sealpost_testkit::misbehaving::Misbehaving;
use sealpost_testkit::suite::remote::Basket;
use sealpost_testkit::suite::transport::{Parcel, Site, names, noise};
use serde_json::{Value, json};

use crate::sites;

const SIZE: usize = 300_000;

/// A site with a transport of its own, so that no connection from before is used.
fn site(server: &Misbehaving, behaviour: &Value) -> Site {
    server.behave(behaviour);
    sites::misbehaving(server)
}

fn visible(server: &Misbehaving) -> Vec<String> {
    names(&server.inbox()).into_iter().filter(|name| !name.starts_with('.')).collect()
}

/// Sends a file at a server that behaves so, and again at a faultless one. Says how the first attempt ended.
async fn send(server: &Misbehaving, name: &str, behaviour: &Value) -> Result<(), &'static Code> {
    let first = site(server, behaviour);
    let mut parcel = Parcel::new(&first.settings, name, noise(SIZE, 1));
    parcel.connector.settings.limits.inactivity_timeout_s = sites::silence_of(behaviour);
    let sent = parcel.send(&*first.transport).await;
    let path = server.inbox().join(name);
    if sent.is_ok() || path.exists() {
        assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{behaviour}: what is visible is whole");
    }
    if let Err(error) = &sent {
        println!("{behaviour}: {error}");
        let second = site(server, &json!({}));
        parcel.connector.settings.limits.inactivity_timeout_s = sites::silence_of(&json!({}));
        parcel.send(&*second.transport).await.unwrap_or_else(|error| panic!("after {behaviour}: {error}"));
    }
    assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{behaviour}");
    assert_eq!(names(&server.inbox()), [name], "{behaviour}");
    std::fs::remove_file(path).unwrap();
    sent.map(drop).map_err(|error| error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_with_habits_get_the_file() {
    let server = Misbehaving::start();
    for (number, behaviour) in [
        json!({"extensions": []}),
        json!({"extensions": ["limits@openssh.com"]}),
        json!({"extensions": ["posix-rename@openssh.com", "fsync@openssh.com"]}),
        json!({"largest_write": 4096}),
        json!({"shuffle": 7}),
        json!({"shuffle": 3, "delay_ms": 10, "largest_write": 20_000}),
        json!({"delay_ms": 30}),
        json!({"deny": ["stat"], "extensions": []}),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = send(&server, &format!("{number}.csv"), &behaviour).await;
        let stat_is_denied = behaviour.get("deny").is_some();
        assert!(sent.is_ok() || stat_is_denied, "{behaviour}: {:?}", sent.map_err(|code| code.id));
    }
}

/// It is opened to be written at once, then closed again and written with some requests on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_file_gets_to_a_server_that_takes_tiny_writes() {
    let server = Misbehaving::start();
    let site = site(&server, &json!({"largest_write": 1000}));
    let mut parcel = Parcel::new(&site.settings, "a.csv", noise(200_000, 5));
    parcel.send(&*site.transport).await.unwrap();
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
    assert_eq!(names(&server.inbox()), ["a.csv"]);
}

/// It refuses to go on in a file without saying why, as OpenSSH refuses where its disk is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_continues_no_file_gets_it_anew() {
    let server = Misbehaving::start();
    let mut site = site(&server, &json!({"sequential": true}));
    site.settings.parallel.ranges = Some(false);
    let mut parcel = Parcel::new(&site.settings, "a.csv", noise(50 << 20, 5));
    std::fs::write(server.inbox().join(parcel.hidden(1)), &parcel.file.0[..40 << 20]).unwrap();
    parcel.delivery.attempts = 1;
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert_eq!(receipt.bytes_sent, 50 << 20);
    assert_eq!(names(&server.inbox()), ["a.csv"]);
    assert!(std::fs::read(server.inbox().join("a.csv")).unwrap() == parcel.file.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_a_server_have_their_code_and_leave_nothing_visible() {
    let server = Misbehaving::start();
    for (number, (behaviour, code)) in [
        (json!({"truncate": true}), &codes::deliver::SIZE_MISMATCH),
        // Permissions changed between write and rename.
        (json!({"deny": ["rename"]}), &codes::deliver::PERMISSION),
        (json!({"deny": ["rename", "remove"]}), &codes::deliver::PERMISSION),
        (json!({"fail": ["rename"]}), &codes::deliver::REFUSED),
        (json!({"deny": ["open"]}), &codes::deliver::PERMISSION),
        (json!({"deny": ["write"]}), &codes::deliver::PERMISSION),
        (json!({"fail": ["close"]}), &codes::deliver::REFUSED),
        // Against the draft, which asks for packets of 34,000 bytes.
        (json!({"largest_write": 4096, "extensions": []}), &codes::deliver::REFUSED),
        (json!({"stall_after": 6}), &codes::deliver::TIMEOUT),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = send(&server, &format!("{number}.csv"), &behaviour).await;
        assert_eq!(sent.unwrap_err().id, code.id, "{behaviour}");
    }
}

/// What a server calls its directory ends up in receipts, logs and messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_that_is_no_decent_path_is_refused() {
    let server = Misbehaving::start();
    for (home, says) in [
        (json!("/a\nlevel=ERROR"), "control characters"),
        (json!("/a\u{9b}2J"), "control characters"),
        (json!(100 << 10), "102401 bytes"),
        (json!(4096), "4097 bytes"),
    ] {
        // Where limits are asked for, the home is asked for along with them.
        for extensions in [json!(["limits@openssh.com"]), json!([])] {
            for create_directories in [false, true] {
                let mut site = site(&server, &json!({"home": home, "extensions": extensions}));
                site.settings.directory = String::new();
                site.settings.create_directories = create_directories;
                let error = Parcel::new(&site.settings, "a.csv", "x").send(&*site.transport).await.unwrap_err();
                assert!(error.is(&codes::deliver::PROTOCOL), "{error}");
                assert!(error.detail().contains(says) && error.detail().len() < 200, "{error}");
                assert!(!error.detail().chars().any(char::is_control), "{error}");
            }
        }
    }
    assert!(names(&server.inbox()).is_empty());
    // Letters of any language are fine.
    let site = site(&server, &json!({"home": "/Eingänge/レポート"}));
    let receipt = Parcel::new(&site.settings, "a.csv", "x").send(&*site.transport).await;
    assert!(receipt.is_err_and(|error| !error.is(&codes::deliver::PROTOCOL)), "the folder does not exist");
}

/// At every request of a small upload, answered or not, done or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_a_disconnect_at_every_point() {
    let server = Misbehaving::start();
    for done in [false, true] {
        let mut unbroken = 0;
        for after in 0..40 {
            let behaviour = json!({"disconnect_after": after, "done_unanswered": done, "largest_write": 100_000});
            match send(&server, &format!("{after}.csv"), &behaviour).await {
                Ok(()) => unbroken += 1,
                Err(code) => assert_eq!(code.id, codes::deliver::BROKEN.id, "{behaviour}"),
            }
        }
        assert!((1..40).contains(&unbroken), "some attempts break, some do not: {unbroken}");
    }
}

/// The same where a file of the name is there already, which `replace` replaces.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_survives_a_disconnect_at_every_point() {
    let server = Misbehaving::start();
    let mut broken = 0;
    for (after, extensions) in
        (0..16).flat_map(|after| [(after, json!(["posix-rename@openssh.com"])), (after, json!([]))])
    {
        let path = server.inbox().join("a.csv");
        std::fs::write(&path, b"old").unwrap();
        let behaviour = json!({"disconnect_after": after, "done_unanswered": true, "extensions": extensions});
        let first = site(&server, &behaviour);
        let mut parcel = Parcel::new(&first.settings, "a.csv", noise(30_000, 3));
        parcel.connector.settings.existing_file = ExistingFile::Replace;
        if parcel.send(&*first.transport).await.is_err() {
            broken += 1;
            if let Ok(there) = std::fs::read(&path) {
                assert!(there == b"old" || there == parcel.file.0, "{behaviour}");
            }
            let second = site(&server, &json!({}));
            parcel.send(&*second.transport).await.unwrap_or_else(|error| panic!("after {behaviour}: {error}"));
        }
        assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{behaviour}");
        assert_eq!(names(&server.inbox()), ["a.csv"], "{behaviour}");
    }
    // With and without the extension: opening, writing, looking and renaming are a request each at the least.
    assert!(broken >= 8, "only {broken} were cut off");
}

/// Where nothing takes its place, the file that is there stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_replacement_leaves_what_was_there() {
    let server = Misbehaving::start();
    let path = server.inbox().join("a.csv");
    for (behaviour, code) in [
        // An account that may create and remove, but not rename.
        (json!({"extensions": [], "deny": ["rename"]}), &codes::deliver::PERMISSION),
        (json!({"extensions": [], "fail": ["rename"]}), &codes::deliver::REFUSED),
        // The one that is there can be moved out of the way, and ours can't take its place.
        (json!({"extensions": [], "refused_renames": [3]}), &codes::deliver::REFUSED),
    ] {
        std::fs::write(&path, b"old").unwrap();
        let first = site(&server, &behaviour);
        let mut parcel = Parcel::new(&first.settings, "a.csv", noise(30_000, 3));
        parcel.connector.settings.existing_file = ExistingFile::Replace;
        let error = parcel.send(&*first.transport).await.unwrap_err();
        assert!(error.is(code), "{behaviour}: {error}");
        assert_eq!(names(&server.inbox()), [parcel.hidden(1), "a.csv".to_owned()], "{behaviour}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old", "{behaviour}");
        let second = site(&server, &json!({"extensions": []}));
        parcel.send(&*second.transport).await.unwrap_or_else(|error| panic!("after {behaviour}: {error}"));
        assert_eq!(names(&server.inbox()), ["a.csv"], "{behaviour}");
        assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{behaviour}");
    }
}

/// Moved out of the way for a file that never came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_be_replaced_comes_back_when_the_delivery_has_failed() {
    let server = Misbehaving::start();
    let path = server.inbox().join("a.csv");
    std::fs::write(&path, b"old").unwrap();
    let first = site(&server, &json!({"extensions": [], "refused_renames": [3, 4]}));
    let mut parcel = Parcel::new(&first.settings, "a.csv", noise(30_000, 3));
    parcel.connector.settings.existing_file = ExistingFile::Replace;
    let error = parcel.send(&*first.transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::REFUSED), "{error}");
    assert!(visible(&server).is_empty());
    let second = site(&server, &json!({}));
    second.transport.discard(&parcel.connector, (&parcel.delivery).into()).await.unwrap();
    assert_eq!(names(&server.inbox()), ["a.csv"]);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");

    // Cut off behind the rename: ours took its place, and the partner took ours.
    std::fs::rename(&path, server.inbox().join(format!(".a.csv.old.{}.1.part", parcel.delivery.id))).unwrap();
    parcel.delivery.intent = Some(Intent {
        temporary_path: format!("/{}", parcel.hidden(1)),
        final_path: "/a.csv".to_owned(),
        account: parcel.connector.settings.account(),
    });
    second.transport.discard(&parcel.connector, (&parcel.delivery).into()).await.unwrap();
    assert!(names(&server.inbox()).is_empty());
}

/// Something at the partner's removes hidden files, this one when it was complete: it is not delivered, and sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_file_that_vanishes_before_its_rename_is_not_delivered() {
    let server = Misbehaving::start();
    let path = server.inbox().join("a.csv");
    for (policy, extensions) in [
        (ExistingFile::Fail, json!([])),
        (ExistingFile::KeepBoth, json!([])),
        (ExistingFile::Replace, json!([])),
        (ExistingFile::Replace, json!(["posix-rename@openssh.com"])),
    ] {
        let first = sites::misbehaving(&server);
        let mut parcel = Parcel::new(&first.settings, "a.csv", noise(30_000, 3));
        parcel.connector.settings.existing_file = policy;
        parcel.connector.settings.checksum_file = true;
        server.behave(&json!({"sweeps": parcel.hidden(1), "extensions": extensions}));
        let mut left = Vec::new();
        if policy == ExistingFile::Replace {
            std::fs::write(&path, b"old").unwrap();
            left.push("a.csv");
        }
        let error = parcel.send(&*first.transport).await.unwrap_err();
        assert!(error.is(&codes::deliver::REFUSED) && error.is_retried(), "{policy:?}: {error}");
        assert!(error.detail().contains("remove hidden files"), "{policy:?}: {error}");
        assert!(parcel.journal.intent.lock().unwrap().is_none(), "{policy:?}: it was withdrawn");
        assert_eq!(names(&server.inbox()), left, "{policy:?}");
        let second = site(&server, &json!({}));
        let receipt = parcel.send(&*second.transport).await.unwrap_or_else(|error| panic!("after {policy:?}: {error}"));
        assert_eq!(receipt.certainty, Certainty::Verified, "{policy:?}");
        assert_eq!(names(&server.inbox()), ["a.csv", "a.csv.sha256"], "{policy:?}");
        assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{policy:?}");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(server.inbox().join("a.csv.sha256")).unwrap();
    }
}

/// Retrieves `a.csv` from a server that behaves so.
async fn retrieve(server: &Misbehaving, behaviour: &Value) -> Result<(), &'static Code> {
    let mut site = site(server, behaviour);
    site.settings.limits.inactivity_timeout_s = sites::silence_of(behaviour);
    let bytes = std::fs::read(server.inbox().join("a.csv")).unwrap();
    let mut basket = Basket::default();
    let retrieved = site.retrieve("a.csv", &mut basket).await;
    if let Err(error) = &retrieved {
        println!("{behaviour}: {error}");
    }
    // In order and without a gap, also where it stops.
    assert!(bytes.starts_with(&basket.bytes), "{behaviour}");
    assert!(retrieved.is_err() || basket.bytes == bytes, "{behaviour}");
    retrieved.map(drop).map_err(|error| error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_with_habits_give_the_file() {
    let server = Misbehaving::start();
    std::fs::write(server.inbox().join("a.csv"), noise(SIZE, 7)).unwrap();
    for behaviour in [
        json!({"extensions": []}),
        json!({"largest_read": 1024}),
        json!({"largest_read": 1024, "extensions": []}),
        json!({"short_reads": true}),
        json!({"short_reads": true, "extensions": [], "shuffle": 5}),
        json!({"shuffle": 9, "extensions": []}),
        json!({"delay_ms": 30, "shuffle": 3, "largest_read": 20_000}),
        json!({"deny": ["stat"]}),
        json!({"fail": ["fstat"]}),
        json!({"fail": ["fstat"], "talkative": 300_000}),
        json!({"fstat_without_time": true}),
        json!({"fstat_without_time": true, "disconnect_after": 8, "connections": 1, "largest_read": 16_384}),
        json!({"fail": ["close"]}),
        json!({"no_end": true}),
    ] {
        let retrieved = retrieve(&server, &behaviour).await;
        assert!(retrieved.is_ok(), "{behaviour}: {:?}", retrieved.map_err(|code| code.id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_meanwhile_is_not_taken_for_whole() {
    let server = Misbehaving::start();
    std::fs::write(server.inbox().join("a.csv"), noise(SIZE, 7)).unwrap();
    for (behaviour, code) in [
        (json!({"end_early": 100_000}), &codes::deliver::CHANGED),
        (json!({"grows": true}), &codes::deliver::CHANGED),
        (json!({"ages": true}), &codes::deliver::CHANGED),
        // Its path tells the time.
        (json!({"ages": true, "fstat_without_time": true}), &codes::deliver::CHANGED),
        // A size that is not the file's, and 0, as of files that are made when they are read.
        (json!({"understates": 1}), &codes::deliver::CHANGED),
        (json!({"understates": SIZE}), &codes::deliver::CHANGED),
        (json!({"understates": SIZE, "extensions": [], "largest_read": 1000}), &codes::deliver::CHANGED),
        // Another time at the second connection.
        (json!({"ages": true, "disconnect_after": 8, "largest_read": 10_000}), &codes::deliver::CHANGED),
        (json!({"deny": ["read"]}), &codes::deliver::PERMISSION),
        (json!({"deny": ["open"]}), &codes::deliver::PERMISSION),
        (json!({"deny": ["stat"], "fail": ["fstat"]}), &codes::deliver::REFUSED),
    ] {
        let retrieved = retrieve(&server, &behaviour).await;
        assert_eq!(retrieved.unwrap_err().id, code.id, "{behaviour}");
        retrieve(&server, &json!({})).await.unwrap_or_else(|code| panic!("after {behaviour}: {}", code.id));
    }
}

/// What comes is bounded by what was asked for, in bytes and in number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_was_asked_for_is_not_taken() {
    let server = Misbehaving::start();
    std::fs::write(server.inbox().join("a.csv"), noise(SIZE, 7)).unwrap();
    for behaviour in [
        json!({"longer_reads": 1}),
        // A byte at a time, and all of them wait for the first.
        json!({"largest_read": 1, "extensions": [], "withholds": true}),
    ] {
        let site = site(&server, &behaviour);
        let error = site.retrieve("a.csv", &mut Basket::default()).await.unwrap_err();
        assert!(error.is(&codes::deliver::PROTOCOL), "{behaviour}: {error}");
    }
}

/// Each request on its way takes memory, however little it asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiny_reads_are_not_all_on_their_way_at_once() {
    let server = Misbehaving::start();
    let bytes = noise(1_500_000, 7);
    std::fs::write(server.inbox().join("a.csv"), &bytes).unwrap();
    // Slow enough for all that is asked for to get there before anything is answered.
    let site = site(&server, &json!({"largest_read": 512, "delay_ms": 500, "most_unanswered": 2100}));
    let mut basket = Basket::default();
    site.retrieve("a.csv", &mut basket).await.unwrap();
    assert!(basket.bytes == bytes);
}

/// At every request, on the first connection only: the second one goes on where the first one stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retrieval_survives_a_disconnect_at_every_point() {
    let server = Misbehaving::start();
    std::fs::write(server.inbox().join("a.csv"), noise(SIZE, 7)).unwrap();
    let mut begun = false;
    for after in 0..27 {
        for shuffle in [0, 4] {
            let behaviour = json!(
                {"disconnect_after": after, "connections": 1, "largest_read": 16_384, "shuffle": shuffle}
            );
            match retrieve(&server, &behaviour).await {
                Ok(()) => begun = true,
                // Before the size was known nothing had begun; then the queue tries again.
                Err(code) => assert!(!begun && after < 4 && code.id == codes::deliver::BROKEN.id, "{behaviour}"),
            }
        }
    }
    assert!(begun);
    // A server that is silent instead.
    retrieve(&server, &json!({"stall_after": 9, "connections": 1, "largest_read": 16_384})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retrieval_goes_on_as_long_as_each_connection_brings_something() {
    let server = Misbehaving::start();
    std::fs::write(server.inbox().join("a.csv"), noise(SIZE, 7)).unwrap();
    // Some reads per connection.
    retrieve(&server, &json!({"disconnect_after": 8, "largest_read": 16_384})).await.unwrap();
    // None.
    let given_up = retrieve(&server, &json!({"fail": [], "disconnect_after": 3})).await.unwrap_err();
    assert_eq!(given_up.id, codes::deliver::BROKEN.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_come_whole_or_fail() {
    const ENTRIES: u64 = 1_000;
    let server = Misbehaving::start();
    for number in 0..ENTRIES {
        std::fs::write(server.inbox().join(format!("{number}")), b"").unwrap();
    }
    for behaviour in [
        json!({}),
        json!({"one_at_a_time": true}),
        json!({"early_end": true}),
        json!({"shuffle": 5}),
        json!({"delay_ms": 5}),
        json!({"fail": ["close"]}),
    ] {
        let listed = site(&server, &behaviour).list("/", 1_000_000).await;
        match listed {
            Ok((catalogue, listed)) => {
                assert_eq!(listed, Listed { entries: ENTRIES, truncated: false }, "{behaviour}");
                let mut paths = catalogue.paths();
                paths.dedup();
                assert_eq!(paths.len() as u64, ENTRIES, "{behaviour}");
            }
            Err(error) => panic!("{behaviour}: {error}"),
        }
    }
    let mut unbroken = 0;
    // Each reply has 50 entries, and some requests are under way when the end comes.
    for after in (0..100).step_by(3) {
        let behaviour = json!({"disconnect_after": after});
        match site(&server, &behaviour).list("/", 1_000_000).await {
            Ok((_, listed)) => {
                assert_eq!(listed.entries, ENTRIES);
                unbroken += 1;
            }
            Err(error) => assert!(error.is(&codes::deliver::BROKEN), "{behaviour}: {error}"),
        }
    }
    assert!((1..30).contains(&unbroken), "{unbroken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_without_end_is_stopped() {
    let server = Misbehaving::start();
    let mut site = site(&server, &json!({"endless": true}));
    let (_, listed) = site.list("/", 12_345).await.unwrap();
    assert_eq!(listed, Listed { entries: 12_345, truncated: true });
    site.settings.limits.transfer_timeout_s = 1;
    let error = site.list("/", u64::MAX).await.unwrap_err();
    assert!(error.is(&codes::deliver::DEADLINE), "{error}");
}

/// A rename and a removal, cut off at every request, done or not: repeated, they are done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renames_and_removals_survive_a_disconnect_at_every_point() {
    let server = Misbehaving::start();
    let (mut renames, mut removals) = (0, 0);
    for (after, done) in (0..6).flat_map(|after| [(after, false), (after, true)]) {
        let behaviour = json!({"disconnect_after": after, "done_unanswered": done});
        std::fs::write(server.inbox().join("from"), b"x").unwrap();
        if let Err(error) = site(&server, &behaviour).rename("from", "to", false).await {
            renames += 1;
            assert!(error.is(&codes::deliver::BROKEN), "{behaviour}: {error}");
            let again = site(&server, &json!({})).rename("from", "to", true).await;
            again.unwrap_or_else(|error| panic!("after {behaviour}: {error}"));
        }
        assert_eq!(visible(&server), ["to"], "{behaviour}");
        if let Err(error) = site(&server, &behaviour).remove("to", false).await {
            removals += 1;
            assert!(error.is(&codes::deliver::BROKEN), "{behaviour}: {error}");
            let again = site(&server, &json!({})).remove("to", true).await;
            again.unwrap_or_else(|error| panic!("after {behaviour}: {error}"));
        }
        assert!(visible(&server).is_empty(), "{behaviour}");
    }
    assert!(renames > 0 && removals > 0, "{renames} renames and {removals} removals were cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_rename_or_removal_says_why() {
    let server = Misbehaving::start();
    std::fs::write(server.inbox().join("a"), b"x").unwrap();
    std::fs::write(server.inbox().join("b"), b"y").unwrap();
    let denied = site(&server, &json!({"deny": ["rename", "remove"]}));
    let error = denied.rename("a", "c", false).await.unwrap_err();
    assert!(error.is(&codes::deliver::PERMISSION), "{error}");
    let error = denied.remove("a", false).await.unwrap_err();
    assert!(error.is(&codes::deliver::PERMISSION), "{error}");
    // A server that does not let anyone look still does what it is asked for, and still replaces nothing.
    let blind = site(&server, &json!({"fail": ["lstat"]}));
    let error = blind.rename("a", "b", false).await.unwrap_err();
    assert!(error.is(&codes::deliver::REFUSED), "{error}");
    blind.rename("a", "c", false).await.unwrap();
    blind.remove("b", false).await.unwrap();
    assert_eq!(visible(&server), ["c"]);
}
