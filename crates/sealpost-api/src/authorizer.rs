//! Sealpost as a Lambda authorizer of API Gateway: who calls is decided by the same code as behind our own listener.
//!
//! | event | answer |
//! | --- | --- |
//! | `TOKEN`, `REQUEST` (REST APIs; payload 1.0 of HTTP APIs) | IAM policy for the whole stage |
//! | `REQUEST` with `version` 2.0 (HTTP APIs) | the same, or the simple answer where that is configured |
//!
//! API Gateway keeps an answer for as long as its cache says and uses it for other routes of the stage too. A policy
//! therefore allows the stage and denies the operations whose scope the caller lacks, whatever route was asked first. A
//! simple answer can't say that: with it, `$context.routeKey` has to be one of the identity sources.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::audit::ActorKind;
use sealpost_core::error::{Error, Kind, codes};
use sealpost_pipeline::identify::{Authenticator, Identified};
use serde_json::{Value as Json, json};

use crate::authenticate::headers;

mod event;
mod policy;

use event::Event;

/// How the authorizer answers.
#[derive(Debug, Clone)]
pub struct AuthorizerSettings {
    /// Gives the simple answer to events of version 2.0; the API has to be set so.
    pub simple: bool,
    /// `usageIdentifierKey`: the value of the API key of API Gateway that the caller's usage counts for, where the API's
    /// key source is `AUTHORIZER`. `{partner}` is the partner's id; `{key}` the API key's, or for other callers the
    /// partner's. Such keys have 20 to 128 characters. Left out when empty.
    pub usage_key: String,
}

impl Default for AuthorizerSettings {
    fn default() -> Self {
        Self { simple: false, usage_key: "sealpost-usage-of-partner-{partner}".to_owned() }
    }
}

/// Answers one event.
///
/// # Errors
/// Kind `Unauthorized` where credentials are missing or don't hold: the function has to fail with exactly
/// [`UNAUTHORIZED`] then, which API Gateway makes a 401. Any other error becomes its 500: `SP-REQUEST-001` for what is no
/// event, `SP-REQUEST-031` where a token's issuer can't be asked, `SP-LEDGER-…`.
pub async fn authorize(event: &Json, authenticator: &Authenticator, settings: &AuthorizerSettings) -> Result<Json> {
    let event = Event::read(event)?;
    let caller = match identify(&event, authenticator).await {
        Ok(caller) => caller,
        // Genuine, but nobody's or switched off: an explicit answer, which is kept and asked for less often.
        Err(error) if error.kind() == Kind::Forbidden => return denied(&event, settings, &error),
        Err(error) => return Err(error),
    };
    if caller.scopes.is_empty() {
        let detail = "the credentials have no scope of this service";
        return denied(&event, settings, &Error::new(&codes::request::SCOPE_MISSING, detail));
    }
    let context = context(&caller);
    if settings.simple && event.is_v2 {
        let allowed = policy::allows(&event.operations, &caller.scopes);
        return Ok(json!({"isAuthorized": allowed, "context": context}));
    }
    let mut answer = json!({
        "principalId": caller.partner.id,
        "policyDocument": policy::allow(&event.stage, &caller.scopes)?,
        "context": context,
    });
    if !settings.usage_key.is_empty() {
        answer["usageIdentifierKey"] = Json::from(usage_key(&settings.usage_key, &caller));
    }
    Ok(answer)
}

/// What a function's error message has to be for a 401.
pub const UNAUTHORIZED: &str = "Unauthorized";

async fn identify(event: &Event, authenticator: &Authenticator) -> Result<Identified> {
    let mut presented = headers::presented(&event.headers)?;
    // Not one of ours: a key of API Gateway's own usage plans, which says nothing about who calls.
    if presented.token.is_some() {
        presented.api_key = presented.api_key.filter(|key| key.starts_with("sp_"));
    }
    if let Some(certificate) = &event.certificate {
        if certificate.has_ended(Timestamp::now()) {
            return Err(Error::new(&codes::request::UNAUTHORIZED, "the client certificate has expired"));
        }
        presented.certificate = Some(certificate.fingerprint());
    }
    authenticator.identify(presented).await
}

fn denied(event: &Event, settings: &AuthorizerSettings, error: &Error) -> Result<Json> {
    let context = json!({"code": error.code().id, "detail": error.detail()});
    if settings.simple && event.is_v2 {
        return Ok(json!({"isAuthorized": false, "context": context}));
    }
    // API Gateway wants a principal for a denial too, and there is none that counts.
    let document = policy::deny(&event.stage)?;
    Ok(json!({"principalId": "denied", "policyDocument": document, "context": context}))
}

/// What the integration gets to know: flat, because API Gateway passes on text, numbers and booleans only.
fn context(caller: &Identified) -> BTreeMap<&'static str, String> {
    let kind = match caller.actor.kind {
        ActorKind::Token => "token",
        ActorKind::ClientCertificate => "client_certificate",
        _ => "api_key",
    };
    let scopes: Vec<&str> = caller.scopes.iter().map(|scope| scope.as_str()).collect();
    let mut context = BTreeMap::from([
        ("partner", caller.partner.id.to_string()),
        ("actor", caller.actor.id.clone()),
        ("actor_kind", kind.to_owned()),
        ("scopes", scopes.join(" ")),
    ]);
    if let Some(issuer) = &caller.issuer {
        context.insert("issuer", issuer.clone());
    }
    context
}

fn usage_key(template: &str, caller: &Identified) -> String {
    let partner = caller.partner.id.as_str();
    let key = if caller.actor.kind == ActorKind::ApiKey { caller.actor.id.as_str() } else { partner };
    template.replace("{partner}", partner).replace("{key}", key)
}
