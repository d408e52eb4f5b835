//! A database that is away, or takes nobody in: reports wait for it. They have no attempt left, but they are not to blame.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Method;
use sealpost_core::error::{Code, Error, Failure, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::{Job, JobEvent, JobStatus};
use sealpost_core::task::Work;
use serde_json::Value as Json;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::rig::{Rig, id};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until this is so of a report.
async fn until(rig: &Rig, job: &JobId, is_so: impl Fn(&Job) -> bool) -> Job {
    let begun = Instant::now();
    loop {
        let now = rig.pipeline.parts().ledger.job_of_any_partner(job).await.unwrap().unwrap();
        if is_so(&now) {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "{now:#?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// All attempts of a report but the last have failed by themselves.
pub(crate) async fn four_fail(rig: &Rig, job: &JobId) {
    let (ledger, now) = (&rig.pipeline.parts().ledger, Timestamp::now());
    for attempt in 1..5 {
        let failure = Failure::from(&Error::new(&codes::source::BROKEN, "on purpose"));
        for event in [
            JobEvent::Started { attempt, worker: "another".to_owned() },
            JobEvent::AttemptFailed { failure, retry_at: now },
        ] {
            ledger.apply(job, &event, None, now).await.unwrap();
        }
    }
}

/// A report whose fifth attempt meets this, after four that have failed by themselves.
async fn waits(rig: &Rig, code: &Code) -> Json {
    let report = rig.contracts(&rig.acme).await;
    let job: JobId = id(&report).parse().unwrap();
    four_fail(rig, &job).await;
    rig.work();
    let waiting = until(rig, &job, |job| job.attempts == 5 && job.status != JobStatus::Running).await;
    assert_eq!((waiting.status, waiting.used_attempts()), (JobStatus::Queued, 4), "{waiting:#?}");
    assert_eq!(waiting.failure.unwrap().code, code.id);
    report
}

/// It would be tried again in some minutes.
async fn hurries(rig: &Rig, report: &Json) {
    let (work, begun) = (Work::Produce(id(report).parse().unwrap()), Instant::now());
    while !rig.pipeline.parts().queue.hurry(&work).await.unwrap() {
        assert!(begun.elapsed() < PATIENCE, "its task is gone");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(rig.done(&rig.acme, id(report)).await["status"], "succeeded");
}

#[tokio::test]
async fn a_report_waits_for_a_database_that_is_away() {
    let rig = Rig::idle().await;
    let (database, away) = (rig.folder.path().join("source.db"), rig.folder.path().join("away.db"));
    std::fs::rename(&database, &away).unwrap();
    let report = waits(&rig, &codes::source::UNREACHABLE).await;
    std::fs::rename(&away, &database).unwrap();
    hurries(&rig, &report).await;
}

#[tokio::test]
async fn a_report_waits_for_a_database_that_is_busy() {
    let rig = Rig::idle().await;
    let options = SqliteConnectOptions::new().filename(rig.folder.path().join("source.db"));
    let mut writer = options.connect().await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut writer).await.unwrap();
    let report = waits(&rig, &codes::source::BUSY).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut writer).await.unwrap();
    hurries(&rig, &report).await;
}

#[tokio::test]
async fn a_report_that_waits_for_its_database_can_be_cancelled() {
    let rig = Rig::idle().await;
    std::fs::rename(rig.folder.path().join("source.db"), rig.folder.path().join("away.db")).unwrap();
    let report = waits(&rig, &codes::source::UNREACHABLE).await;
    let path = format!("/v1/reports/{}", id(&report));
    let answer = rig.ask(&rig.acme, Method::DELETE, &path).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    assert_eq!(rig.done(&rig.acme, id(&report)).await["status"], "cancelled");
}
