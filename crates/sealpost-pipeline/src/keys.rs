//! API keys: `sp_<public half>_<secret half>`. Only a digest is kept.

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Scope;
use sealpost_core::partner::ApiKey;
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
}

fn random(length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>() & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_uses_the_whole_alphabet() {
        let text = random(4000);
        assert!(ALPHABET.iter().all(|character| text.contains(char::from(*character))));
    }
}
