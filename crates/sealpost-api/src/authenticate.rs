//! Who calls, and whether that is allowed: client certificates, API keys, access tokens, scopes.
//!
//! Part of what lies around every route of the partner plane, so that a new endpoint can't forget it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request};
use http::header::{self, HeaderMap};
use http::request::Parts;
use jiff::Timestamp;
use sealpost_core::audit::Actor;
use sealpost_core::error::{Error, codes};
use sealpost_core::identity::{Genuine, Scope};
use sealpost_core::partner::Partner;
use sealpost_pipeline::identify::{Identified, nothing_presented};

use crate::edge::Trail;
use crate::gateway::Word;
use crate::problem::Problem;
use crate::serve::ClientCertificate;
use crate::state::State;
use crate::throttle;

mod challenge;
pub(crate) mod headers;
pub(crate) mod operation;

pub(crate) use challenge::refuse;
pub(crate) use headers::credential;
use operation::Asked;
pub(crate) use operation::Operation;

/// Who a request is from and what it asks for: an extension of every request that was let in. One, since each takes an
/// allocation and a place.
#[derive(Clone)]
pub(crate) struct Authenticated {
    /// The partner.
    pub(crate) partner: Arc<Partner>,
    /// What it asks for.
    pub(crate) operation: &'static Operation,
    actor: Actor,
    scopes: Arc<[Scope]>,
}

impl Authenticated {
    /// No scope, no endpoint.
    pub(crate) fn check_scope(&self) -> Result<(), Problem> {
        let needed = self.operation.scope;
        if self.scopes.contains(&needed) { Ok(()) } else { Err(challenge::lacks(needed)) }
    }
}

/// What was found out about the caller.
fn authenticated(parts: &Parts) -> Result<&Authenticated, Problem> {
    parts.extensions.get().ok_or_else(|| refuse(nothing_presented()))
}

/// The partner that a request is from.
pub(crate) struct Caller(pub(crate) Arc<Partner>);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(authenticated(parts)?.partner.clone()))
    }
}

/// How the caller proved who it is, and what it may do with that.
pub(crate) struct Credentials {
    /// Who acts, for the audit trail.
    pub(crate) actor: Actor,
    /// What it may do.
    pub(crate) scopes: Arc<[Scope]>,
    /// The id of the request.
    pub(crate) request_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Credentials {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Authenticated { actor, scopes, .. } = authenticated(parts)?.clone();
        let request_id = parts.extensions.get::<Trail>().map(|trail| trail.id().to_owned()).unwrap_or_default();
        Ok(Self { actor, scopes, request_id })
    }
}

/// No partner, no endpoint.
pub(crate) async fn authenticate(state: &State, request: &mut Request) -> Result<Authenticated, Problem> {
    let caller = match request.extensions_mut().remove::<Word>() {
        // Verified by the gateway in front of us, whose word the operator told us to take.
        Some(Word(Ok(vouched))) => Box::pin(state.authenticator.vouched(vouched)).await,
        Some(Word(Err(error))) => Err(error),
        None => {
            let certificate = request.extensions().get::<ClientCertificate>().cloned();
            identify(state, request.headers(), certificate.as_ref()).await
        }
    };
    let caller = caller.map_err(refuse)?;
    if let Some(trail) = request.extensions().get::<Trail>() {
        trail.is_of(&caller.partner);
    }
    let Identified { partner, actor, scopes, .. } = caller;
    match asked(request) {
        Asked::Operation(operation) => Ok(Authenticated { partner, operation, actor, scopes }),
        nothing => {
            // Asking for what is not there counts for the partner's plan like everything else.
            let trail = request.extensions().get::<Trail>().cloned().unwrap_or_default();
            throttle::throttle(state, &trail, &partner, NO_OPERATION).await?;
            Err(no_operation(nothing))
        }
    }
}

/// The name under which requests for nothing count; no limit of a single operation is called like that.
const NO_OPERATION: &str = "";

fn no_operation(asked: Asked) -> Problem {
    match asked {
        Asked::OtherMethods(methods) => {
            let error = Error::new(&codes::request::METHOD, "this path has no such method");
            Problem::from(error).with_header(header::ALLOW, &methods)
        }
        Asked::NoVerb => {
            let detail = "this path needs a verb behind the id, `{id}:verb`, and has no such one";
            Error::new(&codes::request::UNKNOWN_PATH, detail).into()
        }
        Asked::Operation(_) | Asked::Unknown => {
            let detail = "the endpoint has no row in the table of scopes, so nobody may use it";
            Error::new(&codes::request::INTERNAL, detail).into()
        }
    }
}

async fn identify(
    state: &State,
    headers: &HeaderMap,
    certificate: Option<&ClientCertificate>,
) -> Result<Identified, Error> {
    let mut presented = headers::presented(headers)?;
    if let Some(certificate) = certificate {
        if certificate.has_ended(Timestamp::now()) {
            let error = Error::new(&codes::request::UNAUTHORIZED, "the client certificate has expired");
            return Err(error.caused_by(Genuine));
        }
        presented.certificate = Some(certificate.fingerprint());
    }
    match state.authenticator.at_once(presented) {
        Some(known) => known,
        None => Box::pin(state.authenticator.identify(presented)).await,
    }
}

fn asked(request: &Request) -> Asked {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    operation::asked(request.method(), route, request.uri().path())
}
