//! `/v1/webhooks`: addresses of the partner's own that are told what happens. Secrets are shown once, when they are made.

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::WebhookId;
use sealpost_pipeline::audit::Author;

use crate::authenticate::Credentials;

pub mod act;
pub mod change;
pub mod create;
pub(crate) mod filter;
pub mod list;
pub mod notifications;
pub mod ping;
pub mod remove;
pub mod replay;
pub mod replay_failed;
pub mod rotate;
pub mod show;
pub mod wire;

/// Who acts, for the audit trail.
fn author(credentials: Credentials) -> Author {
    Author { actor: credentials.actor, request_id: Some(credentials.request_id) }
}

/// `{id}:{verb}`.
fn id_and_verb(segment: &str) -> Result<(WebhookId, &str)> {
    let unknown =
        || Error::new(&codes::request::UNKNOWN_PATH, "this method needs a verb behind the id, such as `:ping`");
    let (id, verb) = segment.rsplit_once(':').ok_or_else(unknown)?;
    Ok((id.parse().map_err(|_| Error::new(&codes::request::NOT_FOUND, "nothing has this id"))?, verb))
}
