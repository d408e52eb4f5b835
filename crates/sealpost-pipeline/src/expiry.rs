//! What ends by itself: retention of files, and certificates that are about to expire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealpost_core::certificate::CertificateInfo;
use sealpost_core::error::{Result, codes};
use sealpost_core::id::{JobId, PartnerId};
use sealpost_core::job::{JobEvent, JobStatus};
use sealpost_core::task::Lease;

use crate::rounds::Rounds;
use crate::worker::Outcome;
use crate::{Pipeline, log};

/// A partner's certificate with what the recipient policy says of it now.
#[derive(Debug, Clone)]
pub struct CertificateState {
    /// Whose it is.
    pub partner: PartnerId,
    /// Its place among the partner's certificates.
    pub index: usize,
    /// Which certificate it is, also where the policy refuses it.
    pub fingerprint: String,
    /// What the policy found, or why it refuses.
    pub state: Result<CertificateInfo>,
    /// Whether files are sealed to it now.
    pub is_used: bool,
    /// Until when they are.
    pub use_until: Option<Timestamp>,
    /// When the partner proved that it has the private key.
    pub proven_at: Option<Timestamp>,
}

impl Pipeline {
    /// Expires a job whose retention is over.
    pub(crate) async fn expire(&self, id: &JobId, lease: &Lease) -> Result<Outcome> {
        let job = self.parts.ledger.job_of_any_partner(id).await?;
        if job.is_some_and(|job| job.status == JobStatus::Succeeded) {
            let event = JobEvent::Expired { deleted: false };
            match self.parts.ledger.apply(id, &event, Some(lease), Timestamp::now()).await {
                Ok(job) => log::revised(&job, &event),
                // Somebody has deleted it since our look.
                Err(error) if error.is(&codes::ledger::ILLEGAL_MOVE) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Outcome::Done)
    }

    /// Removes every object of a job from the store.
    pub(crate) async fn purge(&self, id: &JobId, lease: &Lease) -> Result<Outcome> {
        let Some(job) = self.parts.ledger.job_of_any_partner(id).await? else { return Ok(Outcome::Done) };
        self.parts.store.purge(&job.request.partner, id).await?;
        match self.parts.ledger.apply(id, &JobEvent::Purged, Some(lease), Timestamp::now()).await {
            Err(error) if !error.is(&codes::ledger::ILLEGAL_MOVE) => Err(error),
            _ => Ok(Outcome::Done),
        }
    }

    /// The state of every partner's certificates now.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn certificates(&self) -> Result<Vec<CertificateState>> {
        let now = Timestamp::now();
        let mut states = Vec::new();
        for partner in self.parts.records.partners().await? {
            for (index, key) in self.key_states(partner.certificates, now).into_iter().enumerate() {
                states.push(CertificateState {
                    partner: partner.id.clone(),
                    index,
                    fingerprint: key.fingerprint,
                    state: key.state,
                    is_used: key.is_used,
                    use_until: key.record.use_until,
                    proven_at: key.record.proven_at,
                });
            }
        }
        Ok(states)
    }

    /// Warns once per step (90, 30, 7, 1 days) and process about certificates that expire, and publishes the days left.
    pub(crate) async fn warn_of_expiry(&self, rounds: &mut Rounds) -> Result<()> {
        let now = Timestamp::now();
        let mut used = BTreeMap::new();
        // One that is over, left out, or not used yet, may be as it likes.
        for certificate in self.certificates().await?.into_iter().filter(|certificate| certificate.is_used) {
            match &certificate.state {
                Ok(info) => {
                    if let Some(days) = info.days_until_expiry(now) {
                        used.insert((certificate.partner.clone(), info.fingerprint.clone()), Some(days));
                    }
                    if let Some(step) = info.expiry_step(now)
                        && rounds.warned.insert((info.fingerprint.clone(), step))
                    {
                        log::certificate_expires(&certificate.partner, info, now);
                    }
                }
                Err(error) => {
                    used.insert((certificate.partner.clone(), certificate.fingerprint.clone()), None);
                    if rounds.warned.insert((format!("{}/{}", certificate.partner, certificate.index), 0)) {
                        log::certificate_unusable(&certificate.partner, error);
                    }
                }
            }
        }
        rounds.published.publish(used);
        Ok(())
    }
}
