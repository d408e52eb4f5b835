//! Every status against every event: what is legal, where it leads, what follows.

use super::*;
use crate::delivery::{DeliveryEvent, DeliveryStatus, Intent};
use crate::sealed::SealedKey;
use crate::webhook::EventKind;

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn job(status: JobStatus) -> Job {
    let request = ReportRequest {
        partner: "acme".parse().expect("an id"),
        report_type: "contracts.v1".parse().expect("an id"),
        format: "csv".to_owned(),
        format_options: serde_json::Map::new(),
        parameters: ParameterValues::new(),
        deliver_to: vec![ConnectorId::of(&"acme".parse().expect("an id"), "main")],
    };
    let mut job = Job::admitted(JobId::fresh(), request, "a.csv.pgp".parse().expect("a name"), 30, now()).job;
    job.status = status;
    job
}

fn file(job: &Job) -> SealedFile {
    let key = SealedKey {
        partner: job.request.partner.clone(),
        job: job.id.clone(),
        attempt: 1,
        file_name: job.file_name.clone(),
    };
    SealedFile { key, size: 10, sha256: "00".repeat(32) }
}

fn failure() -> Failure {
    Failure::from(&Error::new(&codes::source::UNREACHABLE, "db"))
}

fn events(job: &Job) -> Vec<JobEvent> {
    vec![
        JobEvent::Admitted,
        JobEvent::Started { attempt: 1, worker: "w".to_owned() },
        JobEvent::Stored { file: file(job), row_count: 3, recipients: vec![] },
        JobEvent::AttemptFailed { failure: failure(), retry_at: now() },
        JobEvent::Failed { failure: failure() },
        JobEvent::CancelRequested,
        JobEvent::Cancelled,
        JobEvent::Expired { deleted: false },
        JobEvent::Purged,
    ]
}

#[test]
fn the_whole_table_of_moves() {
    use JobStatus::{Cancelled, Expired, Failed, Queued, Running, Succeeded};
    // Rows: present status. Columns: the events above. `None` is an illegal move.
    let table: [(JobStatus, [Option<JobStatus>; 9]); 6] = [
        (Queued, [None, Some(Running), None, None, Some(Failed), Some(Cancelled), None, None, None]),
        (
            Running,
            [
                None,
                Some(Running),
                Some(Succeeded),
                Some(Queued),
                Some(Failed),
                Some(Running),
                Some(Cancelled),
                None,
                None,
            ],
        ),
        (Succeeded, [None, None, None, None, None, None, None, Some(Expired), None]),
        (Failed, [None, None, None, None, None, None, None, None, Some(Failed)]),
        (Cancelled, [None, None, None, None, None, None, None, None, Some(Cancelled)]),
        (Expired, [None, None, None, None, None, None, None, None, Some(Expired)]),
    ];
    for (status, expected) in table {
        let job = job(status);
        for (event, expected) in events(&job).iter().zip(expected) {
            let result = job.apply(event, now());
            assert_eq!(result.as_ref().ok().map(|made| made.job.status), expected, "{status:?} with {}", event.name());
            match result {
                Ok(made) => assert_eq!(made.job.version, job.version + 1),
                Err(error) => assert!(error.is(&codes::ledger::ILLEGAL_MOVE)),
            }
        }
    }
}

#[test]
fn a_stored_file_brings_its_deliveries_and_its_expiry_in_the_same_move() {
    let job = job(JobStatus::Running);
    let made =
        job.apply(&JobEvent::Stored { file: file(&job), row_count: 3, recipients: vec![] }, now()).expect("legal");
    assert_eq!(made.deliveries.len(), 1);
    let kinds: Vec<_> = made.tasks.iter().map(|task| task.work.kind().as_str()).collect();
    assert_eq!(kinds, ["deliver", "expire"]);
    assert_eq!(made.tasks[1].run_at, made.job.expires_at.expect("an expiry"));
}

#[test]
fn a_file_that_is_kept_beyond_the_end_of_time_is_kept_until_then() {
    let job = Job { retention_days: u32::MAX, ..job(JobStatus::Running) };
    let stored = JobEvent::Stored { file: file(&job), row_count: 3, recipients: vec![] };
    assert_eq!(job.apply(&stored, now()).expect("legal").job.expires_at, Some(Timestamp::MAX));
}

#[test]
fn to_wait_for_a_database_uses_up_no_attempt_for_half_a_day() {
    let (soon, late) = (SignedDuration::from_hours(11), SignedDuration::from_hours(13));
    for (code, after, used) in [
        (&codes::source::UNREACHABLE, soon, 0),
        (&codes::source::BUSY, soon, 0),
        (&codes::source::BUSY, late, 1),
        (&codes::source::BROKEN, soon, 1),
    ] {
        let event = JobEvent::AttemptFailed { failure: Failure::from(&Error::new(code, "db")), retry_at: now() };
        let failed = job(JobStatus::Running).apply(&event, now() + after).expect("legal").job;
        assert_eq!((failed.failed_attempts, failed.used_attempts()), (1, used), "{}", code.id);
    }
}

