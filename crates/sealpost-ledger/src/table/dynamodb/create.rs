//! Making the table, for trials and tests.

use std::time::Duration;

use sealpost_aws::{Client, Fault};
use serde_json::{Value as Json, json};

/// Makes the table unless it is there, and waits until it can be used.
pub(super) async fn table(client: &Client, name: &str) -> Result<(), Fault> {
    let key = |attribute: &str, kind: &str| json!({ "AttributeName": attribute, "KeyType": kind });
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let input = json!({
        "TableName": name,
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        "AttributeDefinitions": [attribute("pk"), attribute("sk")],
        "BillingMode": "PAY_PER_REQUEST",
    });
    match client.call::<_, Json>("CreateTable", &input).await {
        Ok(_) => {}
        // Somebody else has made it, or makes it.
        Err(fault) if fault.is("ResourceInUseException") => {}
        Err(fault) => return Err(fault),
    }
    for _ in 0..120 {
        let table: Json = client.call("DescribeTable", &json!({ "TableName": name })).await?;
        if table["Table"]["TableStatus"] == "ACTIVE" {
            let input = json!({
                "TableName": name,
                "TimeToLiveSpecification": { "AttributeName": "ttl", "Enabled": true },
            });
            return match client.call::<_, Json>("UpdateTimeToLive", &input).await {
                Ok(_) => Ok(()),
                // It is on already.
                Err(fault) if fault.is("ValidationException") => Ok(()),
                Err(fault) => Err(fault),
            };
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(Fault::Answer(format!("the table {name} was not made within a minute")))
}
