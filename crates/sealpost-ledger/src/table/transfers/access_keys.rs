//! Access keys as items of a list: each caller is looked up in it by id.

use sealpost_core::access_key::AccessKey;
use sealpost_core::error::codes;
use sealpost_core::id::AccessKeyId;
use sealpost_core::port::Edit;
use sealpost_core::{Error, Result};

use super::super::{Key, Step, TableLedger, shards};

const ALL: &str = "access-keys";

pub(super) fn record(id: &AccessKeyId) -> Key {
    Key::new(shards::of(ALL, id.as_str()), id.as_str())
}

/// All, newest first.
pub(super) async fn all(ledger: &TableLedger) -> Result<Vec<AccessKey>> {
    let mut keys: Vec<AccessKey> = ledger.whole_list(ALL).await?;
    keys.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    Ok(keys)
}

/// Stores a new one. One that is there is never replaced: that would bring a revoked key back.
pub(super) async fn create(step: &mut Step, key: &AccessKey) -> Result<()> {
    let place = record(&key.id);
    if step.get::<AccessKey>(&place).await?.is_some() {
        return Err(Error::new(&codes::request::CHANGED_MEANWHILE, format!("there is an access key {}", key.id)));
    }
    step.put(&place, key)
}

/// Loads, changes and stores.
pub(super) async fn edit(step: &mut Step, id: &AccessKeyId, edit: &Edit<AccessKey>) -> Result<Option<AccessKey>> {
    let Some(before) = step.get::<AccessKey>(&record(id)).await? else { return Ok(None) };
    // An edit changes what a record says, never which key it is: the salt is where its secret half comes from.
    let (salt, created_at) = (before.salt.clone(), before.created_at);
    let after = AccessKey { id: id.clone(), salt, created_at, ..edit(before)? };
    step.put(&record(id), &after)?;
    Ok(Some(after))
}
