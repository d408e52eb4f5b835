//! The operator plane: what `sealpost apply`, the console and scripts of operators call. Own listener, own token.

pub(crate) mod authenticate;
pub mod certificates;
pub mod connectors;
pub mod keys;
pub(crate) mod metrics;
pub mod partners;
pub mod queue;
pub mod report_types;
pub mod reports;
pub(crate) mod schema;

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;

pub use crate::router::admin as router;

/// A partner by id.
async fn partner(pipeline: &Pipeline, id: &PartnerId) -> Result<Partner> {
    let found = pipeline.parts().records.partner(id).await?;
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("partner {id}")))
}

/// `{id}:{verb}`: the id, where the verb is the expected one.
fn before_verb<'a>(segment: &'a str, verb: &str) -> Result<&'a str> {
    match segment.split_once(':') {
        Some((id, given)) if given == verb => Ok(id),
        _ => Err(Error::new(&codes::request::UNKNOWN_PATH, format!("this method needs `:{verb}` behind the id"))),
    }
}