#[test]
fn an_attempt_starts_once() {
    let mut job = job(JobStatus::Running);
    job.attempts = 2;
    assert!(job.apply(&JobEvent::Started { attempt: 2, worker: "late".to_owned() }, now()).is_err());
    assert!(job.apply(&JobEvent::Started { attempt: 3, worker: "next".to_owned() }, now()).is_ok());
}

#[test]
fn terminal_jobs_leave_nothing_in_the_store() {
    for (status, event) in [
        (JobStatus::Running, JobEvent::Failed { failure: failure() }),
        (JobStatus::Running, JobEvent::Cancelled),
        (JobStatus::Succeeded, JobEvent::Expired { deleted: true }),
    ] {
        let made = job(status).apply(&event, now()).expect("legal");
        assert!(made.tasks.iter().any(|task| matches!(task.work, Work::Purge(_))), "{}", event.name());
    }
}

/// Whoever asked was told that it is being cancelled: nothing is delivered, and nothing tried again.
#[test]
fn a_cancellation_outlives_the_end_of_its_attempt() {
    let running = job(JobStatus::Running).apply(&JobEvent::CancelRequested, now()).expect("legal").job;
    for event in [
        JobEvent::Stored { file: file(&running), row_count: 3, recipients: vec![] },
        JobEvent::AttemptFailed { failure: failure(), retry_at: now() },
    ] {
        let made = running.apply(&event, now()).expect("legal");
        assert_eq!((made.job.status, made.job.finished_at), (JobStatus::Cancelled, Some(now())), "{}", event.name());
        assert_eq!((made.job.file, made.job.expires_at, made.job.retry_at), (None, None, None));
        assert!(made.deliveries.is_empty());
        let works: Vec<_> = made.tasks.into_iter().map(|task| task.work).collect();
        assert_eq!(works, [Work::Purge(running.id.clone())]);
        assert_eq!(made.announcement.expect("it is told").event, EventKind::ReportCancelled);
    }
}

#[test]
fn the_whole_table_of_delivery_moves() {
    use DeliveryStatus::{Delivered, Failed, Pending, Sending};
    let job = job(JobStatus::Running);
    let intent =
        Intent { temporary_path: ".a.part".to_owned(), final_path: "a".to_owned(), account: "u@h:22".to_owned() };
    let receipt = Receipt {
        certainty: crate::receipt::Certainty::Verified,
        url: "sftp://h:22".to_owned(),
        remote_path: "a".to_owned(),
        size: 10,
        sha256: String::new(),
        host_key: String::new(),
        algorithms: String::new(),
        bytes_sent: 10,
        started_at: now(),
        delivered_at: now(),
    };
    let events = [
        DeliveryEvent::Created,
        DeliveryEvent::Started { attempt: 1, worker: "w".to_owned() },
        DeliveryEvent::Intended { intent },
        DeliveryEvent::IntentWithdrawn,
        DeliveryEvent::Delivered { receipt },
        DeliveryEvent::AttemptFailed { failure: failure(), retry_at: now() },
        DeliveryEvent::Failed { failure: failure() },
    ];
    let table = [
        (Pending, [None, Some(Sending), None, None, None, None, Some(Failed)]),
        (Sending, [None, Some(Sending), Some(Sending), Some(Sending), Some(Delivered), Some(Pending), Some(Failed)]),
        (Delivered, [None; 7]),
        (Failed, [None; 7]),
    ];
    for (status, expected) in table {
        let mut delivery = Delivery::pending(&job, file(&job), job.request.deliver_to[0].clone(), now()).0;
        delivery.status = status;
        for (event, expected) in events.iter().zip(expected) {
            assert_eq!(
                delivery.apply(event, now()).ok().map(|next| next.status),
                expected,
                "{status:?} with {}",
                event.name()
            );
        }
    }
}

use crate::receipt::Receipt;

#[test]
fn an_interrupted_intent_survives_the_next_start() {
    let job = job(JobStatus::Running);
    let delivery = Delivery::pending(&job, file(&job), job.request.deliver_to[0].clone(), now()).0;
    let start = |attempt| DeliveryEvent::Started { attempt, worker: "w".to_owned() };
    let intent =
        Intent { temporary_path: ".a.part".to_owned(), final_path: "a".to_owned(), account: "u@h:22".to_owned() };
    let delivery = delivery.apply(&start(1), now()).expect("legal");
    let delivery = delivery.apply(&DeliveryEvent::Intended { intent: intent.clone() }, now()).expect("legal");
    let delivery = delivery.apply(&start(2), now()).expect("legal");
    assert_eq!(delivery.intent, Some(intent));
}
