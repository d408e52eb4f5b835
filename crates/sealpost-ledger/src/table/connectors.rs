//! Connectors as items: by id, and in the list of their partner, which is a part of the list of all.

use sealpost_core::connector::Connector;
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, PartnerId};
use sealpost_core::port::Edit;
use sealpost_core::{Error, Result};

use super::{Key, SkRange, Step, partners, shards};

/// The list of all connectors.
pub(super) const ALL: &str = "connectors";

fn record(id: &ConnectorId) -> Key {
    Key::new(format!("connector#{id}"), "record")
}

fn listed(connector: &Connector) -> Key {
    let Connector { id, partner, name, .. } = connector;
    Key::new(list_of(partner), format!("{}{name}#{id}", prefix(partner)))
}

/// The partition in which a partner's connectors are listed.
pub(super) fn list_of(partner: &PartnerId) -> String {
    shards::of(ALL, partner.as_str())
}

/// What their sort keys begin with.
pub(super) fn prefix(partner: &PartnerId) -> String {
    format!("{partner}#")
}

/// A connector, as long as its partner is there.
pub(super) async fn find(step: &mut Step, id: &ConnectorId) -> Result<Option<Connector>> {
    let Some(connector) = step.peek::<Connector>(&record(id)).await? else { return Ok(None) };
    Ok(partners::find(step, &connector.partner).await?.map(|_| connector))
}

/// How many connectors a partner was given by [`create`]: written with each, so that of two who count them at once one counts
/// again.
pub(super) fn given(partner: &PartnerId) -> Key {
    Key::new(partners::partition(partner), "connectors")
}

/// Stores a new one, unless there are enough of its partner.
pub(super) async fn create(step: &mut Step, connector: &Connector, most: u32) -> Result<()> {
    let Connector { id, partner, .. } = connector;
    partners::must_exist(step, partner).await?;
    let before: u64 = step.get(&given(partner)).await?.unwrap_or_default();
    step.put(&given(partner), &(before + 1))?;
    if step.get::<Connector>(&record(id)).await?.is_some() {
        return Err(Error::new(&codes::request::NAME_TAKEN, format!("connector {id}")));
    }
    let range = SkRange::Prefix(prefix(partner));
    let there = step.range::<Connector>(&list_of(partner), range, false, most).await?.len();
    if there >= most as usize {
        return Err(Error::new(&codes::request::TOO_MANY, format!("there are {there} connectors; {most} are allowed")));
    }
    store(step, connector).await
}

/// Creates or replaces, with the limit of its lane.
pub(super) async fn store(step: &mut Step, connector: &Connector) -> Result<()> {
    partners::must_exist(step, &connector.partner).await?;
    let key = record(&connector.id);
    if let Some(before) = step.get::<Connector>(&key).await? {
        step.delete(&listed(&before));
    }
    step.put(&key, connector)?;
    step.put(&listed(connector), connector)?;
    step.set_limit(&connector.id, connector.settings.limits.concurrency).await
}

/// Loads, changes and stores.
pub(super) async fn edit(step: &mut Step, id: &ConnectorId, edit: &Edit<Connector>) -> Result<Option<Connector>> {
    let Some(before) = step.get::<Connector>(&record(id)).await? else { return Ok(None) };
    if partners::held(step, &before.partner).await?.is_none() {
        return Ok(None);
    }
    // An edit changes what a record says, never which one it is.
    let (partner, name) = (before.partner.clone(), before.name.clone());
    let after = Connector { id: id.clone(), partner, name, ..edit(before)? };
    store(step, &after).await?;
    Ok(Some(after))
}

/// Removes it, whether its partner is there or not.
pub(super) async fn remove(step: &mut Step, id: &ConnectorId) -> Result<bool> {
    let Some(before) = step.get::<Connector>(&record(id)).await? else { return Ok(false) };
    step.delete(&record(id));
    step.delete(&listed(&before));
    step.close_lane(id).await?;
    Ok(partners::find(step, &before.partner).await?.is_some())
}
