//! One bounded GET: time, size, and no way to another host.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{ACCEPT, CACHE_CONTROL};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, StatusCode};
use sealpost_core::error::reasons;
use url::Url;

/// Redirects within the same host.
const MOST_REDIRECTS: usize = 3;

/// What came back.
pub(crate) struct Fetched {
    pub(crate) body: Vec<u8>,
    /// `max-age` of `Cache-Control` (RFC 9111 section 5.2.2.1); zero where it says not to keep it.
    pub(crate) max_age: Option<Duration>,
}

/// The client for all issuers.
pub(crate) struct Fetcher {
    time_limit: Duration,
    /// Made at the first fetch: it reads the system's certificate authorities.
    client: OnceLock<Client>,
}

impl Fetcher {
    /// Each request may take so long.
    pub(crate) fn new(time_limit: Duration) -> Self {
        Self { time_limit, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .timeout(self.time_limit)
            .connect_timeout(self.time_limit)
            .redirect(Policy::custom(same_origin))
            .user_agent(concat!("sealpost/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| reasons(&error))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Reads at most `limit` bytes; a longer body is left unread.
    ///
    /// # Errors
    /// Says in words what went wrong, with the address: TLS that can't be set up too.
    pub(crate) async fn get(&self, url: &Url, limit: usize) -> Result<Fetched, String> {
        let failed = |why: String| format!("GET {url}: {why}");
        get(self.client().map_err(failed)?, url, limit).await
    }
}

/// Whoever can make an issuer redirect elsewhere would provide its keys.
fn same_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let stays = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if !stays {
        attempt.error("it redirects to another host")
    } else if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("it redirects too often")
    } else {
        attempt.follow()
    }
}

async fn get(client: &Client, url: &Url, limit: usize) -> Result<Fetched, String> {
    let failed = |why: String| format!("GET {url}: {why}");
    let response = client.get(url.clone()).header(ACCEPT, "application/json, application/jwk-set+json").send().await;
    let mut response = response.map_err(|error| failed(reasons(&error.without_url())))?;
    if response.status() != StatusCode::OK {
        return Err(failed(format!("it answered {}", response.status())));
    }
    let too_long = || failed(format!("more than {limit} bytes"));
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_long());
    }
    let directives = response.headers().get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let max_age = age(directives.flat_map(|value| value.split(',')));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(reasons(&error.without_url())))? {
        if body.len() + chunk.len() > limit {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched { body, max_age })
}

/// What these directives say. Of several ages the first counts, and none where one of them says not to keep it, wherever it stands.
fn age<'a>(directives: impl Iterator<Item = &'a str>) -> Option<Duration> {
    let mut age = None;
    for directive in directives {
        let directive = directive.trim().to_ascii_lowercase();
        if directive == "no-store" || directive == "no-cache" {
            return Some(Duration::ZERO);
        }
        let seconds = directive.strip_prefix("max-age=").and_then(|text| text.trim_matches('"').parse::<u64>().ok());
        age = age.or(seconds.map(Duration::from_secs));
    }
    age
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_read_as_caches_read_them() {
        let seconds = |text: &str| age(text.split(',')).map(|age| age.as_secs());
        assert_eq!(seconds("public, max-age=600, must-revalidate"), Some(600));
        assert_eq!(seconds("Max-Age=\"5\""), Some(5));
        assert_eq!(seconds("max-age=600, max-age=5"), Some(600));
        for text in [
            "no-store, max-age=600",
            "max-age=86400, no-store",
            "max-age=86400, No-Cache",
            "max-age=5, no-store, max-age=6",
        ] {
            assert_eq!(seconds(text), Some(0), "{text}");
        }
        for text in ["", "public", "max-age=-1", "max-age=x", "s-maxage=5"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
