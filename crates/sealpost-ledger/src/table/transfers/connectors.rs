//! Connectors of the transfer API as items of a list.

use futures::future::try_join_all;
use sealpost_core::error::codes;
use sealpost_core::id::ConnectorId;
use sealpost_core::port::Edit;
use sealpost_core::transfer::TransferConnector;
use sealpost_core::{Error, Result};

use super::super::{Key, SkRange, Step, TableLedger, shards};

const ALL: &str = "transfer-connectors";

pub(super) fn record(id: &ConnectorId) -> Key {
    Key::new(shards::of(ALL, id.as_str()), id.as_str())
}

/// How many there are: all who make or remove one write it.
fn count() -> Key {
    Key::new("count", ALL)
}

/// Those after this one, by id.
pub(super) async fn page(
    ledger: &TableLedger,
    after: Option<&ConnectorId>,
    limit: u32,
) -> Result<Vec<TransferConnector>> {
    let partitions = shards::all(ALL);
    let range = || after.map_or(SkRange::All, |after| SkRange::After(after.to_string()));
    // Each partition may have all of the page.
    let parts = partitions.iter().map(|partition| ledger.read_range(partition, range(), false, limit));
    let mut found: Vec<(String, TransferConnector)> = try_join_all(parts).await?.into_iter().flatten().collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found.into_iter().map(|(_, connector)| connector).take(limit as usize).collect())
}

/// Stores a new one, unless there are enough.
pub(super) async fn create(step: &mut Step, connector: &TransferConnector, most: u32) -> Result<()> {
    let there: u32 = step.get(&count()).await?.unwrap_or_default();
    if there >= most {
        let detail = format!("there are {there} connectors; {most} are allowed");
        return Err(Error::new(&codes::request::TOO_MANY, detail));
    }
    step.put(&count(), &(there + 1))?;
    step.create(&record(&connector.id), connector)?;
    limit(step, connector).await
}

/// Keeps its lane in step.
async fn limit(step: &mut Step, connector: &TransferConnector) -> Result<()> {
    step.set_limit(&connector.id, connector.settings.limits.concurrency).await
}

/// Loads, changes and stores.
pub(super) async fn edit(
    step: &mut Step,
    id: &ConnectorId,
    edit: &Edit<TransferConnector>,
) -> Result<Option<TransferConnector>> {
    let Some(before) = step.get::<TransferConnector>(&record(id)).await? else { return Ok(None) };
    // An edit changes what a record says, never which one it is.
    let created_at = before.created_at;
    let after = TransferConnector { id: id.clone(), created_at, ..edit(before)? };
    step.put(&record(id), &after)?;
    limit(step, &after).await?;
    Ok(Some(after))
}

pub(super) async fn remove(step: &mut Step, id: &ConnectorId) -> Result<bool> {
    if step.get::<TransferConnector>(&record(id)).await?.is_none() {
        return Ok(false);
    }
    let there: u32 = step.get(&count()).await?.unwrap_or_default();
    step.put(&count(), &there.saturating_sub(1))?;
    step.delete(&record(id));
    step.close_lane(id).await?;
    Ok(true)
}
