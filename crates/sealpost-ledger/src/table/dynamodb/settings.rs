//! What `sealpost.toml` says about a ledger in DynamoDB.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table in Amazon DynamoDB, for functions and several machines: partition key `pk`, sort key `sk` (both strings), time to
/// live in `ttl`. The role needs `dynamodb:GetItem`, `BatchGetItem`, `Query`, `PutItem`, `DeleteItem` and `ConditionCheckItem` on it.
/// Credentials come from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DynamoDbSettings {
    /// The table's name.
    #[schemars(length(min = 3, max = 255))]
    pub(crate) table: String,
    /// Its region; `AWS_REGION` of the environment when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// The service's address: for an emulator, or a private endpoint. From the environment or the region when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// Whether the table is made when it is missing: for trials and tests. A table for work is made by Terraform, with
    /// backups. False when not given.
    #[serde(default)]
    pub(crate) create: bool,
    /// In how many partitions the tasks of one kind, and the jobs of one day, are kept; 4 when not given. Each takes about 100
    /// tasks in a second. It may be raised at any time, in all processes together: those with a lower number don't see all.
    /// Never lower it: tasks would wait for ever, and lists of all reports would lack old ones.
    #[serde(default = "default_shards")]
    #[schemars(range(min = 1, max = 64))]
    pub(crate) shards: u32,
}

fn default_shards() -> u32 {
    4
}
