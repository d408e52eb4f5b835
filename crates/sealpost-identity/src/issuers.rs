//! All configured issuers behind the port: finds the issuer of a token, and lets it decide.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use jiff::Timestamp;
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::identity::{Genuine, VerifiedToken};
use sealpost_core::port::TokenVerifier;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::cache::KeyCache;
use crate::claims;
use crate::fetch::Fetcher;
use crate::keys::{Choice, KeySet};
use crate::refusal::{quote, refused, unavailable};
use crate::settings::IssuerSettings;
use crate::timing::Timing;
use crate::token::Token;

/// The configured issuers. See the crate's documentation for what is checked.
pub struct Issuers {
    issuers: Vec<Issuer>,
}

struct Issuer {
    settings: IssuerSettings,
    keys: Arc<KeyCache>,
}

impl Issuers {
    /// The issuers of these blocks. Nothing is fetched yet.
    ///
    /// # Errors
    /// `SP-CONFIG-001` with every problem; its pointers start at the list of blocks (`/0/issuer`).
    pub fn new(settings: Vec<IssuerSettings>) -> Result<Self> {
        Self::with_timing(settings, &Timing::default())
    }

    /// The same, with other times than the usual ones.
    ///
    /// # Errors
    /// As [`Issuers::new`].
    pub fn with_timing(settings: Vec<IssuerSettings>, timing: &Timing) -> Result<Self> {
        let problems = problems(&settings);
        if !problems.is_empty() {
            let words: Vec<String> = problems.iter().map(|one| format!("{} {}", one.pointer, one.detail)).collect();
            let detail = format!("issuers of access tokens: {}", words.join("; "));
            return Err(Error::new(&codes::config::INVALID, detail).with_fields(problems));
        }
        let invalid = |why: String| Error::new(&codes::config::INVALID, format!("issuers of access tokens: {why}"));
        let fetcher = Arc::new(Fetcher::new(timing.request));
        let issuers = settings.into_iter().map(|settings| {
            let source = settings.key_source().map_err(invalid)?;
            let keys = KeyCache::new(&settings.name, &settings.issuer, source, fetcher.clone(), timing.clone());
            Ok(Issuer { settings, keys })
        });
        Ok(Self { issuers: issuers.collect::<Result<_>>()? })
    }

    /// Whether none is configured, so that no token can be accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Fetches every issuer's keys now, and again before they are stale, until shutdown. One slow issuer delays no other.
    ///
    /// Verifications work without it; with it the first ones need not wait, and removed keys are noticed where nothing
    /// is verified for a while.
    pub async fn refresh_in_background(&self, shutdown: CancellationToken) {
        join_all(self.issuers.iter().map(|issuer| issuer.keys.keep_fresh(&shutdown))).await;
    }

    /// Fetches the keys that are due. For processes that are stopped between requests (Lambda), before each request.
    ///
    /// An issuer is waited for until it has answered; one whose last fetch failed, for `patience`.
    pub async fn refresh_if_due(&self, patience: Duration) {
        join_all(self.issuers.iter().map(|issuer| issuer.keys.refresh_if_due(patience))).await;
    }

    fn of(&self, claims: &Map<String, Value>) -> Result<&Issuer> {
        let Some(Value::String(named)) = claims.get("iss") else {
            return Err(refused("it names no issuer (`iss`)"));
        };
        if let Some(issuer) = self.issuers.iter().find(|issuer| issuer.settings.issuer == *named) {
            return Ok(issuer);
        }
        let plain = |url: &str| url.trim_end_matches('/').to_owned();
        let nearly = self.issuers.iter().any(|issuer| plain(&issuer.settings.issuer) == plain(named));
        let hint = if nearly { "; one that differs only by the slash at its end is" } else { "" };
        Err(refused(format!("issuer {} is not accepted here{hint}", quote(named))))
    }
}

impl Issuer {
    async fn verify(&self, token: &Token<'_>) -> Result<VerifiedToken> {
        let algorithm = token.header.algorithm;
        if self.settings.algorithms.as_ref().is_some_and(|accepted| !accepted.contains(&algorithm)) {
            return Err(refused(format!("algorithm `{}` is not accepted from this issuer", algorithm.as_str())));
        }
        let cached = self.keys.for_token(&token.header).await?;
        let mut good = is_signed(&cached.keys, token)?;
        if !good && token.header.key_id.is_none() {
            // Where no id tells them apart, a new key looks like a wrong signature.
            let newer = self.keys.newer(Arc::clone(&cached), &token.header).await?;
            good = !Arc::ptr_eq(&newer, &cached) && is_signed(&newer.keys, token)?;
        }
        if !good {
            return Err(refused("its signature is wrong"));
        }
        // Whoever has a token with a good signature was given it, whatever else is wrong with it.
        claims::check(&token.claims, &self.settings, Timestamp::now()).map_err(|error| error.caused_by(Genuine))
    }

