//! Who calls: API keys of partners, as `Authorization: Bearer …` (RFC 6750) or `x-api-key`.
//!
//! A layer around every route of the partner plane, so that a new endpoint can't forget it.

use std::sync::Arc;

use axum::extract::{self, FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderMap};
use http::request::Parts;
use sealpost_core::audit::{Actor, ActorKind};
use sealpost_core::error::{Error, Kind, codes};
use sealpost_core::identity::Scope;
use sealpost_core::partner::Partner;

use crate::edge::Trail;
use crate::problem::Problem;
use crate::state::State;

/// The partner that a request is from.
#[derive(Clone)]
pub(crate) struct Caller(pub(crate) Arc<Partner>);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| refuse(nothing_given()))
    }
}

/// How the caller proved who it is, and what it may do with that.
#[derive(Clone)]
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
        parts.extensions.get::<Self>().cloned().ok_or_else(|| refuse(nothing_given()))
    }
}

/// The layer: no partner, no endpoint.
pub(crate) async fn authenticate(
    extract::State(state): extract::State<State>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let credential = credential(request.headers()).map_err(refuse)?;
    let (partner, key) = state.pipeline.authenticate(&credential).await.map_err(refuse)?;
    let trail = request.extensions().get::<Trail>().cloned().unwrap_or_default();
    trail.is_of(&partner.id);
    request.extensions_mut().insert(Credentials {
        actor: Actor::new(ActorKind::ApiKey, key.id.as_str()),
        scopes: key.scopes.into(),
        request_id: trail.id().to_owned(),
    });
    request.extensions_mut().insert(Caller(Arc::new(partner)));
    Ok(next.run(request).await)
}

/// The credential of a request: exactly one.
pub(crate) fn credential(headers: &HeaderMap) -> Result<String, Error> {
    let unusable = |detail: &str| Error::new(&codes::request::UNAUTHORIZED, detail);
    let mut found: Option<String> = None;
    for (name, value) in headers {
        let value = match name.as_str() {
            "authorization" => {
                bearer(value.to_str().ok()).ok_or_else(|| unusable("`Authorization` is not `Bearer` and a key"))?
            }
            "x-api-key" => value.to_str().map_err(|_| unusable("`x-api-key` is not text"))?.trim(),
            _ => continue,
        };
        if found.as_deref().is_some_and(|other| other != value) {
            return Err(unusable("the request has two different credentials"));
        }
        found = Some(value.to_owned());
    }
    found.filter(|value| !value.is_empty()).ok_or_else(nothing_given)
}

/// The token of `Bearer <token>`; a bare token too, as API Gateway takes it.
fn bearer(value: Option<&str>) -> Option<&str> {
    let value = value?.trim();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        Some(_) => None,
        None => Some(value),
    }
}

fn nothing_given() -> Error {
    Error::new(&codes::request::UNAUTHORIZED, "the request has no credentials")
}

/// A 401 says how to authenticate (RFC 9110, section 11.6.1).
pub(crate) fn refuse(error: Error) -> Problem {
    let challenge = match error.kind() {
        Kind::Unauthorized if error.detail() == nothing_given().detail() => r#"Bearer realm="sealpost""#,
        Kind::Unauthorized => r#"Bearer realm="sealpost", error="invalid_token""#,
        _ => return error.into(),
    };
    Problem::from(error).with_header(header::WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Result<String, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        credential(&headers)
    }

    #[test]
    fn a_key_comes_in_either_header() {
        for pairs in [
            &[("authorization", "Bearer sp_a")][..],
            &[("authorization", "bearer  sp_a")],
            &[("authorization", "sp_a")],
            &[("x-api-key", "sp_a")],
            &[("x-api-key", "sp_a"), ("authorization", "Bearer sp_a")],
        ] {
            assert_eq!(of(pairs).expect("a credential"), "sp_a");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for pairs in [
            &[][..],
            &[("authorization", "Basic c3A6YQ==")],
            &[("authorization", "Bearer")],
            &[("x-api-key", "")],
            &[("x-api-key", "sp_a"), ("authorization", "Bearer sp_b")],
            &[("x-api-key", "sp_a"), ("x-api-key", "sp_b")],
        ] {
            // `Bearer` alone is taken as a bare token, which no key store knows.
            assert!(of(pairs).map_or(true, |text| text == "Bearer"), "{pairs:?}");
        }
    }
}
