//! The behaviour suite over MariaDB with bells on SQS: the same promises, whoever rings.

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_ledger::sqs::SqsSettings;
use sealpost_ledger::{LedgerParts, LedgerSet, find};
use sealpost_testkit::mariadb::{MariaDb, PASSWORD, USER};
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::ledger::Ports;
use serde_json::json;

struct Known;

#[async_trait]
impl SecretStore for Known {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        Ok(Secret::new(PASSWORD.as_bytes().to_vec()))
    }
}

fn variable(name: &str) -> Option<String> {
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&name).then(|| "test".to_owned())
}

async fn mysql_with_sqs() -> Ports {
    let server = MariaDb::lasting();
    let database = server.database();
    let options = json!({
        "host": "127.0.0.1", "port": server.port(), "database": database, "user": USER, "password": "env:X",
    });
    let parts = LedgerParts { secrets: Arc::new(Known), variable: &variable };
    let set = (find("mysql").unwrap().build)(options.as_object().unwrap(), &parts).await.unwrap();

    let queue = json!({ "QueueName": database });
    let url = Moto::lasting().call("sqs", "AmazonSQS.CreateQueue", &queue)["QueueUrl"].as_str().unwrap().to_owned();
    let set = set.with_bells(&SqsSettings { url, region: Some(REGION.to_owned()), endpoint: None }, &variable).unwrap();
    let LedgerSet { ledger, records, queue, usage, outbox, changes, transfers, .. } = set;
    Ports { ledger, records, queue, usage, outbox, changes, transfers, keep: Arc::new(()) }
}

mod mysql {
    sealpost_testkit::ledger_suite!(super::mysql_with_sqs);
}
