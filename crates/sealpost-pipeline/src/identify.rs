//! Who calls: from API key, access token and client certificate to a partner and what may be done in its name.
//!
//! The API and the Lambda authorizer both ask here, so that they never disagree.

use std::sync::Arc;

use jiff::Timestamp;
use sealpost_core::audit::{Actor, ActorKind};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::identity::{CLIENT_CERTIFICATES, Genuine, Identity, Scope, VerifiedToken};
use sealpost_core::partner::{ApiKey, Partner};
use sealpost_core::port::{Records, TokenVerifier};
use sha2::{Digest, Sha256};

use crate::Pipeline;

mod known;
mod watch;

use known::{Known, Name};
pub(crate) use watch::watch;

/// What a caller presents. Deliberately not printable.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
    /// The SHA-256 fingerprint of a client certificate whose private key the caller has, in lower-case hexadecimal.
    pub certificate: Option<&'a str>,
    /// An API key, `sp_…`.
    pub api_key: Option<&'a str>,
    /// An access token.
    pub token: Option<&'a str>,
}

/// What a gateway in front of us has verified about a caller, and hands on by a way that no client can write to.
#[derive(Debug, Clone)]
pub enum Vouched {
    /// Our own authorizer decided there.
    Caller {
        /// The partner that the caller stands for.
        partner: PartnerId,
        /// What it proved to be.
        actor: Actor,
        /// The issuer's name, for tokens and certificates.
        issuer: Option<String>,
        /// What it may do.
        scopes: Vec<Scope>,
    },
    /// The claims of an access token.
    Claims(serde_json::Map<String, serde_json::Value>),
}

/// A caller that is known.
#[derive(Debug, Clone)]
pub struct Identified {
    /// The partner that it stands for.
    pub partner: Arc<Partner>,
    /// What it proved to be. With several credentials the most particular one: token, else API key, else certificate.
    pub actor: Actor,
    /// The issuer's name, for tokens and certificates.
    pub issuer: Option<String>,
    /// What it may do.
    pub scopes: Arc<[Scope]>,
}

/// Decides who a caller is. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    records: Arc<dyn Records>,
    tokens: Option<Arc<dyn TokenVerifier>>,
    certificate_scopes: Arc<[Scope]>,
    known: Arc<Known>,
}

impl Pipeline {
    /// An authenticator over this flow's records, without access tokens.
    #[must_use]
    pub fn authenticator(&self) -> Authenticator {
        Authenticator {
            known: Arc::new(Known::following(self.changes_of_records.clone())),
            ..Authenticator::new(self.parts().records.clone())
        }
    }
}

