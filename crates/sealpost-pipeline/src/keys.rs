//! API keys: `sp_<public half>_<secret half>`. Only a digest is kept.

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Scope;
use sealpost_core::partner::{ApiKey, Partner};
use sealpost_core::secret::Secret;
use sha2::{Digest, Sha256};

use crate::Pipeline;

const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 52 characters of 5 bits: 260 random bits.
const SECRET_LENGTH: usize = 52;

impl Pipeline {
    /// Makes a key for a partner. The key itself is returned once and kept nowhere.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where there is no such partner.
    pub async fn issue_key(
        &self,
        partner: &PartnerId,
        label: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKey, Secret)> {
        if self.parts.records.partner(partner).await?.is_none() {
            return Err(Error::new(&codes::request::NOT_FOUND, format!("partner {partner}")));
        }
        let id = random(12);
        let text = format!("sp_{id}_{}", random(SECRET_LENGTH));
        let key = ApiKey {
            id: id.parse()?,
            partner: partner.clone(),
            sha256: hex::encode(Sha256::digest(&text)),
            label: label.to_owned(),
            scopes: Scope::all(),
            created_at: Timestamp::now(),
            expires_at,
            revoked_at: None,
        };
        self.parts.records.put_api_key(&key).await?;
        Ok((key, Secret::new(text.into_bytes())))
    }

    /// Revokes a key of a partner, at once and for good.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such key.
    pub async fn revoke_key(&self, partner: &PartnerId, id: &str) -> Result<ApiKey> {
        let missing = || Error::new(&codes::request::NOT_FOUND, format!("API key of partner {partner}"));
        let id = id.parse().map_err(|_| missing())?;
        let mut key =
            self.parts.records.api_key(&id).await?.filter(|key| key.partner == *partner).ok_or_else(missing)?;
        key.revoked_at.get_or_insert_with(Timestamp::now);
        self.parts.records.put_api_key(&key).await?;
        Ok(key)
    }

    /// The partner that a key stands for.
    ///
    /// # Errors
    /// `SP-REQUEST-009` for an unknown key, `-010` for an expired or revoked one, `-012` for a disabled partner.
    pub async fn authenticate(&self, text: &str) -> Result<(Partner, ApiKey)> {
        let unknown = || Error::new(&codes::request::UNAUTHORIZED, "the API key is not known");
        let id =
            text.strip_prefix("sp_").and_then(|rest| rest.split_once('_')).map(|(id, _)| id).ok_or_else(unknown)?;
        let id = id.parse().map_err(|_| unknown())?;
        let key = self.parts.records.api_key(&id).await?.ok_or_else(unknown)?;
        if !equal(hex::encode(Sha256::digest(text)).as_bytes(), key.sha256.as_bytes()) {
            return Err(unknown());
        }
        let now = Timestamp::now();
        if key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::new(&codes::request::KEY_EXPIRED, format!("API key {}", key.id)));
        }
        let partner = self.parts.records.partner(&key.partner).await?.ok_or_else(unknown)?;
        if partner.enabled {
            Ok((partner, key))
        } else {
            Err(Error::new(&codes::request::PARTNER_DISABLED, format!("partner {}", partner.id)))
        }
    }
}

/// Compares without an early exit, so that the time taken tells nothing about where two digests differ.
fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other)) == 0
}

fn random(length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>() & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_compared_in_full() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
    }

    #[test]
    fn random_text_uses_the_whole_alphabet() {
        let text = random(4000);
        assert!(ALPHABET.iter().all(|character| text.contains(char::from(*character))));
    }
}
