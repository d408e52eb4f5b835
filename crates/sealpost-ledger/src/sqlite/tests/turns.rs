//! Turns that share a transaction: one sync for all of them, and what one does wrong is its own.

use std::path::Path;
use std::sync::Arc;

use sealpost_core::error::codes;
use sealpost_core::{Error, Result};
use sealpost_testkit::suite::ledger::refused;
use tokio::task::JoinHandle;

use super::super::statement::{query, query_scalar};
use super::super::wal_index::{Header, WalIndex};
use super::super::{Connection, Durability, SqliteLedger, Touched, fault};
use super::fresh;

fn header(folder: &Path) -> Header {
    WalIndex::beside(&folder.join("ledger.db")).unwrap().header().unwrap()
}

/// Counts under this name.
fn count(connection: &Connection, name: &str) -> Result<()> {
    query("INSERT INTO sequences (partner, report_type, last) VALUES (?, 'r', 1)")
        .bind(name)
        .execute(connection)
        .map_err(fault::write)?;
    Ok(())
}

fn counted(ledger: &SqliteLedger) -> Vec<String> {
    query_scalar("SELECT partner FROM sequences ORDER BY partner").fetch_all(&ledger.reader().unwrap()).unwrap()
}

/// SQLite takes a page limit for a full disk.
fn fill_the_disk(connection: &Connection) -> Result<()> {
    connection.execute_batch("PRAGMA max_page_count = 1").unwrap();
    count(connection, &"x".repeat(1 << 20))
}

/// What is done in a turn.
type Step = (Durability, fn(&Connection) -> Result<()>);

/// Starts them one after the other; each waits for the turn that is held meanwhile, and then for the one before it.
async fn behind(ledger: &Arc<SqliteLedger>, steps: Vec<Step>) -> Vec<JoinHandle<Result<()>>> {
    let mut waiting = Vec::new();
    for (durability, step) in steps {
        let (ledger, (began, begins)) = (ledger.clone(), tokio::sync::oneshot::channel());
        waiting.push(tokio::spawn(async move {
            let mut turn = std::pin::pin!(ledger.begin(durability));
            // The first poll takes its place in the line.
            assert!(futures::poll!(&mut turn).is_pending());
            began.send(()).unwrap();
            let turn = turn.await?;
            let outcome = step(turn.connection());
            turn.end_touching(outcome, |()| Touched::NoReport).await
        }));
        begins.await.unwrap();
    }
    waiting
}

async fn outcomes(waiting: Vec<JoinHandle<Result<()>>>) -> Vec<std::result::Result<&'static str, &'static str>> {
    let mut outcomes = Vec::new();
    for one in waiting {
        outcomes.push(match one.await {
            Ok(Ok(())) => Ok("done"),
            Ok(Err(error)) => Err(error.code().id),
            Err(_) => Err("a panic"),
        });
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_wait_share_a_transaction() {
    let (folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let held = ledger.begin(Durability::Disk).await.unwrap();
    let steps: Vec<Step> = vec![
        (Durability::Disk, |connection| count(connection, "a")),
        // Fails as a whole: what it did before goes too.
        (Durability::Disk, |connection| count(connection, "b").and_then(|()| count(connection, "a"))),
        (Durability::Process, |connection| count(connection, "c")),
        (Durability::Disk, |_| Err(Error::new(&codes::request::NOT_FOUND, "a refusal"))),
        // In the middle, as a caller's time limit or a bug would.
        (Durability::Disk, |connection| {
            count(connection, "d").unwrap();
            panic!("on purpose")
        }),
        // It sees what those before it did.
        (Durability::Disk, |connection| {
            let all: Vec<String> = query_scalar("SELECT partner FROM sequences").fetch_all(connection).unwrap();
            assert_eq!(all, ["0", "a", "c"]);
            count(connection, "e")
        }),
    ];
    let waiting = behind(&ledger, steps).await;
    let before = header(folder.path());
    count(held.connection(), "0").unwrap();
    held.end(Ok(())).await.unwrap();
    let refusals = [codes::ledger::UNREACHABLE.id, codes::request::NOT_FOUND.id];
    assert_eq!(
        outcomes(waiting).await,
        [Ok("done"), Err(refusals[0]), Ok("done"), Err(refusals[1]), Err("a panic"), Ok("done")]
    );
    assert!(header(folder.path()).is_next_after(&before), "more than one transaction");
    assert_eq!(counted(&ledger), ["0", "a", "c", "e"]);
}

/// Nobody sees what is not on the disk yet, and nobody is told of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_committed_is_nobodys_yet() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let first = ledger.begin(Durability::Disk).await.unwrap();
    let (go, going) = tokio::sync::oneshot::channel();
    let (began, begins) = tokio::sync::oneshot::channel();
    let second = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            let mut turn = std::pin::pin!(ledger.begin(Durability::Disk));
            assert!(futures::poll!(&mut turn).is_pending());
            began.send(()).unwrap();
            let turn = turn.await.unwrap();
            going.await.unwrap();
            let outcome = count(turn.connection(), "b");
            turn.end(outcome).await
        }
    });
    begins.await.unwrap();
    count(first.connection(), "a").unwrap();
    let mut first = tokio::spawn(first.end(Ok(())));
    tokio::time::timeout(std::time::Duration::from_millis(200), &mut first).await.unwrap_err();
    assert_eq!(counted(&ledger), [""; 0]);
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(counted(&ledger), ["a", "b"]);
}

