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

    /// Warns once per step (90, 30, 7, 1 days) and process about certificates that expire, and once of each that can't be used,
    /// and publishes the days left.
    pub(crate) async fn warn_of_expiry(&self, rounds: &mut Rounds) -> Result<()> {
        rounds.warn_of(&self.certificates().await?, Timestamp::now());
        Ok(())
    }
}

impl Rounds {
    fn warn_of(&mut self, certificates: &[CertificateState], now: Timestamp) {
        let mut used = BTreeMap::new();
        // One that is over, left out, or not used yet, may be as it likes.
        for certificate in certificates.iter().filter(|certificate| certificate.is_used) {
            match &certificate.state {
                Ok(info) => {
                    if let Some(days) = info.days_until_expiry(now) {
                        used.insert((certificate.partner.clone(), info.fingerprint.clone()), Some(days));
                    }
                    if let Some(step) = info.expiry_step(now)
                        && self.warned.insert((info.fingerprint.clone(), step))
                    {
                        log::certificate_expires(&certificate.partner, info, now);
                    }
                }
                Err(error) => {
                    used.insert((certificate.partner.clone(), certificate.fingerprint.clone()), None);
                    if self.warned.insert((certificate.name(), 0)) {
                        log::certificate_unusable(&certificate.partner, error);
                    }
                }
            }
        }
        self.published.publish(used);
    }
}

impl CertificateState {
    /// Tells it from others. Another one in its place is another matter; one that can't be read has no more than its place.
    fn name(&self) -> String {
        if self.fingerprint.is_empty() {
            format!("{}/{}", self.partner, self.index)
        } else {
            format!("{}/{}", self.partner, self.fingerprint)
        }
    }
}

#[cfg(test)]
mod tests {
    use sealpost_core::error::Error;

    use super::*;

    fn expired(index: usize, fingerprint: &str) -> CertificateState {
        CertificateState {
            partner: "acme".parse().expect("an id"),
            index,
            fingerprint: fingerprint.to_owned(),
            state: Err(Error::new(&codes::seal::EXPIRED, "it has expired")),
            is_used: true,
            use_until: None,
            proven_at: None,
        }
    }

    #[test]
    fn each_certificate_that_can_not_be_used_is_told_of_once() {
        let mut rounds = Rounds::default();
        let mut told_of = |certificates: &[CertificateState]| {
            let before = rounds.warned.len();
            rounds.warn_of(certificates, Timestamp::UNIX_EPOCH);
            rounds.warned.len() - before
        };
        assert_eq!(told_of(&[expired(0, "AA")]), 1);
        assert_eq!(told_of(&[expired(0, "BB")]), 1, "another one in its place");
        assert_eq!(told_of(&[expired(0, "BB")]), 0);
        assert_eq!(told_of(&[expired(0, "CC"), expired(1, "BB")]), 1, "what has another place is the same");
        assert_eq!(told_of(&[expired(0, ""), expired(1, "")]), 2, "what can't be read is told apart by its place");
        let left_out = CertificateState { is_used: false, ..expired(0, "DD") };
        assert_eq!(told_of(&[left_out]), 0);
    }
}
