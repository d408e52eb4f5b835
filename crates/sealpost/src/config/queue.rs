//! How workers learn of work.

use schemars::JsonSchema;
use sealpost_ledger::sqs::SqsSettings;
use serde::{Deserialize, Serialize};

/// How workers learn of work. The tasks themselves are in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum QueueBlock {
    /// They look at the ledger.
    Ledger(NoSettings),
    /// Messages on Amazon SQS tell them, on other machines too. For a ledger that several machines share.
    Sqs(SqsSettings),
}

/// Nothing beside `kind`. A variant without content would take any member and drop it: serde checks none there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoSettings {}

impl Default for QueueBlock {
    fn default() -> Self {
        Self::Ledger(NoSettings {})
    }
}

impl QueueBlock {
    /// What the types can't say, given the ledger's kind.
    pub(crate) fn problem(&self, ledger: Option<&str>) -> Option<String> {
        let is_for_one = matches!(self, Self::Sqs(_)) && ledger == Some("sqlite");
        is_for_one.then(|| "`sqs` needs a ledger that several machines share: `mysql` or `dynamodb`".to_owned())
    }
}
