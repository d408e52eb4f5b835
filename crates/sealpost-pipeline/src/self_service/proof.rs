//! Proof of possession: a random answer, sealed to one certificate alone. Whoever sends it back has the private key.

use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::change::Challenge;
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::port::SealPlan;
use sealpost_core::sink::MemorySink;
use sha2::{Digest, Sha256};

use super::certificate::{KeyState, is_it, is_lasting, no_key, take_place};
use crate::audit::Author;
use crate::{Pipeline, keys};

/// How long a challenge can be answered, in minutes.
pub const CHALLENGE_MINUTES: i64 = 15;
/// Letters and digits of an answer: 5 random bits each.
const ANSWER_LENGTH: usize = 52;

/// A challenge on its way to the partner.
#[derive(Debug, Clone)]
pub struct SealedChallenge {
    /// The armored OpenPGP message.
    pub message: String,
    /// When it can no longer be answered.
    pub expires_at: Timestamp,
}

impl Pipeline {
    /// Opens a challenge for a certificate of a partner. An earlier one is void.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such certificate; `SP-SEAL-…` where it can't be sealed to.
    pub async fn challenge(&self, partner: &PartnerId, fingerprint: &str) -> Result<SealedChallenge> {
        let key = self.key_of(partner, fingerprint).await?;
        let now = Timestamp::now();
        let expires_at = now + SignedDuration::from_mins(CHALLENGE_MINUTES);
        let answer = keys::random(ANSWER_LENGTH);
        let text = format!(
            "Sealpost asks whether partner {partner} can decrypt with the OpenPGP key\n{}.\n\
             Nothing happens unless the line below is sent back as `answer` before {expires_at}, to\n\
             POST /v1/keys/{}:prove\n\n{answer}\n",
            key.fingerprint, key.fingerprint
        );
        let message = self.sealed_to(&key, text.as_bytes(), now).map_err(|error| {
            // The certificate is at fault, and whoever asks has to act.
            let field = FieldError::new("", error.detail());
            error.with_fields(vec![field])
        })?;
        self.parts
            .changes
            .open_challenge(&Challenge {
                partner: partner.clone(),
                fingerprint: key.fingerprint,
                sha256: hex::encode(Sha256::digest(&answer)),
                expires_at,
            })
            .await?;
        Ok(SealedChallenge { message, expires_at })
    }

    fn sealed_to(&self, key: &KeyState, text: &[u8], now: Timestamp) -> Result<String> {
        let recipients = [key.record.armored.clone()];
        let plan = SealPlan {
            recipients: &recipients,
            message: sealpost_core::partner::MessageFormat::Auto,
            armor: true,
            signer: None,
            file_name: "challenge.txt",
            now,
        };
        let unsealed = |error| Error::from_io(error, &codes::seal::WRITE);
        let memory = MemorySink::default();
        let mut sink = self.parts.sealer.seal(&plan, Box::new(memory.clone()))?;
        sink.write_all(text).map_err(unsealed)?;
        sink.finish()?;
        let bytes = memory.finished().unwrap_or_default();
        String::from_utf8(bytes).map_err(|_| Error::new(&codes::seal::WRITE, "the armor is not text"))
    }

    /// Answers the open challenge, right or wrong: there is one attempt. A certificate that waited for its proof is used
    /// from now on, and takes the place that it was added for, unless none without an end would be left then.
    ///
    /// # Errors
    /// `SP-REQUEST-034` where the answer does not fit or comes too late; `-008` where the partner has no such certificate.
    pub async fn prove(
        &self,
        partner: &PartnerId,
        fingerprint: &str,
        answer: &str,
        author: &Author,
    ) -> Result<KeyState> {
        let key = self.key_of(partner, fingerprint).await?;
        let now = Timestamp::now();
        let refused = |detail: &str| Error::new(&codes::request::PROOF_REFUSED, detail);
        let challenge = self.parts.changes.take_challenge(partner, &key.fingerprint).await?;
        let challenge = challenge.ok_or_else(|| refused("there is no open challenge for this certificate"))?;
        if challenge.expires_at <= now {
            return Err(refused("the challenge has expired"));
        }
        // The whole decrypted text is as good as its last line.
        let answer = answer.trim().lines().next_back().unwrap_or_default().trim();
        if hex::encode(Sha256::digest(answer)) != challenge.sha256 {
            self.note(author, partner, "certificate.proof_refused", &key.fingerprint, "a wrong answer").await?;
            let field = FieldError::new("/answer", "it is not the line that the message holds");
            return Err(refused("the answer is not the right one; the challenge is used up").with_fields(vec![field]));
        }
        // Noted first: nobody who hangs up in between has files sealed to a certificate without a trace.
        self.note(author, partner, "certificate.prove", &key.fingerprint, "").await?;
        let (sealer, wanted) = (self.parts.sealer.clone(), key.fingerprint.clone());
        self.edit_partner(partner, move |mut before| {
            let own = before.certificates.iter_mut().find(|one| is_it(&*sealer, one, &wanted));
            let own = own.ok_or_else(|| no_key(&wanted))?;
            own.proven_at = Some(now);
            let Some(follows) = own.awaits_proof.take() else { return Ok(before) };
            let mut after = before.clone();
            take_place(&mut after, &follows, &*sealer, now);
            // It may have got an end of its own while it waited. Then the other one goes on.
            let is_one_left = after.certificates.iter().any(|one| is_lasting(one, &*sealer, now));
            Ok(if is_one_left { after } else { before })
        })
        .await?;
        self.key_of(partner, &key.fingerprint).await
    }
}
