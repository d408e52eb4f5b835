//! Taking the log into the file waits for the disk, so a turn that does not wait for it leaves that to the thread.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::super::Durability;
use super::super::commits::Asked;
use super::super::open::Opening;
use super::super::statement::query;
use super::super::turn::{Turn, Writing};
use super::fresh;

/// Writes more pages than the log should have.
fn write_much(turn: &Turn) {
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 9000)
               INSERT INTO sequences (partner, report_type, last) SELECT n || hex(zeroblob(2048)), 'r', 0 FROM n";
    query(sql).execute(turn.connection()).unwrap();
}

fn size(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("ledger.db")).unwrap().len()
}

#[tokio::test]
async fn a_turn_that_waits_for_no_disk_takes_no_log_into_the_file() {
    let (folder, ledger) = fresh().await;
    let before = size(folder.path());
    // A thread that comes to nothing.
    let (thread, asked) = mpsc::channel();
    let writing = Writing::beside(Opening::new(&ledger.path, Duration::from_secs(10)), thread);
    let turn = writing.begin(Durability::Process).await.unwrap();
    write_much(&turn);
    turn.end(Ok(())).await.unwrap();
    assert_eq!(size(folder.path()), before);
    assert!(matches!(asked.try_recv(), Ok(Asked::Checkpoint)));
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
    write_much(&turn);
    turn.end(Ok(())).await.unwrap();
    // Nobody waits for it.
    while size(folder.path()) == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