    async fn check(&self) -> Result<String> {
        let cached = self.keys.refresh().await?;
        let keys = cached.keys.describe();
        if cached.keys.is_empty() {
            return Err(unavailable(
                &self.settings.name,
                &format!("{} has no key that can be used: {keys}", cached.url),
            ));
        }
        Ok(format!("keys from {}, fresh for {} min: {keys}", cached.url, cached.age.as_secs() / 60))
    }
}

/// Whether one of the issuer's keys that are for the token signed it.
///
/// # Errors
/// `SP-REQUEST-027` where none is for it.
fn is_signed(keys: &KeySet, token: &Token<'_>) -> Result<bool> {
    let algorithm = token.header.algorithm;
    match keys.choose(&token.header) {
        Choice::Fitting(keys) => Ok(keys.iter().any(|key| key.verifies(token.signature, token.signed, algorithm))),
        Choice::Refused(why) => Err(refused(why)),
        Choice::Unknown => {
            let key = match &token.header.key_id {
                Some(id) => format!("key {}", quote(id)),
                None => format!("key for {}", algorithm.as_str()),
            };
            Err(refused(format!("the issuer has no {key}; where it is a new key, try again in a minute")))
        }
    }
}

#[async_trait]
impl TokenVerifier for Issuers {
    async fn verify(&self, token: &str) -> Result<VerifiedToken> {
        let token = Token::read(token)?;
        self.of(&token.claims)?.verify(&token).await
    }

    fn vouched(&self, claims: &Map<String, Value>) -> Result<VerifiedToken> {
        claims::check_vouched(claims, &self.of(claims)?.settings, Timestamp::now())
            .map_err(|error| error.caused_by(Genuine))
    }

    async fn check(&self) -> Vec<(String, Result<String>)> {
        let check = async |issuer: &Issuer| (issuer.settings.name.clone(), issuer.check().await);
        join_all(self.issuers.iter().map(check)).await
    }
}

/// Everything that is wrong with the blocks, each alone and all together.
fn problems(settings: &[IssuerSettings]) -> Vec<FieldError> {
    let mut problems = Vec::new();
    for (number, block) in settings.iter().enumerate() {
        let inside = |problem: FieldError| FieldError::new(format!("/{number}{}", problem.pointer), problem.detail);
        problems.extend(block.problems().into_iter().map(inside));
        let before = &settings[..number];
        if before.iter().any(|other| other.name == block.name) {
            problems.push(FieldError::new(format!("/{number}/name"), format!("{} stands twice", quote(&block.name))));
        }
        // Two blocks for one issuer could map one caller to two identities, and so to two partners.
        let same = |other: &IssuerSettings| other.issuer.trim_end_matches('/') == block.issuer.trim_end_matches('/');
        if before.iter().any(same) {
            let detail = format!("{} stands twice; give the one block all audiences and clients", quote(&block.issuer));
            problems.push(FieldError::new(format!("/{number}/issuer"), detail));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn block(name: &str, issuer: &str) -> IssuerSettings {
        serde_json::from_value(json!({"name": name, "issuer": issuer, "audiences": ["x"]})).unwrap()
    }

    #[test]
    fn a_name_and_a_url_stand_once() {
        let pointers = |blocks: Vec<IssuerSettings>| -> Vec<String> {
            match Issuers::new(blocks) {
                Ok(_) => Vec::new(),
                Err(error) => {
                    assert!(error.is(&codes::config::INVALID));
                    error.fields().iter().map(|field| field.pointer.clone()).collect()
                }
            }
        };
        let (a, b) = ("https://a.example", "https://b.example");
        assert!(pointers(vec![block("a", a), block("b", b)]).is_empty());
        assert_eq!(pointers(vec![block("a", a), block("a", b)]), ["/1/name"]);
        assert_eq!(pointers(vec![block("a", a), block("b", "https://a.example/")]), ["/1/issuer"]);
        assert_eq!(pointers(vec![block("a", a), block("mtls", "x")]), ["/1/name", "/1/issuer"]);
    }
}
