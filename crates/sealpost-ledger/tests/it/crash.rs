//! A process that dies by SIGKILL has lost nothing that it acknowledged, and left nothing half done.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use sealpost_core::id::{ConnectorId, JobId, TransferId, TransferItemId};
use sealpost_core::task::{Work, WorkKind};
use sealpost_core::transfer::ItemStatus;
use sealpost_testkit::suite::ledger::transfers::new_transfer;
use sealpost_testkit::suite::ledger::{HOUR, admission};

/// Tells [`child_that_admits`] to be the child, and on which file.
pub(crate) const FILE: &str = "SEALPOST_TEST_LEDGER_FILE";

/// Not a test by itself: what the child processes of this module run.
#[tokio::test]
async fn child_that_admits() {
    let Ok(path) = std::env::var(FILE) else { return };
    let ports = crate::opened(Path::new(&path)).await;
    loop {
        let job = ports.admit(admission("acme")).await;
        println!("admitted {}", job.id);
    }
}

/// Starts this test binary again to run one of its tests.
pub(crate) fn child(test: &str, file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The ids on lines that are complete: a line cut by the kill was not acknowledged.
pub(crate) fn acknowledged<T: FromStr>(output: &str, word: &str) -> Vec<T> {
    let complete = output.rfind('\n').map_or("", |end| &output[..end]);
    complete.lines().filter_map(|line| line.split_once(word)?.1.parse().ok()).collect()
}

#[tokio::test]
async fn what_was_acknowledged_survives_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let mut known = BTreeSet::new();
    // Each round kills at another place: after a different number of admissions, wherever the next one then is.
    for round in 0..12_usize {
        let mut child = child("crash::child_that_admits", &file);
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut output = String::new();
        while acknowledged::<JobId>(&output, "admitted ").len() < 1 + round * 3 {
            assert!(reader.read_line(&mut output).unwrap() > 0, "the child ended by itself: {output}");
        }
        child.kill().unwrap();
        reader.read_to_string(&mut output).unwrap();
        child.wait().unwrap();
        known.extend(acknowledged::<JobId>(&output, "admitted "));
    }

    let ports = crate::opened(&file).await;
    let mut tasks = BTreeSet::new();
    while let Some(lease) = ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
        let Work::Produce(job) = lease.work else { panic!("{:?}", lease.work) };
        assert!(tasks.insert(job), "a job has two tasks");
    }
    for id in &known {
        assert!(tasks.contains(id), "{id} has no task");
    }
    // One that was committed but not yet acknowledged is fine, if it is whole.
    assert!(tasks.len() <= known.len() + 12);
    for id in &tasks {
        let job = ports.ledger.job_of_any_partner(id).await.unwrap().expect("a job for each task");
        assert_eq!(ports.ledger.timeline(&job.id).await.unwrap().len(), 1);
    }
    assert_eq!(crate::file::pragma(&file, "PRAGMA integrity_check").await, "ok");
    assert_eq!(crate::file::pragma(&file, "PRAGMA foreign_key_check").await, "");
}

/// Not a test by itself: what the child processes of the next test run.
#[tokio::test]
async fn child_that_transfers() {
    let Ok(path) = std::env::var(FILE) else { return };
    let ports = crate::opened(Path::new(&path)).await;
    loop {
        let (transfer, items) = ports.start_transfer(&new_transfer(&ConnectorId::fresh(), 3)).await;
        println!("started {}", transfer.id);
        for item in items.iter().take(2) {
            ports.complete_item(&item.id, jiff::Timestamp::now()).await;
            println!("ended {}", item.id);
        }
    }
}

/// A transfer, its items and tasks are there together or not at all, and so are an item's end, its count and its
/// announcement.
#[tokio::test]
async fn transfers_survive_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let (mut transfers, mut ended) = (BTreeSet::<TransferId>::new(), BTreeSet::<TransferItemId>::new());
    for round in 0..8_usize {
        let mut child = child("crash::child_that_transfers", &file);
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut output = String::new();
        while acknowledged::<TransferItemId>(&output, "ended ").len() < 1 + round * 3 {
            assert!(reader.read_line(&mut output).unwrap() > 0, "the child ended by itself: {output}");
        }
        child.kill().unwrap();
        reader.read_to_string(&mut output).unwrap();
        child.wait().unwrap();
        transfers.extend(acknowledged::<TransferId>(&output, "started "));
        ended.extend(acknowledged::<TransferItemId>(&output, "ended "));
    }

    let ports = crate::opened(&file).await;
    let (mut tasks, mut announced) = (BTreeSet::new(), BTreeSet::new());
    while let Some(lease) = ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
        match lease.work {
            Work::Transfer(item) => assert!(tasks.insert(item), "an item has two tasks"),
            Work::Announce(item) => assert!(announced.insert(item), "an end is announced twice"),
            other => panic!("{other:?}"),
        }
    }
    // Those that were committed and not acknowledged are whole too.
    for item in &tasks {
        transfers.insert(ports.transfers.transfer_item(item).await.unwrap().expect("an item for each task").transfer);
    }
    assert_eq!(tasks.len(), 3 * transfers.len());
    for id in &transfers {
        let items = ports.transfers.transfer_items(id, 0, 10).await.unwrap();
        assert_eq!(items.len(), 3);
        assert!(items.iter().all(|item| tasks.contains(&item.id)));
        for item in &items {
            assert_eq!(item.status == ItemStatus::Completed, announced.contains(&item.id));
            assert!(item.status == ItemStatus::Completed || !ended.contains(&item.id), "{} is not over", item.id);
        }
        let open = items.iter().filter(|item| !item.status.is_terminal()).count();
        assert_eq!(ports.transfer(id).await.open as usize, open);
    }
    assert_eq!(crate::file::pragma(&file, "PRAGMA integrity_check").await, "ok");
    assert_eq!(crate::file::pragma(&file, "PRAGMA foreign_key_check").await, "");
}
