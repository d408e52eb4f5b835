//! Delivering a stored file again: key, state, deliveries and tasks in one transaction.

use jiff::Timestamp;
use sealpost_core::delivery::Delivery;
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, JobId};
use sealpost_core::job::{Job, JobStatus};
use sealpost_core::port::Redelivered;
use sealpost_core::sealed::SealedFile;
use sealpost_core::{Error, Result};

use super::idempotency::{self, Done};
use super::value::corrupt;
use super::{Connection, deliveries, jobs, tasks};

pub(super) fn redeliver(
    connection: &Connection,
    job: &JobId,
    connectors: &[ConnectorId],
    key: Option<&(String, String)>,
    now: Timestamp,
) -> Result<Redelivered> {
    let job = jobs::existing(connection, job)?;
    if let Some(before) = replayed(connection, &job, key, now)? {
        return Ok(Redelivered { deliveries: before, replayed: true });
    }
    let file = stored_file(&job)?;
    if connectors.is_empty() {
        let detail = format!("partner {} has nowhere to deliver report {} to", job.request.partner, job.id);
        return Err(Error::new(&codes::request::NO_DESTINATION, detail));
    }
    Delivery::check_number(&job.id, deliveries::count(connection, &job.id)?, connectors.len())?;
    let mut made = Vec::new();
    for connector in connectors {
        let (delivery, task) = Delivery::pending(&job, file.clone(), connector.clone(), now);
        deliveries::insert(connection, &delivery, now)?;
        tasks::enqueue(connection, &[task])?;
        made.push(delivery);
    }
    if let Some((key, sha256)) = key {
        let ids = made.iter().map(|delivery| delivery.id.clone()).collect();
        let done = Done { sha256: sha256.clone(), job: job.id, deliveries: Some(ids) };
        idempotency::remember(connection, &job.request.partner, key, &done, now)?;
    }
    Ok(Redelivered { deliveries: made, replayed: false })
}

/// The deliveries that this key and request made before, as they are now.
fn replayed(
    connection: &Connection,
    job: &Job,
    key: Option<&(String, String)>,
    now: Timestamp,
) -> Result<Option<Vec<Delivery>>> {
    let Some((key, sha256)) = key else { return Ok(None) };
    let ids = match idempotency::find(connection, &job.request.partner, key, now)? {
        None => return Ok(None),
        Some(Done { sha256: known, job: of, deliveries: Some(ids) }) if known == *sha256 && of == job.id => ids,
        Some(_) => return Err(idempotency::mismatch()),
    };
    let mut before = Vec::new();
    for id in &ids {
        let found = deliveries::find(connection, id)?;
        before.push(found.ok_or_else(|| corrupt(format!("an idempotency key's delivery {id} is gone")))?);
    }
    Ok(Some(before))
}

fn stored_file(job: &Job) -> Result<SealedFile> {
    match job.status {
        JobStatus::Succeeded => {
            job.file.clone().ok_or_else(|| corrupt(format!("{} has succeeded without a file", job.id)))
        }
        JobStatus::Expired => Err(Error::new(&codes::request::FILE_GONE, format!("report {}", job.id))),
        status => Err(Error::new(
            &codes::request::NOT_IN_THIS_STATE,
            format!("report {} is {}; only a succeeded one can be delivered again", job.id, status.as_str()),
        )),
    }
}
