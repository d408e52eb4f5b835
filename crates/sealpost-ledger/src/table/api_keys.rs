//! API keys as items: by id, where each request looks, and in a list of their partner.

use sealpost_core::Result;
use sealpost_core::id::{ApiKeyId, PartnerId};
use sealpost_core::partner::ApiKey;
use sealpost_core::port::Edit;

use super::{Key, Step, pages, partners};

/// What the sort keys of a partner's API keys begin with.
pub(super) const PREFIX: &str = "key#";

/// Most dead keys that go when a new one is made: all of it is one write. More go with the next ones.
const MOST_DISPLACED: usize = 20;

fn record(id: &ApiKeyId) -> Key {
    Key::new(format!("api-key#{id}"), "record")
}

fn listed(key: &ApiKey) -> Key {
    let place = pages::place(key.created_at, key.id.as_str());
    Key::new(partners::partition(&key.partner), format!("{PREFIX}{place}"))
}

/// A key, as long as its partner is there.
pub(super) async fn find(step: &mut Step, id: &ApiKeyId) -> Result<Option<ApiKey>> {
    let Some(key) = step.peek::<ApiKey>(&record(id)).await? else { return Ok(None) };
    Ok(partners::find(step, &key.partner).await?.map(|_| key))
}

/// How many keys a partner was given: written with each, so that of two who count the keys at once one counts again.
pub(super) fn given(partner: &PartnerId) -> Key {
    Key::new(partners::partition(partner), "api-keys")
}

/// Guards that no other key is made beside. To be called before the keys are read.
pub(super) async fn begin(step: &mut Step, partner: &PartnerId) -> Result<()> {
    partners::must_exist(step, partner).await?;
    let given = given(partner);
    let before: u64 = step.get(&given).await?.unwrap_or_default();
    step.put(&given, &(before + 1))
}

/// Stores a new one beside those that are there, newest first, unless enough of them work.
pub(super) async fn create(step: &mut Step, key: &ApiKey, there: Vec<ApiKey>, most: u32) -> Result<()> {
    for gone in key.displaces(there, most)?.iter().take(MOST_DISPLACED) {
        remove(step, gone);
    }
    store(step, key).await
}

/// Creates or replaces.
pub(super) async fn store(step: &mut Step, key: &ApiKey) -> Result<()> {
    partners::must_exist(step, &key.partner).await?;
    if let Some(before) = step.get::<ApiKey>(&record(&key.id)).await? {
        step.delete(&listed(&before));
    }
    step.put(&record(&key.id), key)?;
    step.put(&listed(key), key)
}

/// Loads, changes and stores.
pub(super) async fn edit(step: &mut Step, id: &ApiKeyId, edit: &Edit<ApiKey>) -> Result<Option<ApiKey>> {
    let Some(before) = step.get::<ApiKey>(&record(id)).await? else { return Ok(None) };
    if partners::held(step, &before.partner).await?.is_none() {
        return Ok(None);
    }
    // An edit changes what a record says, never which one it is.
    let (partner, sha256) = (before.partner.clone(), before.sha256.clone());
    let after = ApiKey { id: id.clone(), partner, sha256, ..edit(before)? };
    store(step, &after).await?;
    Ok(Some(after))
}

/// Removes it with its place in the list.
pub(super) fn remove(step: &mut Step, key: &ApiKey) {
    step.delete(&record(&key.id));
    step.delete(&listed(key));
}
