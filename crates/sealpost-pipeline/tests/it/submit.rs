//! A request that is repeated, though it would be refused by now.

use sealpost_core::error::codes;
use sealpost_core::partner::Partner;
use sealpost_core::port::{Admission, Admitted};
use sealpost_pipeline::Ask;
use sealpost_testkit::suite::ledger::records::sample_partner;
use sealpost_testkit::suite::ledger::{admission, refused};
use sha2::{Digest, Sha256};

use crate::rig::{Rig, Wish};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gives_its_report_though_it_would_be_refused_by_now() {
    // There is no report type in its catalogue any more.
    let rig = Rig::idle(Wish::default()).await;
    let acme = sample_partner("acme");
    let ask = Ask { report_type: "contracts.v1".to_owned(), ..Ask::default() };
    let request = r#"{"deliver":null,"format":null,"format_options":{},"parameters":{},"report_type":"contracts.v1"}"#;
    let idempotency = Some(("key".to_owned(), hex::encode(Sha256::digest(request))));
    let asked = Admission { idempotency, ..admission("acme") };
    let Admitted::New(job) = rig.pipeline.parts().ledger.admit(asked).await.unwrap() else { panic!("replayed") };

    assert_eq!(rig.pipeline.submit(&acme, &ask, Some("key")).await.unwrap(), Admitted::Replayed(job));
    let unknown = &codes::request::UNKNOWN_REPORT_TYPE;
    refused(rig.pipeline.submit(&acme, &ask, Some("another")).await, unknown);
    refused(rig.pipeline.submit(&acme, &ask, None).await, unknown);
    let other = Ask { deliver: Some(false), ..ask.clone() };
    refused(rig.pipeline.submit(&acme, &other, Some("key")).await, unknown);
    let disabled = Partner { enabled: false, ..acme };
    refused(rig.pipeline.submit(&disabled, &ask, Some("key")).await, &codes::request::PARTNER_DISABLED);
}
