//! Whether a path names anything, and what: links are looked at, not followed.

use sealpost_core::error::{Error, Result, codes};

use super::client::{Client, protocol};
use super::packet::{self, Attributes, Reply, Request};
use super::status::Fault;

/// What a path names.
#[derive(Debug)]
pub(super) enum Presence {
    /// Something, with these attributes.
    Present(Attributes),
    /// Nothing.
    Missing,
    /// The server does not say.
    Hidden,
}

/// Looks at several paths in one round trip; the answers are in the order of the paths.
///
/// # Errors
/// Without an answer to all of them.
pub(super) async fn look<const N: usize>(client: &Client, paths: [&str; N]) -> Result<[Presence; N]> {
    let requests = paths.map(|path| move |id| Request::new(packet::LSTAT, id).string(path.as_bytes()));
    let answers = client.ask_all("look at a path", requests).await?;
    let found: Vec<Presence> = answers.into_iter().map(presence).collect::<Result<_>>()?;
    found.try_into().map_err(|_| protocol("look at a path"))
}

fn presence(answer: Result<Reply, Fault>) -> Result<Presence> {
    match answer {
        Ok(Reply::Attributes(attributes)) => Ok(Presence::Present(attributes)),
        Ok(_) => Err(protocol("look at a path")),
        Err(Fault::Refused(refusal)) if refusal.is_missing() => Ok(Presence::Missing),
        Err(Fault::Refused(_)) => Ok(Presence::Hidden),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// The error of a path that names nothing.
pub(super) fn missing(path: &str) -> Error {
    Error::new(&codes::deliver::NO_SUCH_FILE, format!("`{path}` does not exist on the server"))
}
