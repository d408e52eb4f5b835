//! What a token says, against what its issuer's block accepts: kind, audience, client, caller.

use jiff::Timestamp;
use sealpost_core::error::Result;
use sealpost_core::identity::{Identity, LONGEST_SUBJECT, VerifiedToken, is_subject};
use serde_json::{Map, Value};

use crate::profile::{EVERY_ACCESS_TOKEN, Mark};
use crate::refusal::{quote, refused};
use crate::settings::IssuerSettings;
use crate::{lifetime, scopes};

type Claims = Map<String, Value>;

/// Checks the claims of a token whose signature was checked before.
pub(crate) fn check(claims: &Claims, accepted: &IssuerSettings, now: Timestamp) -> Result<VerifiedToken> {
    timeless(claims, accepted, lifetime::check(claims, now)?)
}

/// Checks the claims of a token of which somebody else has checked signature and time.
pub(crate) fn check_vouched(claims: &Claims, accepted: &IssuerSettings, now: Timestamp) -> Result<VerifiedToken> {
    timeless(&unfolded(claims), accepted, now)
}

/// API Gateway hands claims on as text, lists as `[a b]`.
fn unfolded(claims: &Claims) -> Claims {
    let unfold = |value: &Value| {
        let list = value.as_str().and_then(|text| text.strip_prefix('[')).and_then(|text| text.strip_suffix(']'));
        list.map_or_else(|| value.clone(), |list| list.split_whitespace().map(Value::from).collect())
    };
    claims.iter().map(|(name, value)| (name.clone(), unfold(value))).collect()
}

/// All but the time.
fn timeless(claims: &Claims, accepted: &IssuerSettings, expires_at: Timestamp) -> Result<VerifiedToken> {
    let profile = accepted.profile.entry();
    for mark in EVERY_ACCESS_TOKEN.iter().chain(profile.marks) {
        check_mark(claims, *mark)?;
    }
    check_audience(claims, accepted)?;
    let scopes = scopes::read(claims, profile.scopes, accepted.scope_prefix.as_deref())?;
    let subject = subject(claims, accepted)?;
    Ok(VerifiedToken { identity: Identity { issuer: accepted.name.clone(), subject }, scopes, expires_at })
}

fn check_mark(claims: &Claims, mark: Mark) -> Result<()> {
    let value = |claim: &str| claims.get(claim);
    let other = |claim: &str, wanted: &str| {
        let found = match value(claim) {
            None => "is missing".to_owned(),
            Some(Value::String(text)) => format!("is {}", quote(text)),
            Some(_) => "is not a string".to_owned(),
        };
        Err(refused(format!("it is no access token: its `{claim}` {found}, not `{wanted}`")))
    };
    match mark {
        Mark::Is(claim, wanted) if value(claim).is_none_or(|found| found != wanted) => other(claim, wanted),
        Mark::IsOrMissing(claim, wanted) if value(claim).is_some_and(|found| found != wanted) => other(claim, wanted),
        Mark::IsNot(claim, unwanted) => match value(claim).and_then(Value::as_str) {
            Some(found) if unwanted.contains(&found) => {
                Err(refused(format!("it is no access token: its `{claim}` is {}", quote(found))))
            }
            _ => Ok(()),
        },
        Mark::Has(any) if any.iter().all(|claim| value(claim).is_none()) => {
            Err(refused(format!("it is no access token: it lacks `{}`", any.join("` or `"))))
        }
        Mark::HasNot(claim, meaning) if value(claim).is_some() => Err(refused(format!("it has `{claim}`: {meaning}"))),
        _ => Ok(()),
    }
}

/// A token for another service must never work here, also where both trust the same issuer (RFC 8725 section 3.9).
fn check_audience(claims: &Claims, accepted: &IssuerSettings) -> Result<()> {
    let audiences: Option<Vec<&str>> = match claims.get("aud") {
        None => None,
        Some(Value::String(one)) => Some(vec![one]),
        Some(Value::Array(many)) => match many.iter().map(Value::as_str).collect() {
            Some(many) => Some(many),
            None => return Err(refused("its audience (`aud`) is not a list of strings")),
        },
        Some(_) => return Err(refused("its audience (`aud`) is neither a string nor a list")),
    };
    let names_us = |audience: &&str| accepted.audiences.iter().any(|ours| ours == audience);
    if let Some(audiences) = &audiences
        && !audiences.iter().any(names_us)
    {
        let shown: Vec<String> = audiences.iter().take(3).map(|audience| quote(audience)).collect();
        return Err(refused(match shown.len() {
            0 => "its audience (`aud`) is empty".to_owned(),
            _ => format!("audience {} is not accepted here", shown.join(", ")),
        }));
    }
    if !accepted.client_ids.is_empty() {
        check_client(claims, accepted)
    } else if audiences.is_none() {
        Err(refused("it is for no audience (`aud`)"))
    } else {
        Ok(())
    }
}

fn check_client(claims: &Claims, accepted: &IssuerSettings) -> Result<()> {
    let names = accepted.profile.entry().client;
    let Some((name, value)) = names.iter().find_map(|name| Some((name, claims.get(*name)?))) else {
        return Err(refused(format!("it says not which client it was issued to (`{}`)", names.join("`, `"))));
    };
    let Some(client) = value.as_str() else {
        return Err(refused(format!("its client (`{name}`) is not a string")));
    };
    if accepted.client_ids.iter().any(|known| known == client) {
        return Ok(());
    }
    Err(refused(format!("client {} is not accepted here", quote(client))))
}

fn subject(claims: &Claims, accepted: &IssuerSettings) -> Result<String> {
    let configured = accepted.subject_claim.as_deref();
    let names: Vec<&str> = configured.map_or_else(|| accepted.profile.entry().subject.to_vec(), |name| vec![name]);
    let Some((name, value)) = names.iter().find_map(|name| Some((name, claims.get(*name)?))) else {
        return Err(refused(format!("it says not who the caller is (`{}`)", names.join("`, `"))));
    };
    match value.as_str() {
        Some(subject) if is_subject(subject) => Ok(subject.to_owned()),
        _ => Err(refused(format!("its `{name}` is not a name of 1 to {LONGEST_SUBJECT} bytes"))),
    }
}

#[cfg(test)]
mod tests;
