//! Functions of AWS Lambda.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Functions of AWS Lambda.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LambdaBlock {
    /// The path that a custom domain maps to the API, such as `/reporting`. Needed where the gateway's routes don't name the
    /// paths below it. None when empty.
    pub(crate) base_path: String,
    /// Whether the function `api` believes what the gateway's authorizer says of the caller, instead of looking at its credentials
    /// once more: `sealpost lambda authorizer`, or an authorizer for access tokens of a configured issuer. Only where every way
    /// to the function leads through it. `false`.
    pub(crate) trust_authorizer: bool,
    /// How many seconds before its time is over the function `worker` hands back what it works on; at most half of the time. 20.
    pub(crate) worker_margin_s: u64,
}

impl Default for LambdaBlock {
    fn default() -> Self {
        Self { base_path: String::new(), trust_authorizer: false, worker_margin_s: 20 }
    }
}
