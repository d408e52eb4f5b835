//! Tags of connectors. Keys that begin with `sealpost:` are settings: see [`setting`].

use std::collections::BTreeSet;

use sealpost_core::transfer::{TransferConnector, TransferTag};
use serde_json::{Value as Json, json};

use super::members::Members;
use super::refusal::{Refusal, Result};

pub(super) mod list;
pub(super) mod setting;
pub(super) mod tag;
pub(super) mod untag;

/// Most tags of a resource.
pub(super) const MOST: usize = 50;
/// Keys that AWS keeps for itself.
const RESERVED: &str = "aws:";

/// The member `Tags`; empty where there is none.
pub(super) fn read(input: &Members<'_>) -> Result<Vec<TransferTag>> {
    let mut tags = Vec::new();
    let mut keys = BTreeSet::new();
    for members in input.objects("Tags", 1..=MOST)?.unwrap_or_default() {
        let (key, value) = (members.required("Key", 1..=128)?, members.required("Value", 0..=256)?);
        if key.starts_with(RESERVED) {
            return Err(Refusal::invalid("Tag keys that begin with `aws:` are reserved."));
        }
        if !keys.insert(key) {
            return Err(Refusal::invalid("A tag key is there more than once."));
        }
        if key.chars().chain(value.chars()).any(char::is_control) {
            return Err(Refusal::invalid("Tags have no control characters."));
        }
        tags.push(TransferTag { key: key.to_owned(), value: value.to_owned() });
    }
    Ok(tags)
}

/// A connector's tags as answers have them. A partner's says whose it is.
pub(super) fn shown(connector: &TransferConnector) -> Vec<Json> {
    let own = connector.tags.iter().map(|tag| json!({"Key": tag.key, "Value": tag.value}));
    let partner = connector.partner.as_ref().map(|id| json!({"Key": "sealpost:partner", "Value": id}));
    own.chain(partner).collect()
}
