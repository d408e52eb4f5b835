//! The sealed file for a partner that fetches it.

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::JobStatus;
use sealpost_core::partner::Partner;
use sealpost_core::sealed::SealedFile;
use sealpost_store::SealedObject;

use crate::Pipeline;

impl Pipeline {
    /// Opens the sealed file of a report of this partner.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such report, `-016` before it has succeeded, `-017` when the file has expired or was deleted;
    /// `SP-STORE-004` where it should be there and is not.
    pub async fn file(&self, partner: &Partner, id: &JobId) -> Result<(SealedFile, SealedObject)> {
        let job = self.report(partner, id).await?;
        let gone = || Error::new(&codes::request::FILE_GONE, format!("report {id}"));
        match (job.status, job.file) {
            (JobStatus::Succeeded, Some(file)) => {
                let opened = self.parts.store.reader(&file).await;
                // Somebody may have deleted it since our look at the report.
                if opened.as_ref().is_err_and(|error| error.is(&codes::store::MISSING))
                    && self.report(partner, id).await?.status == JobStatus::Expired
                {
                    return Err(gone());
                }
                Ok((file, opened?))
            }
            (JobStatus::Queued | JobStatus::Running, _) => {
                Err(Error::new(&codes::request::FILE_NOT_READY, format!("report {id} is {}", job.status.as_str())))
            }
            (JobStatus::Expired, _) => Err(gone()),
            (status, _) => Err(Error::new(
                &codes::request::NOT_IN_THIS_STATE,
                format!("report {id} is {}: there is no file", status.as_str()),
            )),
        }
    }
}