impl Authenticator {
    /// An authenticator for API keys and client certificates.
    #[must_use]
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self { records, tokens: None, certificate_scopes: Scope::all().into(), known: Arc::default() }
    }

    /// Accepts access tokens too.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<dyn TokenVerifier>) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// What a client certificate may do; everything when not set. A certificate says nothing about that itself.
    #[must_use]
    pub fn with_certificate_scopes(self, scopes: &[Scope]) -> Self {
        Self { certificate_scopes: scopes.into(), ..self }
    }

    /// The verifier of access tokens, if there is one.
    #[must_use]
    pub fn tokens(&self) -> Option<&Arc<dyn TokenVerifier>> {
        self.tokens.as_ref()
    }

    /// Who the caller is. Every credential that is presented has to hold and to stand for the same partner, except that
    /// a certificate of nobody is overlooked beside another credential (it may be there for the connection's sake).
    ///
    /// With several credentials only the scopes that each of them has are left. Each is a limit that somebody set: a
    /// reading token must not get to write because an API key comes along, nor the other way round.
    ///
    /// Records are looked up anew after a second, or at once after a change that this process makes: a key that another
    /// process revokes works for one second more.
    ///
    /// # Errors
    /// `SP-REQUEST-009`, `-010` (API key) and `-027` (token) for credentials that don't hold, `-031` where a token's
    /// issuer can't be asked, `-032` for a genuine caller of no partner, `-012` for a disabled partner.
    pub async fn identify(&self, presented: Presented<'_>) -> Result<Identified> {
        // The cheap ones first; the last one that holds is the most particular.
        let mut proven: Option<Identified> = None;
        let mut nobodys = None;
        if let Some(fingerprint) = presented.certificate {
            match self.by_certificate(fingerprint).await {
                Err(error) if error.is(&codes::request::IDENTITY_UNKNOWN) => nobodys = Some(error),
                outcome => proven = Some(outcome?),
            }
        }
        if let Some(key) = presented.api_key {
            proven = Some(both(proven, self.by_key(key).await?)?);
        }
        if let Some(token) = presented.token {
            proven = Some(both(proven, self.by_token(token).await?)?);
        }
        let Some(caller) = proven else {
            return Err(nobodys.unwrap_or_else(nothing_presented));
        };
        enabled(caller)
    }

    /// Who a caller is for whom a gateway vouches. The partner is looked up all the same: it may be gone or switched off since
    /// the gateway asked.
    ///
    /// # Errors
    /// `SP-REQUEST-032` where there is no such partner, `-012` for a disabled one, `-027` for claims that are not for us.
    pub async fn vouched(&self, vouched: Vouched) -> Result<Identified> {
        match vouched {
            Vouched::Caller { partner, actor, issuer, scopes } => {
                let name = Name::Partner(partner);
                let partner = match self.known.get(&name) {
                    Some((partner, _)) => partner,
                    None => {
                        let gone = || {
                            Error::new(&codes::request::IDENTITY_UNKNOWN, format!("{}: its partner is gone", actor.id))
                        };
                        self.known.keep(name.clone(), self.look_up(&name).await?.ok_or_else(gone)?).0
                    }
                };
                enabled(Identified { partner, actor, issuer, scopes: scopes.into() })
            }
            Vouched::Claims(claims) => enabled(self.by_verified(self.verifier()?.vouched(&claims)?).await?),
        }
    }

    async fn by_certificate(&self, fingerprint: &str) -> Result<Identified> {
        let identity = Identity { issuer: CLIENT_CERTIFICATES.to_owned(), subject: fingerprint.to_owned() };
        let partner = self.partner_of(&identity).await?;
        let actor = Actor::new(ActorKind::ClientCertificate, identity.subject);
        Ok(Identified { partner, actor, issuer: Some(identity.issuer), scopes: self.certificate_scopes.clone() })
    }

    async fn by_token(&self, token: &str) -> Result<Identified> {
        self.by_verified(self.verifier()?.verify(token).await?).await
    }

    fn verifier(&self) -> Result<&dyn TokenVerifier> {
        self.tokens.as_deref().ok_or_else(|| {
            let detail = "no issuer of access tokens is configured; use an API key";
            Error::new(&codes::request::TOKEN_REFUSED, detail)
        })
    }

    async fn by_verified(&self, verified: VerifiedToken) -> Result<Identified> {
        let partner = self.partner_of(&verified.identity).await?;
        // Scopes of other services may be there too; they mean nothing here.
        let scopes: Vec<Scope> = verified.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        let Identity { issuer, subject } = verified.identity;
        Ok(Identified {
            partner,
            actor: Actor::new(ActorKind::Token, subject),
            issuer: Some(issuer),
            scopes: scopes.into(),
        })
    }

    /// [`identify`](Self::identify) where nothing has to be asked for it: an API key alone that was looked up within the last second.
    #[must_use]
    pub fn at_once(&self, presented: Presented<'_>) -> Option<Result<Identified>> {
        let Presented { certificate: None, api_key: Some(text), token: None } = presented else { return None };
        let (partner, key) = self.known.get(&name_of(text).ok()?)?;
        Some(holds(text, partner, key).and_then(enabled))
    }

    /// # Errors
    /// `SP-REQUEST-009` for an unknown key, `-010` for an expired or revoked one.
    async fn by_key(&self, text: &str) -> Result<Identified> {
        let name = name_of(text)?;
        let (partner, key) = match self.known.get(&name) {
            Some(found) => found,
            None => self.known.keep(name.clone(), self.look_up(&name).await?.ok_or_else(unknown_key)?),
        };
        holds(text, partner, key)
    }

    async fn partner_of(&self, identity: &Identity) -> Result<Arc<Partner>> {
        let name = Name::Identity(identity.clone());
        if let Some((partner, _)) = self.known.get(&name) {
            return Ok(partner);
        }
        let nobodys = || Error::new(&codes::request::IDENTITY_UNKNOWN, identity.to_string());
        let found = self.look_up(&name).await?.ok_or_else(nobodys)?;
        Ok(self.known.keep(name, found).0)
    }

    async fn look_up(&self, name: &Name) -> Result<Option<Found>> {
        // Before the look-up: what changes meanwhile makes the outcome old.
        let seen = self.known.now();
        let (partner, key) = match name {
            Name::Partner(id) => (self.records.partner(id).await?, None),
            Name::Identity(identity) => (self.records.partner_of(identity).await?, None),
            Name::ApiKey(id) => match self.records.api_key(id).await? {
                Some(key) => (self.records.partner(&key.partner).await?, Some(Arc::new(key))),
                None => return Ok(None),
            },
        };
        Ok(partner.map(|partner| Found { partner: Arc::new(partner), key, seen }))
    }
}

