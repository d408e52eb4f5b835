//! What an authorizer of the gateway says about the caller.

use sealpost_core::Result;
use sealpost_core::audit::{Actor, ActorKind};
use sealpost_core::error::{Error, codes};
use sealpost_core::identity::Scope;
use sealpost_pipeline::identify::Vouched;
use serde_json::Value as Json;

/// What an authorizer of the gateway said about the caller, or why that can't be read: an extension of requests for which an
/// operator told us to take its word.
#[derive(Clone)]
pub(crate) struct Word(pub(crate) Result<Vouched>);

/// What the event has from our own authorizer (`crate::authorizer`), or from one for access tokens; `None` where it has
/// neither, so that the caller has to show credentials.
pub(super) fn word(event: &Json) -> Option<Word> {
    let context = &event["requestContext"]["authorizer"];
    // HTTP APIs put it one level down, by the kind of authorizer.
    let ours = if context["lambda"].is_object() { &context["lambda"] } else { context };
    if let Some(partner) = ours["partner"].as_str() {
        return Some(Word(caller(partner, ours)));
    }
    let claims = context["jwt"]["claims"].as_object().or_else(|| context["claims"].as_object());
    claims.map(|claims| Word(Ok(Vouched::Claims(claims.clone()))))
}

fn caller(partner: &str, context: &Json) -> Result<Vouched> {
    let strange =
        |what: &str| Error::new(&codes::request::INTERNAL, format!("the gateway's authorizer gives no {what}"));
    let text = |name: &str| context[name].as_str().ok_or_else(|| strange(name));
    let kind = match text("actor_kind")? {
        "token" => ActorKind::Token,
        "client_certificate" => ActorKind::ClientCertificate,
        "api_key" => ActorKind::ApiKey,
        _ => return Err(strange("known actor_kind")),
    };
    // Our own of another version may know more scopes than we do.
    let scopes: Vec<Scope> = text("scopes")?.split_whitespace().filter_map(|scope| scope.parse().ok()).collect();
    Ok(Vouched::Caller {
        partner: partner.parse().map_err(|_| strange("partner's id"))?,
        actor: Actor::new(kind, text("actor")?),
        issuer: context["issuer"].as_str().map(str::to_owned),
        scopes,
    })
}
