//! The ledger in moto's DynamoDB.

use std::sync::Arc;

use sealpost_ledger::{LedgerParts, find};
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::ledger::Ports;
use serde_json::{Value as Json, json};

use crate::secrets::OnePassword;

/// The options of a ledger in a table of its own, in the server that all tests share.
pub(crate) fn options() -> Json {
    json!({
        "table": format!("t{:032x}", rand::random::<u128>()), "region": REGION, "endpoint": Moto::lasting().endpoint(),
        "create": true, "shards": 1,
    })
}

/// Opens a ledger by its options, by connections of its own.
pub(crate) async fn opened(options: &Json) -> Ports {
    let variable = |name: &str| name.starts_with("AWS_").then(|| "test".to_owned());
    let parts = LedgerParts { secrets: Arc::new(OnePassword::default()), variable: &variable };
    let set = (find("dynamodb").unwrap().build)(options.as_object().unwrap(), &parts).await.unwrap();
    crate::ports(set)
}

async fn fresh() -> Ports {
    opened(&options()).await
}

sealpost_testkit::ledger_suite!(super::fresh);
