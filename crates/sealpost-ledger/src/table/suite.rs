//! What every table must do: each adapter runs these on a table of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use sealpost_core::error::codes;

use super::step::Step;
use super::{Expect, Item, Key, SkRange, Table, TableLedger, TableSettings, Write, Written};

/// Makes one test of each case. `$fresh` is a function without arguments that returns a future of an `Arc<dyn Table>` with
/// nothing in it.
macro_rules! table_suite {
    ($fresh:path) => {
        $crate::table::suite::table_suite!(@cases $fresh,
            what_is_written_is_read, conditions_hold_or_nothing_is_done, absence_is_a_condition_too,
            many_items_are_read_at_once, a_range_is_in_order, a_range_may_be_long, what_has_expired_is_not_there,
            of_those_who_meet_one_comes_through, what_was_not_there_is_guarded, texts_stay_as_they_are,
            what_is_too_large_is_refused);
    };
    (@cases $fresh:path, $($case:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::table::suite::$case($fresh().await).await;
        })+
    };
}
pub(super) use table_suite;

type Any = Arc<dyn Table>;

fn key(pk: &str, sk: &str) -> Key {
    Key::new(pk, sk)
}

fn put(key: Key, body: &str, expect: Expect) -> Write {
    Write::Put { key, body: format!("{body:?}"), expires: None, expect }
}

async fn one(table: &Any, key: &Key) -> Option<Item> {
    table.get(std::slice::from_ref(key)).await.unwrap().remove(0)
}

async fn done(table: &Any, writes: Vec<Write>) {
    assert_eq!(table.write(writes).await.unwrap(), Written::Done);
}

async fn refused(table: &Any, writes: Vec<Write>) {
    assert_eq!(table.write(writes).await.unwrap(), Written::Conflict);
}

/// An item is read as it was written, under its version, which is another one after each write and never comes again.
pub(super) async fn what_is_written_is_read(table: Any) {
    let (k, other) = (key("p", "a"), key("p", "b"));
    assert_eq!(one(&table, &k).await, None);
    done(&table, vec![put(k.clone(), "one", Expect::Anything), put(other.clone(), "else", Expect::Anything)]).await;
    let first = one(&table, &k).await.unwrap();
    assert_eq!((&first.key, first.body.as_str()), (&k, "\"one\""));
    done(&table, vec![put(k.clone(), "two", Expect::Anything)]).await;
    let second = one(&table, &k).await.unwrap();
    assert_eq!(second.body, "\"two\"");
    done(&table, vec![Write::Delete { key: k.clone(), expect: Expect::Anything }]).await;
    assert_eq!(one(&table, &k).await, None);
    done(&table, vec![Write::Delete { key: k.clone(), expect: Expect::Anything }]).await;
    done(&table, vec![put(k.clone(), "one", Expect::Anything)]).await;
    let third = one(&table, &k).await.unwrap();
    assert!(first.version != second.version && second.version != third.version && first.version != third.version);
    assert_eq!(one(&table, &other).await.unwrap().body, "\"else\"");
    assert_eq!(table.get(&[other.clone(), key("p", "c"), k, other]).await.unwrap().iter().flatten().count(), 3);
}

/// A version that is not the newest, for whichever part, keeps all parts from being done.
pub(super) async fn conditions_hold_or_nothing_is_done(table: Any) {
    let (k, other, third) = (key("p", "a"), key("q", "b"), key("r", "c"));
    done(&table, vec![put(k.clone(), "one", Expect::Absent), put(other.clone(), "one", Expect::Absent)]).await;
    let (old, guard) = (one(&table, &k).await.unwrap().version, one(&table, &other).await.unwrap().version);
    let both = |version: u64| {
        vec![
            put(k.clone(), "two", Expect::Version(version)),
            Write::Check { key: other.clone(), expect: Expect::Version(guard) },
            put(third.clone(), "new", Expect::Absent),
        ]
    };
    done(&table, both(old)).await;
    done(&table, vec![Write::Delete { key: third.clone(), expect: Expect::Anything }]).await;
    refused(&table, both(old)).await;
    assert_eq!(one(&table, &third).await, None);
    let new = one(&table, &k).await.unwrap();
    assert_eq!(new.body, "\"two\"");

    done(&table, vec![put(other.clone(), "two", Expect::Anything)]).await;
    refused(&table, both(new.version)).await;
    assert_eq!(one(&table, &k).await.unwrap(), new);
    refused(&table, vec![Write::Delete { key: k.clone(), expect: Expect::Version(old) }]).await;
    done(&table, vec![Write::Delete { key: k.clone(), expect: Expect::Version(new.version) }]).await;
    refused(&table, vec![put(k.clone(), "three", Expect::Version(new.version))]).await;
    assert_eq!(one(&table, &k).await, None);
}

