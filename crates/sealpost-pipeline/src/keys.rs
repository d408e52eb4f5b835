//! API keys: `sp_<public half>_<secret half>`. Only a digest is kept.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::audit::ActorKind;
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::{ApiKeyId, PartnerId};
use sealpost_core::identity::Scope;
use sealpost_core::partner::ApiKey;
use sealpost_core::secret::Secret;
use sha2::{Digest, Sha256};

use crate::Pipeline;
use crate::audit::Author;

/// Most API keys of a partner that work.
pub const MOST_KEYS: u32 = 20;
/// Longest overlap of a rotation, in hours: thirty days.
pub const LONGEST_OVERLAP_H: u32 = 720;

const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 52 characters of 5 bits: 260 random bits.
const SECRET_LENGTH: usize = 52;

/// What a key is to be.
#[derive(Debug, Clone, Default)]
pub struct KeyWish {
    /// For people: what it is used for.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it stops working; never when absent.
    pub expires_at: Option<Timestamp>,
}

impl Pipeline {
    /// Makes a key for a partner that may do everything. The key itself is returned once and kept nowhere.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where there is no such partner.
    pub async fn issue_key(
        &self,
        partner: &PartnerId,
        label: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKey, Secret)> {
        let wish = KeyWish { label: label.to_owned(), scopes: Scope::all(), expires_at };
        self.issue_key_by(&Author::sealpost(), partner, &wish).await
    }

    /// Makes a key for a partner, in somebody's name.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where there is no such partner, `-001` for scopes of which no operation needs any.
    pub async fn issue_key_by(&self, author: &Author, partner: &PartnerId, wish: &KeyWish) -> Result<(ApiKey, Secret)> {
        self.make_key(author, partner, wish, u32::MAX).await
    }

    async fn make_key(
        &self,
        author: &Author,
        partner: &PartnerId,
        wish: &KeyWish,
        most: u32,
    ) -> Result<(ApiKey, Secret)> {
        self.fresh_partner(partner).await?;
        check_use(&wish.scopes)?;
        let id = random(12);
        let text = format!("sp_{id}_{}", random(SECRET_LENGTH));
        let mut scopes = wish.scopes.clone();
        scopes.sort_unstable();
        scopes.dedup();
        let key = ApiKey {
            id: id.parse()?,
            partner: partner.clone(),
            sha256: hex::encode(Sha256::digest(&text)),
            label: wish.label.clone(),
            scopes,
            created_at: Timestamp::now(),
            expires_at: wish.expires_at,
            revoked_at: None,
        };
        // Noted first: a key that works without a trace would be worse than a trace without a key.
        self.note(author, partner, "api_key.create", key.id.as_str(), &described(&key)).await?;
        self.parts.records.create_api_key(&key, most).await?;
        Ok((key, Secret::new(text.into_bytes())))
    }

    /// Makes a key that a partner asks for, which can do no more than the caller itself.
    ///
    /// # Errors
    /// `SP-REQUEST-001` for scopes beyond `held`, for scopes of which no operation needs any, and for an end after that of the
    /// caller's own key; `-037` for one key too many.
    pub async fn create_key(
        &self,
        author: &Author,
        partner: &PartnerId,
        wish: &KeyWish,
        held: &[Scope],
    ) -> Result<(ApiKey, Secret)> {
        if let Some(place) = wish.scopes.iter().position(|scope| scope.is_needed() && !held.contains(scope)) {
            let detail = format!("your own credentials do not have {}", wish.scopes[place]);
            let field = FieldError::new(format!("/scopes/{place}"), detail);
            return Err(Error::new(&codes::request::INVALID, "the key would be able to do more than its maker")
                .with_fields(vec![field]));
        }
        // What no operation needs is left out where the maker does not have it: keys of before have it, and can be rotated.
        let scopes = wish.scopes.iter().copied().filter(|scope| held.contains(scope)).collect();
        let wish = &KeyWish { scopes, ..wish.clone() };
        self.check_end(author, wish.expires_at).await?;
        // Looked at here, so that what is refused leaves no trace. What holds is how many the ledger counts as it stores the key.
        let now = Timestamp::now();
        let live = self.parts.records.api_keys(partner).await?.iter().filter(|key| key.is_live(now)).count();
        if live >= MOST_KEYS as usize {
            return Err(Error::new(&codes::request::TOO_MANY, format!("{live} API keys that work")));
        }
        self.make_key(author, partner, wish, MOST_KEYS).await
    }

