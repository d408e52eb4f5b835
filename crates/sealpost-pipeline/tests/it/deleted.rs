//! Files that are deleted while somebody is about to use them.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::job::{Job, JobEvent};
use sealpost_testkit::suite::ledger::records::sample_partner;
use sealpost_testkit::suite::ledger::{admission, refused, started, stored};

use crate::hasty::{First, NEXT_LOOK};
use crate::rig::Rig;
use crate::worker::{admitted, beside};

/// Takes a report to `succeeded`, with a file that the store does not have.
async fn produced(rig: &Rig, job: &Job) {
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
