//! The behaviour suite over MariaDB with bells on SQS: the same promises, whoever rings.

use std::sync::Arc;

use sealpost_ledger::sqs::SqsSettings;
use sealpost_ledger::{LedgerParts, find};
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::ledger::Ports;
use serde_json::json;

use crate::secrets::OnePassword;

async fn fresh() -> Ports {
    let variable =
        |name: &str| ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&name).then(|| "test".to_owned());
    let options = crate::mysql::options();
    let parts = LedgerParts { secrets: Arc::new(OnePassword::default()), variable: &variable };
    let set = (find("mysql").unwrap().build)(options.as_object().unwrap(), &parts).await.unwrap();

    let made = Moto::lasting().call("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": options["database"] }));
    let url = made["QueueUrl"].as_str().unwrap().to_owned();
    let settings = SqsSettings { url, region: Some(REGION.to_owned()), endpoint: None };
    crate::ports(set.with_bells(&settings, &variable).unwrap())
}

mod mysql {
    sealpost_testkit::ledger_suite!(crate::bells::fresh);
}
