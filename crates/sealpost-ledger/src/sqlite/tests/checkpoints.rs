//! Taking the log into the file waits for the disk, so a turn that does not wait for it leaves that to a thread.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use sealpost_core::port::Ledger;
use tokio::time::timeout;

use super::super::open::Opening;
use super::super::statement::query;
use super::super::turn::{Turn, Writing};
use super::super::{Durability, SqliteLedger, checkpoints, commits};
use super::fresh;

/// Far more than anything here takes.
const HANGS: Duration = Duration::from_secs(60);
/// More pages than the log should have.
const MUCH: i64 = 9_000;

/// Writes so many pages and some more.
fn write(turn: &Turn, pages: i64, name: &str) {
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
               INSERT INTO sequences (partner, report_type, last) SELECT n || hex(zeroblob(2048)), ?, 0 FROM n";
    query(sql).bind(pages).bind(name).execute(turn.connection()).unwrap();
}

fn size(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("ledger.db")).unwrap().len()
}

fn opening(ledger: &SqliteLedger) -> Opening {
    Opening::new(&ledger.path, Duration::from_secs(10))
}

#[tokio::test]
async fn a_turn_that_waits_for_no_disk_takes_no_log_into_the_file() {
    let (folder, ledger) = fresh().await;
    let before = size(folder.path());
    // A thread that comes to nothing.
    let (thread, asked) = mpsc::sync_channel(1);
    let writing = Writing::beside(opening(&ledger), commits::start().unwrap(), thread);
    let turn = writing.begin(Durability::Process).await.unwrap();
    write(&turn, MUCH, "r");
    turn.end(Ok(())).await.unwrap();
    assert_eq!(size(folder.path()), before);
    asked.try_recv().unwrap();
    // It is asked once.
    let turn = writing.begin(Durability::Process).await.unwrap();
    query("DELETE FROM probe").execute(turn.connection()).unwrap();
    turn.end(Ok(())).await.unwrap();
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn the_thread_takes_a_long_log_into_the_file() {
    let (folder, ledger) = fresh().await;
    let before = size(folder.path());
    let turn = ledger.begin(Durability::Process).await.unwrap();
    write(&turn, MUCH, "r");
    turn.end(Ok(())).await.unwrap();
    // Nobody waits for it.
    while size(folder.path()) == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A slow disk may take long over it. A turn that ends meanwhile is committed: until then it keeps all other processes waiting.
#[tokio::test]
async fn while_the_log_is_taken_into_the_file_turns_are_committed() {
    let (folder, ledger) = fresh().await;
    let (began, begins) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let thread = checkpoints::start(move || {
        let _is_heard = began.send(());
        ends.recv().unwrap_err();
    });
    let writing = Writing::beside(opening(&ledger), commits::start().unwrap(), thread.unwrap());
    for (pages, name) in [(MUCH, "r"), (1_500, "s"), (1_500, "t")] {
        let turn = writing.begin(Durability::Process).await.unwrap();
        write(&turn, pages, name);
        timeout(HANGS, turn.end(Ok(()))).await.unwrap().unwrap();
        if name == "r" {
            begins.recv_timeout(HANGS).unwrap();
        }
    }
    let turn = writing.begin(Durability::Disk).await.unwrap();
    query("DELETE FROM probe").execute(turn.connection()).unwrap();
    timeout(HANGS, turn.end(Ok(()))).await.unwrap().unwrap();
    let other = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    other.check().await.unwrap();

    // Of those that were asked for meanwhile one has waited, and with nobody left to ask the thread ends.
    drop(end);
    drop(writing);
    assert_eq!(begins.iter().count(), 1);
}
