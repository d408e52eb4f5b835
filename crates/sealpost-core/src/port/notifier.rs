//! Notifications to the outside.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;

/// Posts one message to one address, once; addresses that are not public are refused at every attempt, after the name
/// was resolved, and redirects are not followed.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Whether the address may be used at all, without calling it: scheme, host, port.
    ///
    /// # Errors
    /// `SP-REQUEST-036` with the reason.
    fn admit(&self, url: &str) -> Result<()>;

    /// Posts, and gives the head of the answer, whatever its status is. The answer's body is not read.
    ///
    /// # Errors
    /// `SP-NOTIFY-001`, `-002`, `-004`, `-005`.
    async fn post(&self, post: Post<'_>) -> Result<Answer>;
}

/// One message.
pub struct Post<'a> {
    /// Where to.
    pub url: &'a str,
    /// Headers beside `content-type` and `user-agent`.
    pub headers: &'a [(&'static str, String)],
    /// A body of JSON.
    pub body: &'a str,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// How long the server asks to be left alone (`Retry-After`, RFC 9110 section 10.2.3).
    pub retry_after: Option<Duration>,
}
