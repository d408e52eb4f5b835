//! Hurries deliveries that wait: somebody else heard first that there is something to see.

use std::str::FromStr;

use sealpost_core::delivery::Delivery;
use sealpost_core::error::Result;
use sealpost_core::id::JobId;
use sealpost_core::task::Work;

use crate::Pipeline;

/// What [`Pipeline::hurry_deliveries`] found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hurried {
    /// Deliveries of the object that have not ended and were meant.
    pub meant: usize,
    /// Those of them that waited, and are ready now.
    pub hurried: usize,
}

impl Pipeline {
    /// Makes deliveries of a stored object ready at once, where they wait. `object` is its path or key, whatever stands before
    /// the partner's folder. One that is not ours, or whose report is gone, has none.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn hurry_deliveries(&self, object: &str, is_meant: impl Fn(&Delivery) -> bool + Send) -> Result<Hurried> {
        let mut found = Hurried::default();
        let Some(job) = job_of(object) else { return Ok(found) };
        for delivery in self.parts.ledger.deliveries(&job).await? {
            let key = &delivery.file.key;
            let place = format!("{}/{}-{}/{}", key.partner, key.job, key.attempt, key.file_name);
            // Whole names only: `/bucket/acme/…` is no place of a partner `me`.
            let is_its = object.strip_suffix(&place).is_some_and(|before| before.is_empty() || before.ends_with('/'));
            if is_its && !delivery.status.is_terminal() && is_meant(&delivery) {
                found.meant += 1;
                found.hurried += usize::from(self.parts.queue.hurry(&Work::Deliver(delivery.id.clone())).await?);
            }
        }
        Ok(found)
    }
}

/// The job that a place of an object names: `…/partner/job-attempt/file`.
fn job_of(object: &str) -> Option<JobId> {
    let mut names = object.rsplit('/').skip(1);
    let (job, attempt) = names.next()?.rsplit_once('-')?;
    attempt.parse::<u32>().ok()?;
    JobId::from_str(job).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_places_name_a_job() {
        let job = JobId::fresh();
        for object in [format!("acme/{job}-2/a.pgp"), format!("/bucket/pre/fix/acme/{job}-12/a.pgp")] {
            assert_eq!(job_of(&object), Some(job.clone()), "{object}");
        }
        for object in ["", "/", "a", "bucket/key", "acme/rep_1-x/a.pgp", "acme/rep_1/a.pgp", "acme/-1/a.pgp"] {
            assert_eq!(job_of(object), None, "{object}");
        }
    }
}
