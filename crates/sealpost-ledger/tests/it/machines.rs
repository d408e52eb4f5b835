//! The ledgers that several machines share: many openings, processes that are killed, logins and networks that fail.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use sealpost_core::id::{ConnectorId, JobId, TransferItemId};
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::transfer::ItemStatus;
use sealpost_testkit::suite::ledger::transfers::new_transfer;
use sealpost_testkit::suite::ledger::{HOUR, Ports, admission, changes, edits, items, keys, lanes, transfers, usage};
use serde_json::Value as Json;

use crate::crash::{FILE, acknowledged, child};

/// Opens what the options say: those of DynamoDB have a table.
async fn opened(options: &Json) -> Ports {
    if options.get("table").is_some() {
        crate::dynamodb::opened(options).await
    } else {
        crate::mysql::opened(options).await
    }
}

async fn hold_across_openings(options: fn() -> Json) {
    // Of one new ledger each: what two processes have, as far as the ledger can tell.
    let two = async || {
        let options = options();
        let (one, other) = tokio::join!(opened(&options), opened(&options));
        [one, other]
    };
    edits::edits_across(&two().await).await;
    edits::one_wins_across(&two().await).await;
    keys::exact_across(&two().await).await;
    changes::decided_once_across(&two().await).await;
    usage::exact_across(&two().await).await;
    transfers::token_across(&two().await).await;
    items::ends_across(&two().await).await;
    lanes::limits_across(&two().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_holds_across_openings() {
    hold_across_openings(crate::mysql::options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_holds_across_openings() {
    hold_across_openings(crate::dynamodb::options).await;
}

/// Not a test by itself: what the child processes of this module run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_admits_and_works() {
    let Ok(options) = std::env::var(FILE) else { return };
    let ports = opened(&serde_json::from_str(&options).unwrap()).await;
    loop {
        let job = ports.admit(admission("acme")).await;
        println!("admitted {}", job.id);
        let (_, items) = ports.start_transfer(&new_transfer(&ConnectorId::fresh(), 3)).await;
        for item in &items {
            println!("started {}", item.id);
        }
        let lease = ports.claim(&[WorkKind::Transfer]).await;
        let Work::Transfer(item) = &lease.work else { panic!("{:?}", lease.work) };
        ports.complete_item(item, jiff::Timestamp::now()).await;
        println!("ended {item}");
        ports.queue.complete(&lease).await.unwrap();
    }
}

/// A process that dies by SIGKILL has lost nothing that it acknowledged, and left nothing half done.
async fn survives_sigkill(options: &Json, rounds: usize) {
    let text = options.to_string();
    let (mut jobs, mut started, mut ended) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for round in 0..rounds {
        let mut child = child("machines::child_that_admits_and_works", Path::new(&text));
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut output = String::new();
        while acknowledged::<TransferItemId>(&output, "ended ").len() < 1 + round {
            assert!(reader.read_line(&mut output).unwrap() > 0, "the child ended by itself: {output}");
        }
        child.kill().unwrap();
        reader.read_to_string(&mut output).unwrap();
        child.wait().unwrap();
        jobs.extend(acknowledged::<JobId>(&output, "admitted "));
        started.extend(acknowledged::<TransferItemId>(&output, "started "));
        ended.extend(acknowledged::<TransferItemId>(&output, "ended "));
    }

    let ports = opened(options).await;
    let depth = ports.queue.depth().await.unwrap();
    let (mut produce, mut left, mut announced) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    while let Some(lease) = ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
        match lease.work {
            Work::Produce(job) => assert!(produce.insert(job), "a job has two tasks"),
            Work::Transfer(item) => assert!(left.insert(item), "an item has two tasks"),
            Work::Announce(item) => assert!(announced.insert(item), "an end is announced twice"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(depth.ready, (produce.len() + left.len() + announced.len()) as u64, "{depth:?}");
    for id in &produce {
        assert!(ports.ledger.job_of_any_partner(id).await.unwrap().is_some(), "a task without a job");
        assert_eq!(ports.ledger.timeline(id).await.unwrap().len(), 1);
    }
    assert!(jobs.is_subset(&produce), "{:?} have no task", jobs.difference(&produce));
    // One that was committed and not acknowledged is whole too.
    assert!(produce.len() <= jobs.len() + rounds);
    for id in &started {
        let item = ports.transfers.transfer_item(id).await.unwrap().expect("an item that was started");
        assert_eq!(item.status == ItemStatus::Completed, announced.contains(id), "{id}");
        // A killed worker's task is leased until its lease ends; a completed one may be gone or not.
        assert!(item.status == ItemStatus::Completed || !ended.contains(id), "{id} is not over");
    }
    let leased = QueueDepth { ready: 0, delayed: 0, dead: 0, ..ports.queue.depth().await.unwrap() };
    assert_eq!(ports.queue.depth().await.unwrap(), leased, "all that was ready is leased now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_crash_loses_nothing() {
    survives_sigkill(&crate::mysql::options(), 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_crash_loses_nothing() {
    survives_sigkill(&crate::dynamodb::options(), 4).await;
}