/// What an API key is looked up by.
fn name_of(text: &str) -> Result<Name> {
    let id = text.strip_prefix("sp_").and_then(|rest| rest.split_once('_')).map(|(id, _)| id);
    Ok(Name::ApiKey(id.ok_or_else(unknown_key)?.parse().map_err(|_| unknown_key())?))
}

/// The caller with an API key, if it is that key and holds now.
fn holds(text: &str, partner: Arc<Partner>, key: Option<Arc<ApiKey>>) -> Result<Identified> {
    let key = key.ok_or_else(unknown_key)?;
    let mut sha256 = [0; 64];
    let written = hex::encode_to_slice(Sha256::digest(text), &mut sha256);
    if written.is_err() || !equal(&sha256, key.sha256.as_bytes()) {
        return Err(unknown_key());
    }
    if key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        return Err(Error::new(&codes::request::KEY_EXPIRED, format!("API key {}", key.id)));
    }
    let actor = Actor::new(ActorKind::ApiKey, key.id.as_str());
    Ok(Identified { partner, actor, issuer: None, scopes: key.scopes.as_slice().into() })
}

fn unknown_key() -> Error {
    Error::new(&codes::request::UNAUTHORIZED, "the API key is not known")
}

/// A caller of a partner that is not switched off.
fn enabled(caller: Identified) -> Result<Identified> {
    if caller.partner.enabled {
        return Ok(caller);
    }
    Err(Error::new(&codes::request::PARTNER_DISABLED, format!("partner {}", caller.partner.id)))
}

/// What a look-up found.
struct Found {
    partner: Arc<Partner>,
    key: Option<Arc<ApiKey>>,
    seen: known::Moment,
}

/// Two credentials of one caller: the second one's name, the scopes of both.
fn both(first: Option<Identified>, second: Identified) -> Result<Identified> {
    let Some(first) = first else { return Ok(second) };
    if first.partner.id != second.partner.id {
        let detail = "the credentials of the request stand for different partners";
        return Err(Error::new(&codes::request::UNAUTHORIZED, detail).caused_by(Genuine));
    }
    let scopes: Vec<Scope> = second.scopes.iter().copied().filter(|scope| first.scopes.contains(scope)).collect();
    Ok(Identified { scopes: scopes.into(), ..second })
}

/// No credential at all: the one refusal that a challenge answers without an error code (RFC 6750, section 3.1).
#[must_use]
pub fn nothing_presented() -> Error {
    Error::new(&codes::request::UNAUTHORIZED, "the request has no credentials")
}

/// Compares without an early exit, so that the time taken tells nothing about where two digests differ.
fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other)) == 0
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
}
