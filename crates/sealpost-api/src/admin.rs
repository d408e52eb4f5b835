//! The operator plane: what `sealpost apply`, the console and scripts of operators call. Own listener, own token.

pub mod audit;
pub(crate) mod authenticate;
pub mod certificates;
pub mod changes;
pub mod connectors;
pub mod keys;
pub(crate) mod metrics;
pub mod partners;
pub mod queue;
pub mod report_types;
pub mod reports;
pub(crate) mod schema;
pub mod webhooks;

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use sealpost_core::audit::{Actor, ActorKind};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::audit::Author;

use crate::edge::Trail;

pub use crate::router::admin as router;

/// The operator who acts, for the audit trail. The admin token is one for all, so it has no name.
pub(crate) struct Operator(pub(crate) Author);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let request_id = parts.extensions.get::<Trail>().map(|trail| trail.id().to_owned());
        Ok(Self(Author { actor: Actor::new(ActorKind::Operator, "admin"), request_id }))
    }
}

/// A partner by id.
async fn partner(pipeline: &Pipeline, id: &PartnerId) -> Result<Partner> {
    let found = pipeline.parts().records.partner(id).await?;
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("partner {id}")))
}

/// `{id}:{verb}`: the id, where the verb is the expected one.
pub(crate) fn before_verb<'a>(segment: &'a str, verb: &str) -> Result<&'a str> {
    match segment.split_once(':') {
        Some((id, given)) if given == verb => Ok(id),
        _ => Err(Error::new(&codes::request::UNKNOWN_PATH, format!("this method needs `:{verb}` behind the id"))),
    }
}
