//! Files that are deleted while somebody is about to use them.

use jiff::Timestamp;
use sealpost_core::delivery::DeliveryStatus;
use sealpost_core::error::codes;
use sealpost_core::job::{Job, JobEvent};
use sealpost_core::task::WorkKind;
use sealpost_pipeline::Worked;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};
use sealpost_testkit::suite::ledger::{admission, refused, started, stored};
use tokio_util::sync::CancellationToken;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_file_is_deleted_meanwhile_is_cancelled() {
    let rig = beside(First::Event(JobEvent::Expired { deleted: true }), "delivery started").await;
    let parts = rig.pipeline.parts();
    parts.records.put_partner(&sample_partner("acme")).await.unwrap();
    let mut connector = sample_connector("acme", "main");
    connector.settings.host = "127.0.0.1".to_owned();
    parts.records.put_connector(&connector).await.unwrap();
    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector.id];
    let job = admitted(&rig, asked).await;
    produced(&rig, &job).await;
    let worked = rig.pipeline.work_one(&[WorkKind::Deliver], &CancellationToken::new()).await.unwrap();
    assert_eq!(worked, Worked::Task);
    let delivery = parts.ledger.deliveries(&job.id).await.unwrap().remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Failed, 1), "{delivery:#?}");
    assert_eq!(delivery.failure.unwrap().code, codes::deliver::CANCELLED.id);
}
