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
    /// `SP-REQUEST-008` for no such report, `-016` before it has succeeded, `-017` when the file is gone.
    pub async fn file(&self, partner: &Partner, id: &JobId) -> Result<(SealedFile, SealedObject)> {
        let job = self.report(partner, id).await?;
        match (job.status, job.file) {
            (JobStatus::Succeeded, Some(file)) => {
                let object = self.parts.store.reader(&file).await?;
                Ok((file, object))
            }
            (JobStatus::Queued | JobStatus::Running, _) => {
                Err(Error::new(&codes::request::FILE_NOT_READY, format!("report {id} is {}", job.status.as_str())))
            }
            (JobStatus::Expired, _) => Err(Error::new(&codes::request::FILE_GONE, format!("report {id}"))),
            (status, _) => Err(Error::new(
                &codes::request::NOT_IN_THIS_STATE,
                format!("report {id} is {}: there is no file", status.as_str()),
            )),
        }
    }
}