    /// Makes a key in the place of another, which goes on working for a while.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such key; `-015` where it does not work any more; `-028` where it may do
    /// more than the caller; as [`create_key`](Self::create_key).
    pub async fn rotate_key(
        &self,
        author: &Author,
        partner: &PartnerId,
        id: &str,
        overlap_hours: u32,
        held: &[Scope],
    ) -> Result<(ApiKey, Secret)> {
        let old = self.key(partner, id).await?;
        let now = Timestamp::now();
        if !old.is_live(now) {
            return Err(works_no_more(&old.id));
        }
        if let Some(beyond) = old.scopes.iter().find(|scope| scope.is_needed() && !held.contains(scope)) {
            let detail = format!("API key {id} has {beyond}, which your own credentials do not have");
            return Err(Error::new(&codes::request::SCOPE_MISSING, detail));
        }
        let wish = KeyWish { label: old.label.clone(), scopes: old.scopes.clone(), expires_at: old.expires_at };
        let made = self.create_key(author, partner, &wish, held).await?;
        let end = now + SignedDuration::from_hours(i64::from(overlap_hours.min(LONGEST_OVERLAP_H)));
        let detail = format!("{} takes its place; it works until {end} at the latest", made.0.id);
        self.note(author, partner, "api_key.rotate", old.id.as_str(), &detail).await?;
        // The key may have been revoked meanwhile: then it stays so, and nothing takes its place.
        let shorten = move |key: ApiKey| match key.is_live(now) {
            true => Ok(ApiKey { expires_at: Some(key.expires_at.map_or(end, |at| at.min(end))), ..key }),
            false => Err(works_no_more(&key.id)),
        };
        if let Err(error) = self.parts.records.edit_api_key(&old.id, &shorten).await {
            self.revoke_key(author, partner, made.0.id.as_str()).await?;
            return Err(error);
        }
        Ok(made)
    }

    /// A key that its maker outlives would be a way to stay. (An access token is short-lived by its nature; what it may
    /// make is limited by its scopes, and is in the audit trail.)
    async fn check_end(&self, author: &Author, wished: Option<Timestamp>) -> Result<()> {
        if author.actor.kind != ActorKind::ApiKey {
            return Ok(());
        }
        let own = match author.actor.id.parse() {
            Ok(id) => self.parts.records.api_key(&id).await?,
            Err(_) => None,
        };
        match own.and_then(|key| key.expires_at) {
            Some(end) if wished.is_none_or(|at| at > end) => {
                let field =
                    FieldError::new("/expires_at", format!("your own key ends at {end}; expected no later time"));
                Err(Error::new(&codes::request::INVALID, "the key would outlive its maker").with_fields(vec![field]))
            }
            _ => Ok(()),
        }
    }

    /// Revokes a key of a partner, at once and for good.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such key.
    pub async fn revoke_key(&self, author: &Author, partner: &PartnerId, id: &str) -> Result<ApiKey> {
        let key = self.key(partner, id).await?;
        if key.revoked_at.is_some() {
            return Ok(key);
        }
        self.note(author, partner, "api_key.revoke", key.id.as_str(), &key.label).await?;
        let now = Timestamp::now();
        let revoke = move |key: ApiKey| Ok(ApiKey { revoked_at: key.revoked_at.or(Some(now)), ..key });
        Ok(self.parts.records.edit_api_key(&key.id, &revoke).await?.unwrap_or(key))
    }

    async fn key(&self, partner: &PartnerId, id: &str) -> Result<ApiKey> {
        let missing = || Error::new(&codes::request::NOT_FOUND, format!("API key of partner {partner}"));
        let id = id.parse().map_err(|_| missing())?;
        self.parts.records.api_key(&id).await?.filter(|key| key.partner == *partner).ok_or_else(missing)
    }
}

/// A key that may do nothing looks like one that works.
fn check_use(scopes: &[Scope]) -> Result<()> {
    if scopes.iter().any(|scope| scope.is_needed()) {
        return Ok(());
    }
    let field = FieldError::new("/scopes", "expected at least one that an operation needs");
    Err(Error::new(&codes::request::INVALID, "the key could do nothing").with_fields(vec![field]))
}

fn works_no_more(id: &ApiKeyId) -> Error {
    Error::new(&codes::request::NOT_IN_THIS_STATE, format!("API key {id} does not work any more"))
}

fn described(key: &ApiKey) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let end = key.expires_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    format!("`{}`: {}; expires {end}", key.label, scopes.join(" "))
}

/// Random letters and digits, 5 bits each.
pub(crate) fn random(length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>() & 31)])).collect()
}

/// Whether this may be what [`random`] has made.
pub(crate) fn is_random(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_uses_the_whole_alphabet() {
        let text = random(4000);
        assert!(ALPHABET.iter().all(|character| text.contains(char::from(*character))));
        assert!(is_random(&text, 4000) && !is_random(&text, 3999));
        assert!(!is_random("0", 1) && !is_random("", 1) && !is_random("A", 1));
    }
}