/// SQLite ends the whole transaction when the disk is full. Everyone in it hears of it, and all can go on afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_is_lost_is_lost_for_all_of_it() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let held = ledger.begin(Durability::Disk).await.unwrap();
    let steps: Vec<Step> = vec![
        (Durability::Disk, |connection| count(connection, "a")),
        (Durability::Disk, fill_the_disk),
        (Durability::Disk, |connection| count(connection, "c")),
    ];
    let waiting = behind(&ledger, steps).await;
    count(held.connection(), "0").unwrap();
    refused(held.end(Ok(())).await, &codes::ledger::FULL);
    let full = codes::ledger::FULL.id;
    assert_eq!(outcomes(waiting).await, [Err(full), Err(full), Ok("done")]);
    assert_eq!(counted(&ledger), ["c"]);
}

/// What a turn in a shared transaction may take back is kept in memory: a file for it would be on a disk that nobody watches.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_turn_makes_no_file() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let fill = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
                INSERT INTO sequences (partner, report_type, last) SELECT 'p' || n, 'r', 0 FROM n";
    let outcome = query(fill).execute(turn.connection()).map(drop).map_err(fault::write);
    turn.end(outcome).await.unwrap();

    let held = ledger.begin(Durability::Disk).await.unwrap();
    let waiting = behind(
        &ledger,
        vec![(Durability::Disk, |connection| {
            // Many more pages than SQLite keeps back in any case.
            query("UPDATE sequences SET last = 1").execute(connection).map_err(fault::write)?;
            for file in std::fs::read_dir("/proc/self/fd").unwrap() {
                let Ok(file) = std::fs::read_link(file.unwrap().path()) else { continue };
                assert!(!file.to_string_lossy().contains("etilqs_"), "{}", file.display());
            }
            Ok(())
        })],
    )
    .await;
    held.end(Ok(())).await.unwrap();
    assert_eq!(outcomes(waiting).await, [Ok("done")]);
}

const REFUSED: fn(&Connection) -> Result<()> = |_| Err(Error::new(&codes::request::NOT_FOUND, "a refusal"));

/// A refusal may rest on what is not committed yet, so it waits as well. Turn by turn, by hand.
#[tokio::test]
async fn a_refusal_waits_for_what_it_rests_on() {
    let (folder, ledger) = fresh().await;
    let first = ledger.begin(Durability::Disk).await.unwrap();
    let mut refused_turn = std::pin::pin!(async {
        let turn = ledger.begin(Durability::Disk).await?;
        let outcome = REFUSED(turn.connection());
        turn.end_touching(outcome, |()| Touched::NoReport).await
    });
    let mut last = std::pin::pin!(ledger.begin(Durability::Disk));
    assert!(futures::poll!(&mut refused_turn).is_pending());
    assert!(futures::poll!(&mut last).is_pending());
    let before = header(folder.path());
    count(first.connection(), "a").unwrap();
    let mut first = std::pin::pin!(first.end_touching(Ok(()), |()| Touched::NoReport));
    assert!(futures::poll!(&mut first).is_pending());
    // Its turn comes and goes.
    assert!(futures::poll!(&mut refused_turn).is_pending());
    let std::task::Poll::Ready(last) = futures::poll!(&mut last) else { panic!("it waits for a turn that has ended") };
    assert!(futures::poll!(&mut refused_turn).is_pending());
    assert_eq!(counted(&ledger), [""; 0]);
    last.unwrap().end_touching(Ok(()), |()| Touched::NoReport).await.unwrap();
    first.await.unwrap();
    refused(refused_turn.await, &codes::request::NOT_FOUND);
    assert!(header(folder.path()).is_next_after(&before), "more than one transaction");
    // What was taken back touched nothing, so the transaction is known for what it was.
    assert!(ledger.writing.marks.mark(&sealpost_core::id::JobId::fresh()).is_some());
}

/// What a refusal rested on is lost, so it is no refusal any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_lost_with_what_it_rested_on() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let held = ledger.begin(Durability::Disk).await.unwrap();
    let steps: Vec<Step> = vec![(Durability::Disk, REFUSED), (Durability::Disk, fill_the_disk)];
    let waiting = behind(&ledger, steps).await;
    count(held.connection(), "0").unwrap();
    refused(held.end(Ok(())).await, &codes::ledger::FULL);
    let full = codes::ledger::FULL.id;
    assert_eq!(outcomes(waiting).await, [Err(full), Err(full)]);
    assert_eq!(counted(&ledger), [""; 0]);
}

/// However many threads wait for something else, and where no more can be had, what has ended is committed.
#[test]
fn a_commit_needs_no_thread_of_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (_folder, ledger) = fresh().await;
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || gone.recv());
        let turn = ledger.begin(Durability::Disk).await.unwrap();
        let outcome = count(turn.connection(), "a");
        // Far more than it takes, so that a failure is one and not a hang.
        tokio::time::timeout(std::time::Duration::from_secs(30), turn.end(outcome)).await.unwrap().unwrap();
        assert_eq!(counted(&ledger), ["a"]);
        drop(go);
        busy.await.unwrap().unwrap_err();
    });
}

/// What can't be taken back is lost for those before it by that failure, not by what the turn was refused for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_not_told_as_somebody_elses_refusal() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let held = ledger.begin(Durability::Disk).await.unwrap();
    let breaks: fn(&Connection) -> Result<()> = |connection| {
        // There is nothing left to go back to.
        connection.execute_batch("RELEASE turn").unwrap();
        REFUSED(connection)
    };
    let waiting = behind(&ledger, vec![(Durability::Disk, breaks)]).await;
    count(held.connection(), "0").unwrap();
    refused(held.end(Ok(())).await, &codes::ledger::UNREACHABLE);
    assert_eq!(outcomes(waiting).await, [Err(codes::ledger::UNREACHABLE.id)]);
    assert_eq!(counted(&ledger), [""; 0]);
}