/// What must not be there must not be there, for each kind of write.
pub(super) async fn absence_is_a_condition_too(table: Any) {
    let (k, other) = (key("p", "a"), key("p", "b"));
    let absent = |key: &Key| Write::Check { key: key.clone(), expect: Expect::Absent };
    done(&table, vec![put(k.clone(), "one", Expect::Absent), absent(&other)]).await;
    assert_eq!(one(&table, &other).await, None);
    refused(&table, vec![put(k.clone(), "two", Expect::Absent)]).await;
    refused(&table, vec![put(other.clone(), "two", Expect::Absent), absent(&k)]).await;
    refused(&table, vec![Write::Delete { key: k.clone(), expect: Expect::Absent }]).await;
    done(&table, vec![Write::Delete { key: other.clone(), expect: Expect::Absent }]).await;
    assert_eq!(one(&table, &k).await.unwrap().body, "\"one\"");
    assert_eq!(table.query("p", SkRange::All, false, 10).await.unwrap().len(), 1);
}

/// More than a hundred keys in one read, over 25 KB each, those that are not there between them; a hundred writes in one.
pub(super) async fn many_items_are_read_at_once(table: Any) {
    let body = "x".repeat(30_000);
    let keys: Vec<Key> = (0..130).map(|number| key("p", &format!("{number:03}"))).collect();
    for some in keys.chunks(100) {
        done(&table, some.iter().map(|key| put(key.clone(), &body, Expect::Absent)).collect()).await;
    }
    let mut asked: Vec<Key> = keys.iter().flat_map(|known| [known.clone(), key("q", &known.sk)]).collect();
    asked.reverse();
    let found = table.get(&asked).await.unwrap();
    assert_eq!(found.len(), 260);
    for (asked, found) in asked.iter().zip(found) {
        assert_eq!(found.as_ref().map(|item| &item.key), (asked.pk == "p").then_some(asked));
        assert!(found.is_none_or(|item| item.body.len() == 30_002));
    }
    assert_eq!(table.get(&[]).await.unwrap(), []);
}

/// A range is one partition's, ordered by bytes, both ways, up to its limit.
pub(super) async fn a_range_is_in_order(table: Any) {
    let sks = ["A", "a", "a#1", "a#2", "a#2x", "a~", "b", "ä"];
    let mut writes: Vec<Write> = sks.iter().map(|sk| put(key("p", sk), sk, Expect::Absent)).collect();
    writes.extend(["o", "p#", "pp", "q", "P"].map(|pk| put(key(pk, "a#1"), "else", Expect::Absent)));
    done(&table, writes).await;
    let found = async |range: SkRange, newest_first: bool, limit: u32| -> Vec<String> {
        let items = table.query("p", range, newest_first, limit).await.unwrap();
        items.into_iter().map(|item| item.key.sk).collect()
    };
    let text = str::to_owned;
    assert_eq!(found(SkRange::All, false, 100).await, sks);
    assert_eq!(found(SkRange::All, true, 3).await, ["ä", "b", "a~"]);
    assert_eq!(found(SkRange::Prefix(text("a#")), false, 100).await, ["a#1", "a#2", "a#2x"]);
    assert_eq!(found(SkRange::Prefix(text("a#2")), true, 100).await, ["a#2x", "a#2"]);
    assert_eq!(found(SkRange::UpTo(text("a#1")), false, 100).await, ["A", "a", "a#1"]);
    assert_eq!(found(SkRange::UpTo(text("a#1")), true, 1).await, ["a#1"]);
    assert_eq!(found(SkRange::After(text("a#2")), false, 2).await, ["a#2x", "a~"]);
    assert_eq!(found(SkRange::Between(text("a"), text("a#2")), false, 100).await, ["a", "a#1", "a#2"]);
    assert_eq!(found(SkRange::Between(text("c"), text("d")), false, 100).await, [""; 0]);
    assert_eq!(table.query("nobody", SkRange::All, false, 10).await.unwrap(), []);
}

/// Past a megabyte, which is where DynamoDB ends a page.
pub(super) async fn a_range_may_be_long(table: Any) {
    let body = "y".repeat(60_000);
    let sks: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    done(&table, sks.iter().map(|sk| put(key("p", sk), &body, Expect::Absent)).collect()).await;
    for newest_first in [false, true] {
        let items = table.query("p", SkRange::All, newest_first, 39).await.unwrap();
        let mut found: Vec<String> = items.into_iter().map(|item| item.key.sk).collect();
        if newest_first {
            found.reverse();
        }
        assert_eq!(found, if newest_first { &sks[1..] } else { &sks[..39] });
    }
}

