//! The webhooks of a partner: few, so that they are one item. Its version guards their number, and what is announced to
//! them.

use sealpost_core::error::codes;
use sealpost_core::id::{PartnerId, WebhookId};
use sealpost_core::port::Edit;
use sealpost_core::webhook::Webhook;
use sealpost_core::{Error, Result};

use super::{Key, Step, partners, removal};

pub(super) fn key(partner: &PartnerId) -> Key {
    Key::new(partners::partition(partner), "webhooks")
}

/// Those of a partner, oldest first.
pub(super) async fn of_partner(step: &mut Step, partner: &PartnerId) -> Result<Vec<Webhook>> {
    Ok(step.peek(&key(partner)).await?.unwrap_or_default())
}

/// The same, which have to be the same when the step is written.
pub(super) async fn held(step: &mut Step, partner: &PartnerId) -> Result<Vec<Webhook>> {
    Ok(step.get(&key(partner)).await?.unwrap_or_default())
}

pub(super) async fn find(step: &mut Step, partner: &PartnerId, id: &WebhookId) -> Result<Option<Webhook>> {
    Ok(of_partner(step, partner).await?.into_iter().find(|webhook| webhook.id == *id))
}

/// Stores a new one, unless there are enough.
pub(super) async fn create(step: &mut Step, webhook: &Webhook, most: u32) -> Result<()> {
    partners::must_exist(step, &webhook.partner).await?;
    let mut webhooks = held(step, &webhook.partner).await?;
    let there = webhooks.len();
    if there >= most as usize {
        return Err(Error::new(&codes::request::TOO_MANY, format!("there are {there} webhooks; {most} are allowed")));
    }
    webhooks.push(webhook.clone());
    webhooks.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    step.put(&key(&webhook.partner), &webhooks)
}

/// Loads, changes and stores.
pub(super) async fn edit(
    step: &mut Step,
    partner: &PartnerId,
    id: &WebhookId,
    edit: &Edit<Webhook>,
) -> Result<Option<Webhook>> {
    let mut webhooks = held(step, partner).await?;
    let Some(place) = webhooks.iter_mut().find(|webhook| webhook.id == *id) else { return Ok(None) };
    // An edit changes what a record says, never which one it is.
    let created_at = place.created_at;
    let after = Webhook { id: id.clone(), partner: partner.clone(), created_at, ..edit(place.clone())? };
    *place = after.clone();
    step.put(&key(partner), &webhooks)?;
    Ok(Some(after))
}

/// Takes it away, and notes that its notifications have to go.
pub(super) async fn remove(step: &mut Step, partner: &PartnerId, id: &WebhookId) -> Result<bool> {
    let mut webhooks = held(step, partner).await?;
    let before = webhooks.len();
    webhooks.retain(|webhook| webhook.id != *id);
    if webhooks.len() == before {
        return Ok(false);
    }
    step.put(&key(partner), &webhooks)?;
    removal::begin_webhook(step, id)?;
    Ok(true)
}
