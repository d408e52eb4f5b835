//! The table in moto's DynamoDB.

use std::sync::Arc;

use sealpost_testkit::moto::{Moto, REGION};
use serde_json::json;

use super::super::Table;
use super::super::suite::table_suite;
use super::{DynamoDbSettings, DynamoDbTable, client};

async fn fresh() -> Arc<dyn Table> {
    let moto = Moto::lasting();
    let name = format!("t{:032x}", rand::random::<u128>());
    let settings = json!({ "table": name, "region": REGION, "endpoint": moto.endpoint(), "create": true });
    let settings: DynamoDbSettings = serde_json::from_value(settings).unwrap();
    let client = client(&settings, &|name| name.starts_with("AWS_").then(|| "test".to_owned())).unwrap();
    Arc::new(DynamoDbTable::open(&settings, client).await.unwrap())
}

mod moto {
    super::table_suite!(super::fresh);
}