/// An item past its time is not there: for reads, for ranges and their limits, for conditions.
pub(super) async fn what_has_expired_is_not_there(table: Any) {
    let now = Timestamp::now().as_second();
    let until = |sk: &str, expires: i64| Write::Put {
        key: key("p", sk),
        body: "1".to_owned(),
        expires: Some(expires),
        expect: Expect::Anything,
    };
    let mut writes: Vec<Write> = (0..9).map(|number| until(&format!("a{number}"), now - 5 - number)).collect();
    writes.extend([until("b", now + 3600), put(key("p", "c"), "1", Expect::Absent)]);
    done(&table, writes).await;
    assert_eq!(one(&table, &key("p", "a0")).await, None);
    assert!(one(&table, &key("p", "b")).await.is_some());
    let found = table.query("p", SkRange::All, false, 2).await.unwrap();
    assert_eq!(found.iter().map(|item| item.key.sk.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    done(
        &table,
        vec![Write::Check { key: key("p", "a1"), expect: Expect::Absent }, put(key("p", "a2"), "2", Expect::Absent)],
    )
    .await;
    assert!(one(&table, &key("p", "a2")).await.is_some(), "what was made anew has no end");
    refused(&table, vec![put(key("p", "b"), "2", Expect::Absent)]).await;
}

/// Writers of the same items, in different orders: every one of their steps is done once.
pub(super) async fn of_those_who_meet_one_comes_through(table: Any) {
    let settings = TableSettings { shards: 1, look_again: std::time::Duration::from_millis(10) };
    let ledger = Arc::new(TableLedger::new(table, settings));
    let writers = (0..6).map(|writer: usize| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for round in 0..6 {
                let mut keys = vec![key("counter", "a"), key("counter", "b"), key("counter", "c")];
                keys.rotate_left((writer + round) % 3);
                super::step::step!(&ledger, |step| {
                    for key in &keys {
                        let before = step.get::<u64>(key).await?.unwrap_or(0);
                        step.put(key, &(before + 1))?;
                    }
                    Ok(())
                })
                .unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    for name in ["a", "b", "c"] {
        assert_eq!(ledger.read::<u64>(&key("counter", name)).await.unwrap(), Some(36));
    }
}

/// Two who each make what the other one rests on not being there, or takes away though it is not there: one of them comes too
/// late.
pub(super) async fn what_was_not_there_is_guarded(table: Any) {
    for round in 0..30 {
        let names = [format!("a{round}"), format!("b{round}")];
        let sides = [(0, 1), (1, 0)].map(|(mine, theirs)| {
            let (table, names) = (table.clone(), names.clone());
            tokio::spawn(async move {
                let (theirs, expect) = (key("p", &names[theirs]), Expect::Absent);
                let rests = match round % 2 {
                    0 => Write::Check { key: theirs, expect },
                    _ => Write::Delete { key: theirs, expect },
                };
                table.write(vec![put(key("p", &names[mine]), "made", expect), rests]).await.unwrap()
            })
        });
        let outcomes = join_all(sides).await.into_iter().map(Result::unwrap);
        let done = outcomes.filter(|written| *written == Written::Done).count();
        let there = table.get(&names.map(|name| key("p", &name))).await.unwrap().iter().flatten().count();
        assert!(done <= 1 && there == done, "{done} came through, {there} are there");
    }
}

/// Any text comes back as it was.
pub(super) async fn texts_stay_as_they_are(table: Any) {
    let texts = ["", " a ", "A", "\u{1F600} ä \u{10FFFF}", "'\"\\ %_ \n\t", "{\"a\":[1,null]}"];
    let mut expected = BTreeMap::new();
    for (number, text) in texts.iter().enumerate() {
        let place = key(&format!("p {text}{number}"), &format!("s {text}{number}"));
        done(&table, vec![put(place.clone(), text, Expect::Absent)]).await;
        expected.insert(place, format!("{text:?}"));
    }
    for (place, body) in expected {
        assert_eq!(one(&table, &place).await.unwrap().body, body);
    }
}

/// A value that DynamoDB would not take is refused by every table, before anything is written.
pub(super) async fn what_is_too_large_is_refused(table: Any) {
    let settings = TableSettings { shards: 1, look_again: std::time::Duration::from_millis(10) };
    let ledger = TableLedger::new(table.clone(), settings);
    let mut step = Step::new(&ledger);
    let error = step.put(&key("p", "a"), &"z".repeat(400_000)).unwrap_err();
    assert!(error.is(&codes::ledger::TOO_LARGE) && !error.is_retried(), "{error}");
    step.put(&key("p", "b"), &"z".repeat(380_000)).unwrap();
    assert!(step.commit().await.unwrap().is_some());
    assert_eq!(one(&table, &key("p", "b")).await.unwrap().body.len(), 380_002);

    let mut step = Step::new(&ledger);
    for number in 0..101 {
        step.put(&key("q", &number.to_string()), &number).unwrap();
    }
    assert!(step.commit().await.unwrap_err().is(&codes::ledger::TOO_LARGE));
    assert_eq!(table.query("q", SkRange::All, false, 1).await.unwrap(), []);
}
