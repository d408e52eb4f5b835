//! Notifications to the outside.

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

    /// Posts, and gives the status of the answer, whatever it is. The answer's body is not read.
    ///
    /// # Errors
    /// `SP-NOTIFY-001`, `-002`, `-004`, `-005`.
    async fn post(&self, post: Post<'_>) -> Result<u16>;
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
