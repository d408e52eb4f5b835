//! Several processes on one file: nothing rests on the memory of one of them.

use std::collections::BTreeMap;
use std::path::Path;

use futures::future::join_all;
use sealpost_core::error::codes;
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::task::{QueueDepth, WorkKind};
use sealpost_testkit::suite::ledger::{
    HOUR, Ports, admission, changes, edits, items, keys, lanes, partner, transfers, usage,
};

use crate::crash::{FILE, child};

/// Not a test by itself: the worker processes of the next test run it.
#[tokio::test]
async fn child_that_works() {
    let Ok(path) = std::env::var(FILE) else { return };
    let ports = crate::opened(Path::new(&path)).await;
    while let Some(lease) = ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
        ports.queue.complete(&lease).await.unwrap();
        println!("completed {} {}", lease.task, lease.epoch);
    }
}

#[tokio::test]
async fn worker_processes_share_the_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let ports = crate::opened(&file).await;
    for _ in 0..120 {
        ports.admit(admission("acme")).await;
    }
    let workers: Vec<_> = (0..3).map(|_| child("processes::child_that_works", &file)).collect();
    let mut claims = BTreeMap::new();
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            if let Some((_, completed)) = line.split_once("completed ") {
                *claims.entry(completed.to_owned()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(claims.len(), 120);
    assert!(claims.iter().all(|(line, times)| *times == 1 && line.ends_with(" 1")), "{claims:?}");
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limit_and_key_hold_across_openings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    // Opened at the same time, on a file that none of them has made yet.
    let openings = join_all((0..4).map(|_| crate::opened(&file))).await;

    let keyed = openings.iter().cycle().take(12).map(|ports| {
        let ledger = ports.ledger.clone();
        let asked = Admission { idempotency: Some(("k".to_owned(), "aa".to_owned())), ..admission("acme") };
        tokio::spawn(async move { ledger.admit(asked).await.unwrap() })
    });
    let admitted = join_all(keyed).await;
    let new = admitted.iter().filter(|one| matches!(one.as_ref().unwrap(), Admitted::New(_))).count();
    assert_eq!(new, 1);

    let limited = openings.iter().cycle().take(12).map(|ports| {
        let ledger = ports.ledger.clone();
        tokio::spawn(async move { ledger.admit(Admission { active_limit: 4, ..admission("other") }).await })
    });
    let (mut new, mut refused) = (0, 0);
    for outcome in join_all(limited).await {
        match outcome.unwrap() {
            Ok(_) => new += 1,
            Err(error) if error.is(&codes::request::TOO_MANY_ACTIVE) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((new, refused), (4, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_sees_what_another_process_enqueues() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let (serve, worker) = (crate::opened(&file).await, crate::opened(&file).await);
    let claims = tokio::spawn(async move {
        loop {
            if let Some(lease) = worker.queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
                break lease;
            }
            worker.queue.wait(&WorkKind::ALL, HOUR).await;
        }
    });
    serve.admit(admission("acme")).await;
    // A guard against hanging, not a measurement.
    tokio::time::timeout(std::time::Duration::from_secs(60), claims).await.expect("to be seen").unwrap();
}

/// Two openings of one new file: what two processes have, as far as the ledger can tell.
async fn two_openings(folder: &Path) -> [Ports; 2] {
    let file = folder.join("ledger.db");
    [crate::opened(&file).await, crate::opened(&file).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_hold_across_openings() {
    let folder = tempfile::tempdir().unwrap();
    edits::edits_across(&two_openings(&folder.path().join("edits")).await).await;
    edits::one_wins_across(&two_openings(&folder.path().join("identities")).await).await;
    keys::exact_across(&two_openings(&folder.path().join("keys")).await).await;
    changes::decided_once_across(&two_openings(&folder.path().join("changes")).await).await;
    usage::exact_across(&two_openings(&folder.path().join("usage")).await).await;
    transfers::token_across(&two_openings(&folder.path().join("tokens")).await).await;
    items::ends_across(&two_openings(&folder.path().join("items")).await).await;
    lanes::limits_across(&two_openings(&folder.path().join("lanes")).await).await;
}

/// Not a test by itself: the processes of the next test run it, until one of them meets the limit.
#[tokio::test]
async fn child_that_reserves() {
    let Ok(path) = std::env::var(FILE) else { return };
    let ports = crate::opened(Path::new(&path)).await;
    // More rounds than one process alone could need, so that a ledger without a limit fails instead of going on.
    for _ in 0..200 {
        let reserved = ports.usage.reserve(&partner("acme"), &usage::today(), 7, 1000).await.unwrap();
        println!("granted {}", reserved.granted);
        if reserved.granted == 0 {
            break;
        }
    }
}

#[tokio::test]
async fn processes_together_get_exactly_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let ports = crate::opened(&file).await;
    let callers: Vec<_> = (0..3).map(|_| child("processes::child_that_reserves", &file)).collect();
    let mut granted = 0;
    for caller in callers {
        let output = caller.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            if let Some((_, number)) = line.split_once("granted ") {
                granted += number.parse::<u64>().unwrap();
            }
        }
    }
    assert_eq!(granted, 1000);
    assert_eq!(ports.usage.reserved(&partner("acme"), &usage::today()).await.unwrap(), 1000);
}
