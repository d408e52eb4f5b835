//! Delivering a stored file again: key, state, deliveries and tasks in one step.

use jiff::Timestamp;
use sealpost_core::delivery::Delivery;
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, JobId};
use sealpost_core::job::{Job, JobStatus};
use sealpost_core::port::Redelivered;
use sealpost_core::sealed::SealedFile;
use sealpost_core::{Error, Result};

use super::idempotency::{self, Done};
use super::{Step, deliveries, jobs, timeline};
use crate::value::corrupt;

pub(super) async fn redeliver(
    step: &mut Step,
    job: &JobId,
    connectors: &[ConnectorId],
    key: Option<&(String, String)>,
    now: Timestamp,
) -> Result<Redelivered> {
    let mut record = jobs::existing(step, job).await?;
    if let Some(before) = replayed(step, &record.job, key, now).await? {
        return Ok(Redelivered { deliveries: before, replayed: true });
    }
    let file = stored_file(&record.job)?;
    if connectors.is_empty() {
        let detail = format!("partner {} has nowhere to deliver report {} to", record.job.request.partner, job);
        return Err(Error::new(&codes::request::NO_DESTINATION, detail));
    }
    Delivery::check_number(job, record.deliveries.len(), connectors.len())?;
    deliveries::check_redelivery(connectors.len())?;
    let (mut made, mut tasks, mut happened) = (Vec::new(), Vec::new(), Vec::new());
    for connector in connectors {
        let (delivery, task) = Delivery::pending(&record.job, file.clone(), connector.clone(), now);
        happened.push(deliveries::insert(step, &delivery)?);
        record.deliveries.push(delivery.id.clone());
        made.push(delivery);
        tasks.push(task);
    }
    timeline::append(step, job, now, happened).await?;
    step.enqueue(&tasks).await?;
    step.count(&record.job.request.partner, 0, made.len().try_into().unwrap_or(0)).await?;
    step.put(&jobs::key(job), &record)?;
    if let Some((key, sha256)) = key {
        let ids = made.iter().map(|delivery| delivery.id.clone()).collect();
        let done = Done { sha256: sha256.clone(), job: job.clone(), deliveries: Some(ids), at: now };
        idempotency::remember(step, &record.job.request.partner, key, &done)?;
    }
    Ok(Redelivered { deliveries: made, replayed: false })
}

/// The deliveries that this key and request made before, as they are now.
async fn replayed(
    step: &mut Step,
    job: &Job,
    key: Option<&(String, String)>,
    now: Timestamp,
) -> Result<Option<Vec<Delivery>>> {
    let Some((key, sha256)) = key else { return Ok(None) };
    let ids = match idempotency::find(step, &job.request.partner, key, now).await? {
        None => return Ok(None),
        Some(Done { sha256: known, job: of, deliveries: Some(ids), .. }) if known == *sha256 && of == job.id => ids,
        Some(_) => return Err(idempotency::mismatch()),
    };
    let before = deliveries::peek_all(step, &ids).await?;
    if before.len() < ids.len() {
        return Err(corrupt(format!("a delivery of an idempotency key of {} is gone", job.id)));
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
