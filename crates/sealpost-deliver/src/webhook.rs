//! Webhooks: one POST over HTTPS to an address that a partner chose, so it is checked as a stranger's.
//!
//! Before each attempt scheme, host and port are checked; a name is resolved once, every address it has is checked, and
//! one of those is connected to. Redirects are not followed, proxies of the environment are not used, connections are
//! not kept, and the answer's body is not read.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, Response};
use sealpost_core::address::Network;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{Answer, Notifier, Post};
use tokio::sync::OnceCell;

mod address;
mod fault;
mod range;
mod resolve;

/// What the operator allows beyond public https addresses, and how long a server may take.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Whether private networks (RFC 1918, unique local, loopback) may be called. Link-local addresses, metadata
    /// services and reserved ranges stay closed.
    pub allow_private: bool,
    /// Networks that may be called, whatever they are.
    pub allow: Vec<Network>,
    /// Whether `http` may be used.
    pub allow_http: bool,
    /// Certificate authorities in PEM that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// From the name to the TLS connection; 5 s.
    pub connect_timeout: Duration,
    /// The whole attempt, up to the head of the answer; 15 s.
    pub timeout: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            allow_private: false,
            allow: Vec::new(),
            allow_http: false,
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
        }
    }
}

/// The way to partners' webhooks.
pub struct Webhooks {
    settings: WebhookSettings,
    range: range::Range,
    /// Made at the first notification: it reads the system's certificate authorities.
    client: OnceCell<Client>,
}

impl Webhooks {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(settings: WebhookSettings) -> Self {
        let range = range::Range::new(settings.allow_private, &settings.allow);
        Self { settings, range, client: OnceCell::new() }
    }

    /// Whether notifications could be posted: reads the certificate authorities.
    ///
    /// # Errors
    /// `SP-CONFIG-002` for an unreadable `ca_file`, `SP-CONFIG-001` for one that holds no certificates.
    pub async fn check(&self) -> Result<()> {
        self.client().await.map(drop)
    }

    async fn client(&self) -> Result<&Client> {
        self.client.get_or_try_init(|| build(&self.settings, &self.range)).await
    }
}

async fn build(settings: &WebhookSettings, range: &range::Range) -> Result<Client> {
    let mut authorities = Vec::new();
    if let Some(file) = &settings.ca_file {
        let place = format!("webhooks.ca_file {}", file.display());
        let pem = tokio::fs::read(file)
            .await
            .map_err(|error| Error::new(&codes::config::UNREADABLE, format!("{place}: {error}")))?;
        authorities = Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|all| !all.is_empty())
            .ok_or_else(|| Error::new(&codes::config::INVALID, format!("{place} holds no PEM certificates")))?;
    }
    Client::builder()
        .user_agent(concat!("Sealpost/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(resolve::CheckedResolver(range.clone()))
        // A connection that is kept would not be checked again.
        .pool_max_idle_per_host(0)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        .tls_certs_merge(authorities)
        .build()
        .map_err(|error| Error::new(&codes::config::INVALID, "webhooks: TLS can't be set up").caused_by(error))
}

#[async_trait]
impl Notifier for Webhooks {
    fn admit(&self, url: &str) -> Result<()> {
        let refuse = |why| Error::new(&codes::request::ADDRESS_REFUSED, why);
        address::admit(url, &self.range, self.settings.allow_http).map(drop).map_err(refuse)
    }

    async fn post(&self, post: Post<'_>) -> Result<Answer> {
        // Again at each attempt: the operator may have closed what was open when it was set.
        let url = address::admit(post.url, &self.range, self.settings.allow_http)
            .map_err(|why| Error::new(&codes::notify::ADDRESS, why))?;
        let target = address::authority(&url);
        let mut request = self.client().await?.post(url).header(CONTENT_TYPE, "application/json");
        for (name, value) in post.headers {
            request = request.header(*name, value);
        }
        let response = request.body(post.body.to_owned()).send().await.map_err(|error| fault::of(error, &target))?;
        Ok(Answer { status: response.status().as_u16(), retry_after: retry_after(&response, Timestamp::now()) })
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}
