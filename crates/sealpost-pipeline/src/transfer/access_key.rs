//! Access keys of the transfer API. The secret half follows from the operator's master secret and is kept nowhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sealpost_core::access_key::{AccessKey, AccessRole};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::AccessKeyId;
use sealpost_core::secret::Secret;
use sha2::Sha256;

use crate::{Pipeline, log};

/// The shortest master secret, in bytes.
const SHORTEST: usize = 32;
/// Characters of a secret half: as many as AWS gives.
const LENGTH: usize = 40;
/// Longest label, in characters.
const LONGEST_LABEL: usize = 200;
/// How long the master secret is used before it is read again: every request needs it, and it may lie behind a network.
const MASTER_KEPT: Duration = Duration::from_secs(60);

/// The master secret, as it was last read. Records of keys are not kept here: a revocation takes effect at once.
#[derive(Default)]
pub(crate) struct Master(Mutex<Option<(Instant, Arc<Secret>)>>);

impl Master {
    fn fresh(&self) -> Option<Arc<Secret>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(read_at, _)| read_at.elapsed() < MASTER_KEPT).map(|(_, secret)| secret.clone())
    }
}

impl Pipeline {
    /// Makes an access key. Its secret half is returned now and kept nowhere.
    ///
    /// # Errors
    /// `SP-REQUEST-038` without a master secret; `SP-CONFIG-001` for one shorter than 32 bytes; `SP-REQUEST-001` for a label
    /// that is too long or an end that is past; `SP-SECRETS-…`, `SP-LEDGER-001`.
    pub async fn issue_access_key(
        &self,
        role: AccessRole,
        label: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(AccessKey, Secret)> {
        let now = Timestamp::now();
        if label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control) {
            let detail = format!("a label has at most {LONGEST_LABEL} characters, none of them control characters");
            return Err(Error::new(&codes::request::INVALID, detail));
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Err(Error::new(&codes::request::INVALID, "the key would have expired already"));
        }
        // First of all: one that can't sign is not made.
        let master = self.master_secret().await?;
        let key = AccessKey {
            id: AccessKeyId::fresh(),
            role,
            label: label.to_owned(),
            salt: hex::encode(rand::random::<[u8; 16]>()),
            created_at: now,
            expires_at,
            revoked_at: None,
        };
        let secret = derive(&master, &key)?;
        self.parts.transfers.create_access_key(&key).await?;
        log::transfer::access_key_issued(&key);
        Ok((key, secret))
    }

    /// A key that works now, with its secret half, to verify a signature. `None` for one that is unknown, expired or
    /// revoked.
    ///
    /// # Errors
    /// As [`issue_access_key`](Self::issue_access_key).
    pub async fn access_secret(&self, id: &AccessKeyId) -> Result<Option<(AccessKey, Secret)>> {
        let key = self.parts.transfers.access_key(id).await?;
        let Some(key) = key.filter(|key| key.is_valid(Timestamp::now())) else { return Ok(None) };
        let secret = derive(&*self.master_secret().await?, &key)?;
        Ok(Some((key, secret)))
    }

    /// Revokes a key, at once and for good. `false` where there is none.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn revoke_access_key(&self, id: &AccessKeyId) -> Result<bool> {
        let now = Timestamp::now();
        let revoke = move |key: AccessKey| Ok(AccessKey { revoked_at: key.revoked_at.or(Some(now)), ..key });
        let revoked = self.parts.transfers.edit_access_key(id, &revoke).await?;
        if let Some(key) = &revoked {
            log::transfer::access_key_revoked(key);
        }
        Ok(revoked.is_some())
    }

    async fn master_secret(&self) -> Result<Arc<Secret>> {
        let Some(reference) = &self.parts.settings.transfer.master_secret else {
            return Err(Error::new(&codes::request::NOT_OFFERED, "it needs the setting `[transfer] master_secret`"));
        };
        if let Some(kept) = self.master.fresh() {
            return Ok(kept);
        }
        let secret = self.parts.secrets.resolve(reference).await?;
        // A file's last line break is not meant; a secret of raw bytes has none that could be told apart.
        let bytes = secret.expose_text().map_or_else(|_| secret.expose(), str::as_bytes);
        if bytes.len() < SHORTEST {
            let detail =
                format!("transfer.master_secret: it has {} bytes; at least {SHORTEST} are needed", bytes.len());
            return Err(Error::new(&codes::config::INVALID, detail));
        }
        let master = Arc::new(Secret::new(bytes.to_vec()));
        *self.master.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), master.clone()));
        Ok(master)
    }
}

/// HMAC-SHA256 with the master secret over `sealpost-access-key`, the id and the salt; in base64, cut to 40 characters
/// (240 bits).
fn derive(master: &Secret, key: &AccessKey) -> Result<Secret> {
    let mut mac = Hmac::<Sha256>::new_from_slice(master.expose())
        .map_err(|error| Error::new(&codes::ledger::DEFECT, format!("HMAC: {error}")))?;
    for part in ["sealpost-access-key", key.id.as_str(), key.salt.as_str()] {
        mac.update(part.as_bytes());
    }
    let mut text = STANDARD.encode(mac.finalize().into_bytes());
    text.truncate(LENGTH);
    Ok(Secret::new(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_half_follows_from_master_id_and_salt() {
        let key = AccessKey {
            id: "SPAKABCDEFGHIJKLMNOP".parse().expect("an id"),
            role: AccessRole::Reader,
            label: String::new(),
            salt: "00112233445566778899aabbccddeeff".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
        };
        let of = |master: u8, key: &AccessKey| {
            let secret = derive(&Secret::new(vec![master; 32]), key).expect("a secret");
            secret.expose_text().expect("text").to_owned()
        };
        // Computed once with Python's `hmac`; a change here would lock every caller out.
        assert_eq!(of(7, &key), "KioZRyLJ1WkBTD1JW8nR6sNKZ3YkIcPDxXPKuZ8U");
        let other = AccessKey { salt: "ff112233445566778899aabbccddeeff".to_owned(), ..key.clone() };
        assert!(of(7, &key) != of(8, &key) && of(7, &key) != of(7, &other));
    }
}
