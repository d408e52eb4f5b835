//! Processes of different catalogues and versions on one ledger, as there are while they are restarted one after the other.

use jiff::SignedDuration;
use sealpost_core::delivery::{Delivery, DeliveryStatus};
use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_core::job::{Job, JobStatus};
use sealpost_core::partner::{Grant, Partner};
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::task::{Work, WorkKind};
use sealpost_core::webhook::EventKind;
use sealpost_pipeline::{Ask, Pipeline, Worked};
use sealpost_testkit::suite::ledger::admission;
use sealpost_testkit::suite::ledger::webhooks::sample_webhook;
use tokio_util::sync::CancellationToken;

use crate::begun::meddle;
use crate::rig::{Rig, id};

/// What a newer version may write: members that this one does not know.
const NEWER: [&str; 2] = [
    "UPDATE connectors SET record = json_set(record, '$.settings.newer', 1)",
    "UPDATE partners SET record = json_set(record, '$.limits.newer', 1)",
];
const AS_BEFORE: [&str; 2] = [
    "UPDATE connectors SET record = json_remove(record, '$.settings.newer')",
    "UPDATE partners SET record = json_remove(record, '$.limits.newer')",
];

/// An event that this version does not know, and as it was.
const NEWER_EVENT: &str = "UPDATE webhooks SET record = json_set(record, '$.events[0]', 'report.newer')";
const KNOWN_EVENT: &str = "UPDATE webhooks SET record = json_set(record, '$.events[0]', 'report.succeeded')";

/// Works on one task of this kind.
async fn work(pipeline: &Pipeline, kind: WorkKind) {
    assert_eq!(pipeline.work_one(&[kind], &CancellationToken::new()).await.unwrap(), Worked::Task);
}

