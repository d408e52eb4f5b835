//! A report that this process does not know, and another one may: a new catalogue or version is taken up by one process after
//! the other, and whoever has it already admits reports for all.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::job::Job;

use crate::Pipeline;

/// How long after its admission a report waits for a process that knows it: longer than it takes to restart them all.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);
/// The longest pause before it is claimed again, by whichever process; half of it is the shortest.
const PAUSE: Duration = Duration::from_secs(20);

impl Pipeline {
    /// After which pause another process may take a report whose type or format this one does not know. `None` where it knows
    /// both, and where none that does has come for too long: then the attempt says what is missing.
    pub(super) fn pause_for_another(&self, job: &Job) -> Option<Duration> {
        let request = &job.request;
        let is_known = self.parts.catalogue.get(request.report_type.as_str()).is_some()
            && self.parts.formats.iter().any(|format| format.name == request.format);
        let is_new = Timestamp::now().duration_since(job.created_at) < PATIENCE;
        (!is_known && is_new).then(|| PAUSE.mul_f64(0.5 + rand::random::<f64>() / 2.0))
    }
}
