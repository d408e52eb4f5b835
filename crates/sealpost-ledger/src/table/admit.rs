//! Admission: idempotency, limit, sequence number, job, timeline and task in one step.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::id::PartnerId;
use sealpost_core::job::Job;
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::{Error, Result};

use super::idempotency::{self, Done};
use super::{Key, Step, deliveries, jobs, list, load};

pub(super) async fn admit(step: &mut Step, admission: &Admission, day_is_known: bool) -> Result<Admitted> {
    // What is read first, in one round trip.
    let key = admission.idempotency.as_ref().map(|(key, _)| idempotency::key(partner(admission), key));
    let mut keys = vec![jobs::key(&admission.id), load::key(partner(admission)), sequence_key(admission)];
    keys.extend(key);
    step.fetch(&keys).await?;

    if let Some(job) = replayed(step, admission).await? {
        return Ok(Admitted::Replayed(job));
    }
    // The same admission was done, and its answer lost.
    if step.get::<jobs::Record>(&jobs::key(&admission.id)).await?.is_some() {
        return jobs::existing(step, &admission.id).await.map(|record| Admitted::New(record.job));
    }
    deliveries::check_report(step, partner(admission), admission.request.deliver_to.len()).await?;
    let active = step.load(partner(admission)).await?.jobs;
    if active >= u64::from(admission.active_limit) {
        return Err(Error::new(
            &codes::request::TOO_MANY_ACTIVE,
            format!("{active} reports are queued or running; the limit is {}", admission.active_limit),
        ));
    }
    step.count(partner(admission), 1, 0).await?;
    let sequence = step.get::<u64>(&sequence_key(admission)).await?.unwrap_or(0) + 1;
    step.put(&sequence_key(admission), &sequence)?;

    let file_name = (admission.file_name)(admission, sequence)?;
    let request = admission.request.clone();
    let made = Job::admitted(admission.id.clone(), request, file_name, admission.retention_days, admission.now);
    list::insert(step, &made.job, day_is_known)?;
    let job = jobs::insert(step, made).await?;
    if let Some((key, sha256)) = &admission.idempotency {
        let done = Done { sha256: sha256.clone(), job: job.id.clone(), deliveries: None, at: admission.now };
        idempotency::remember(step, partner(admission), key, &done)?;
    }
    Ok(Admitted::New(job))
}

/// The job that the key and request of an admission made before.
async fn replayed(step: &mut Step, admission: &Admission) -> Result<Option<Job>> {
    let Some((key, sha256)) = &admission.idempotency else { return Ok(None) };
    let done = idempotency::find(step, partner(admission), key, admission.now).await?;
    // This very admission: its answer was lost.
    if done.is_some_and(|done| done.job == admission.id) {
        return Ok(None);
    }
    before(step, partner(admission), key, sha256, admission.now).await
}

/// The job that this key and request made before.
pub(super) async fn before(
    step: &mut Step,
    partner: &PartnerId,
    key: &str,
    sha256: &str,
    now: Timestamp,
) -> Result<Option<Job>> {
    match idempotency::find(step, partner, key, now).await? {
        None => Ok(None),
        Some(Done { sha256: known, job, deliveries: None, .. }) if known == sha256 => {
            jobs::existing(step, &job).await.map(|record| Some(record.job))
        }
        Some(_) => Err(idempotency::mismatch()),
    }
}

/// The number given out last for this partner and report type. An admission that fails gives its number back.
fn sequence_key(admission: &Admission) -> Key {
    Key::new(format!("sequence#{}", partner(admission)), admission.request.report_type.as_str())
}

fn partner(admission: &Admission) -> &PartnerId {
    &admission.request.partner
}