async fn job(rig: &Rig, id: &JobId) -> Job {
    rig.pipeline.parts().ledger.job_of_any_partner(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_report_type_that_only_a_newer_process_knows_is_left_to_it() {
    let older = Rig::idle().await;
    let catalogue = older.folder.path().join("catalogue");
    let write = |name: &str, text: &str| std::fs::write(catalogue.join(name), text).unwrap();
    write("begun.v1.toml", "title = \"Begun\"\n[scope]\ntype = \"integer\"\n");
    write("begun.v1.sql", "SELECT id, begun FROM contract WHERE partner = :partner_scope ORDER BY id\n");
    let (newer, _) = older.another().await;
    let grant = |mut partner: Partner| {
        partner.grants.push(Grant { report: "begun.v1".parse().unwrap(), formats: Vec::new() });
        Ok(partner)
    };
    let acme = newer.parts().records.edit_partner(&"acme".parse().unwrap(), &grant).await.unwrap().unwrap();
    let ask = Ask { report_type: "begun.v1".to_owned(), deliver: Some(false), ..Ask::default() };
    let Admitted::New(asked) = newer.submit(&acme, &ask, None).await.unwrap() else { panic!("replayed") };

    work(&older.pipeline, WorkKind::Produce).await;
    assert_eq!(job(&older, &asked.id).await, asked, "nothing was begun");
    // It would wait for some seconds.
    assert!(newer.parts().queue.hurry(&Work::Produce(asked.id.clone())).await.unwrap());
    work(&newer, WorkKind::Produce).await;
    let made = job(&older, &asked.id).await;
    assert_eq!((made.status, made.attempts), (JobStatus::Succeeded, 1), "{made:#?}");
}

#[tokio::test]
async fn a_report_that_nobody_knows_is_left_to_others_for_a_while_only() {
    let rig = Rig::idle().await;
    let asked = |report_type: &str, format: &str, ago: SignedDuration| {
        let mut asked = admission("acme");
        asked.request.report_type = report_type.parse().unwrap();
        format.clone_into(&mut asked.request.format);
        Admission { now: asked.now - ago, ..asked }
    };
    let ledger = &rig.pipeline.parts().ledger;
    for (report_type, format, code) in [
        ("unheard-of.v1", "csv", &codes::config::INVALID),
        ("contracts.v1", "unheard-of", &codes::request::UNKNOWN_FORMAT),
    ] {
        for (ago, status) in [(1, JobStatus::Queued), (30, JobStatus::Failed)] {
            let asked = asked(report_type, format, SignedDuration::from_mins(ago));
            let id = asked.id.clone();
            ledger.admit(asked).await.unwrap();
            work(&rig.pipeline, WorkKind::Produce).await;
            let job = job(&rig, &id).await;
            assert_eq!(job.status, status, "{job:#?}");
            let failure = job.failure.map(|failure| failure.code);
            assert_eq!(failure.as_deref(), (status == JobStatus::Failed).then_some(code.id));
        }
    }
}

/// Acme's next report.
async fn asked(rig: &Rig) -> JobId {
    id(&rig.contracts(&rig.acme).await).parse().unwrap()
}

async fn delivery(rig: &Rig, job: &JobId) -> Delivery {
    rig.pipeline.parts().ledger.deliveries(job).await.unwrap().remove(0)
}

/// Gives Acme a webhook.
async fn hook(rig: &Rig) {
    let webhook = sample_webhook("acme", &[EventKind::ReportSucceeded]);
    rig.pipeline.parts().outbox.create_webhook(&webhook, 1).await.unwrap();
}

#[tokio::test]
async fn what_only_a_newer_process_can_read_waits_for_it() {
    waits(&NEWER, &AS_BEFORE).await;
}

#[tokio::test]
async fn a_webhook_that_only_a_newer_process_can_read_is_waited_for_before_the_work() {
    waits(&[NEWER_EVENT], &[KNOWN_EVENT]).await;
}

async fn waits(newer: &[&'static str], as_before: &[&'static str]) {
    let rig = Rig::idle().await;
    hook(&rig).await;
    let queue = &rig.pipeline.parts().queue;
    let produced = asked(&rig).await;
    work(&rig.pipeline, WorkKind::Produce).await;
    let waiting = asked(&rig).await;
    for &statement in newer {
        meddle(&rig, statement).await;
    }
    work(&rig.pipeline, WorkKind::Deliver).await;
    work(&rig.pipeline, WorkKind::Produce).await;
    assert_eq!(queue.dead(10).await.unwrap(), []);
    let (sent, made) = (delivery(&rig, &produced).await, job(&rig, &waiting).await);
    assert_eq!((sent.status, sent.attempts), (DeliveryStatus::Pending, 0), "{sent:#?}");
    assert_eq!((made.status, made.attempts), (JobStatus::Queued, 0), "{made:#?}");

    // They are tried again in a minute.
    for &statement in as_before {
        meddle(&rig, statement).await;
    }
    for task in [Work::Deliver(sent.id), Work::Produce(waiting.clone())] {
        assert!(queue.hurry(&task).await.unwrap(), "{task:?} is gone");
        work(&rig.pipeline, task.kind()).await;
    }
    assert_eq!(delivery(&rig, &produced).await.status, DeliveryStatus::Delivered);
    assert_eq!(job(&rig, &waiting).await.status, JobStatus::Succeeded);
}

/// What an attempt has made is not made again every minute.
#[tokio::test]
async fn a_webhook_that_cannot_be_read_any_more_after_the_work_is_no_reason_to_do_it_again() {
    let rig = Rig::idle().await;
    let queue = &rig.pipeline.parts().queue;
    hook(&rig).await;
    let produced = asked(&rig).await;
    work(&rig.pipeline, WorkKind::Produce).await;
    let begun = asked(&rig).await;
    let sent = delivery(&rig, &produced).await.id;
    // A newer process changes the webhook while the attempt is under way.
    for (trigger, task) in [
        (
            "CREATE TRIGGER newer_than_report AFTER UPDATE ON jobs WHEN NEW.status = 'running' BEGIN
             UPDATE webhooks SET record = json_set(record, '$.events[0]', 'report.newer'); END",
            Work::Produce(begun.clone()),
        ),
        (
            "CREATE TRIGGER newer_than_delivery AFTER UPDATE ON deliveries WHEN NEW.status = 'sending' BEGIN
             UPDATE webhooks SET record = json_set(record, '$.events[0]', 'report.newer'); END",
            Work::Deliver(sent),
        ),
    ] {
        meddle(&rig, trigger).await;
        work(&rig.pipeline, task.kind()).await;
        assert!(!queue.hurry(&task).await.unwrap(), "{task:?} waits to be done again");
        let dead = queue.dead(10).await.unwrap().into_iter().find(|dead| dead.work == task);
        let reason = dead.unwrap().reason;
        assert!(reason.starts_with(codes::ledger::CORRUPT.id), "{reason}");
        meddle(&rig, KNOWN_EVENT).await;
    }
    assert_eq!((job(&rig, &begun).await.attempts, delivery(&rig, &produced).await.attempts), (1, 1));
}

/// Its secret is gone since the destination was changed; that it was can't be read.
#[tokio::test]
async fn a_destination_that_a_newer_process_changes_while_an_attempt_begins_is_waited_for() {
    let rig = Rig::idle().await;
    let queue = &rig.pipeline.parts().queue;
    let produced = asked(&rig).await;
    work(&rig.pipeline, WorkKind::Produce).await;
    for statement in [
        "UPDATE connectors SET record = json_set(record, '$.settings.directory', 'secretless')",
        "CREATE TRIGGER newer_than_delivery AFTER UPDATE ON deliveries WHEN NEW.status = 'sending' BEGIN
         UPDATE connectors SET record = json_set(record, '$.settings.newer', 1); END",
    ] {
        meddle(&rig, statement).await;
    }
    work(&rig.pipeline, WorkKind::Deliver).await;
    assert_eq!(queue.dead(10).await.unwrap(), []);
    let sent = delivery(&rig, &produced).await;
    assert_eq!((sent.status, sent.attempts), (DeliveryStatus::Sending, 1), "{sent:#?}");

    for statement in [
        "DROP TRIGGER newer_than_delivery",
        "UPDATE connectors SET record = json_set(record, '$.settings.directory', 'new')",
        AS_BEFORE[0],
        // As after the pause.
        "UPDATE tasks SET ready_at = 0",
    ] {
        meddle(&rig, statement).await;
    }
    work(&rig.pipeline, WorkKind::Deliver).await;
    assert_eq!(delivery(&rig, &produced).await.status, DeliveryStatus::Delivered);
}

#[tokio::test]
async fn what_nobody_can_read_is_given_up_in_the_end() {
    let rig = Rig::idle().await;
    let produced = asked(&rig).await;
    work(&rig.pipeline, WorkKind::Produce).await;
    let waiting = asked(&rig).await;
    for statement in NEWER {
        meddle(&rig, statement).await;
    }
    // As after a day.
    meddle(&rig, "UPDATE tasks SET epoch = 1439").await;
    work(&rig.pipeline, WorkKind::Deliver).await;
    work(&rig.pipeline, WorkKind::Produce).await;
    let dead = rig.pipeline.parts().queue.dead(10).await.unwrap().remove(0);
    assert_eq!(dead.work, Work::Deliver(delivery(&rig, &produced).await.id));
    let failed = job(&rig, &waiting).await;
    assert_eq!(failed.status, JobStatus::Failed, "{failed:#?}");
    assert_eq!(failed.failure.unwrap().code, codes::ledger::CORRUPT.id);
}
