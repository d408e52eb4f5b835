//! Files that are deleted while somebody is about to use them.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusBuilder;
use sealpost_core::delivery::DeliveryStatus;
use sealpost_core::error::codes;
use sealpost_core::job::{Job, JobEvent};
use sealpost_core::task::WorkKind;
use sealpost_pipeline::Worked;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};
use sealpost_testkit::suite::ledger::{admission, refused, started, stored};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::hasty::{First, NEXT_LOOK};
use crate::rig::Rig;
use crate::worker::{admitted, beside};

/// Takes a report to `succeeded`, with a file that the store does not have.
pub(crate) async fn produced(rig: &Rig, job: &Job) {
    for event in [started(1), stored(job)] {
        rig.pipeline.parts().ledger.apply(&job.id, &event, None, Timestamp::now()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_deleted_before_it_is_opened_is_gone() {
    let rig = beside(First::Event(JobEvent::Expired { deleted: true }), NEXT_LOOK).await;
    let job = admitted(&rig, admission("acme")).await;
    produced(&rig, &job).await;
    refused(rig.pipeline.file(&sample_partner("acme"), &job.id).await.map(drop), &codes::request::FILE_GONE);
}

/// Keeps level and words of each line of the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 += &format!(" {value:?}");
        }
    }
}

/// Works on the delivery of a report whose file is gone before this event. Gives what was counted and logged.
async fn overtaken(by: JobEvent, before: &'static str) -> (String, Vec<String>) {
    let rig = beside(First::Event(by.clone()), before).await;
    let parts = rig.pipeline.parts();
    parts.records.put_partner(&sample_partner("acme")).await.unwrap();
    let mut connector = sample_connector("acme", "main");
    connector.settings.host = "127.0.0.1".to_owned();
    parts.records.put_connector(&connector).await.unwrap();
    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector.id];
    let job = admitted(&rig, asked).await;
    produced(&rig, &job).await;
    let begun = before == "delivery started";
    if !begun {
        parts.ledger.apply(&job.id, &by, None, Timestamp::now()).await.unwrap();
    }
    let (recorder, lines) = (PrometheusBuilder::new().build_recorder(), Lines::default());
    let (counting, logging) =
        (metrics::set_default_local_recorder(&recorder), tracing::subscriber::set_default(lines.clone()));
    let worked = rig.pipeline.work_one(&[WorkKind::Deliver], &CancellationToken::new()).await.unwrap();
    drop((counting, logging));
    assert_eq!(worked, Worked::Task);
    let delivery = parts.ledger.deliveries(&job.id).await.unwrap().remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Failed, u32::from(begun)), "{delivery:#?}");
    assert_eq!(delivery.failure.unwrap().code, codes::deliver::CANCELLED.id);
    let lines = lines.0.lock().unwrap().clone();
    (recorder.handle().render(), lines)
}

/// Nobody has to act: whoever deleted it wants no delivery.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_file_is_deleted_meanwhile_is_cancelled() {
    for before in ["delivery started", "nothing"] {
        let (counted, lines) = overtaken(JobEvent::Expired { deleted: true }, before).await;
        assert!(counted.contains("sealpost_deliveries_total{outcome=\"cancelled\"} 1"), "{before}: {counted}");
        assert!(!counted.contains("outcome=\"failed\"") && !counted.contains("sealpost_errors_total"), "{counted}");
        assert!(lines.contains(&"INFO delivery cancelled".to_owned()), "{before}: {lines:#?}");
        assert!(!lines.iter().any(|line| line.starts_with("ERROR")), "{before}: {lines:#?}");
    }
}

/// The partner never got it.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_file_expires_meanwhile_has_failed() {
    let (counted, lines) = overtaken(JobEvent::Expired { deleted: false }, "delivery started").await;
    assert!(counted.contains("sealpost_deliveries_total{outcome=\"failed\"} 1"), "{counted}");
    assert!(counted.contains("sealpost_errors_total{code=\"SP-DELIVER-018\"} 1"), "{counted}");
    assert!(lines.contains(&"ERROR delivery failed".to_owned()), "{lines:#?}");
}
