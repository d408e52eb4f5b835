//! Requests to Vault: bounded, repeated where that may help, and read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Response};
use sealpost_core::error::{codes, reasons};
use sealpost_core::secret::Secret;
use sealpost_core::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::fault::{Fault, is_passing};
use super::path::encoded;
use crate::Surroundings;

/// Most bytes of an answer.
const LARGEST: usize = 4 << 20;
/// Most characters that are repeated of what Vault says.
const LONGEST_WORDS: usize = 500;
/// Attempts of one request, and the pause after the first; it doubles.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that it may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What an answer has. Without `Debug`: there are secrets in it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) lease_id: String,
    pub(super) lease_duration: u64,
    pub(super) renewable: bool,
    pub(super) data: Option<Map<String, Json>>,
    pub(super) auth: Option<Auth>,
}

/// What a login gives.
#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: String,
    #[serde(default)]
    pub(super) lease_duration: u64,
    #[serde(default)]
    pub(super) renewable: bool,
}

/// A request's body.
pub(super) type Body = BTreeMap<&'static str, Json>;

/// Where Vault is, and how it is called.
pub(super) struct Api {
    http: Client,
    base: String,
    namespace: Option<HeaderValue>,
}

impl Api {
    pub(super) async fn new(surroundings: &Surroundings) -> Result<Self> {
        let settings = &surroundings.settings.vault;
        let invalid = |detail: String| Error::new(&codes::secrets::SETTINGS, format!("Vault: {detail}"));
        let given = settings.address.clone().or_else(|| surroundings.text("VAULT_ADDR"));
        let given = given.ok_or_else(|| {
            invalid("its address is not known: set `[secrets.vault] address` or VAULT_ADDR".to_owned())
        })?;
        let mut url = address(&given).map_err(invalid)?;
        if url.scheme() == "http" && !is_loopback(&url) {
            tracing::warn!("Vault is called without TLS: whoever sees the network sees every secret");
        }
        let ca_file = settings.ca_file.clone().or_else(|| surroundings.text("VAULT_CACERT").map(Into::into));
        let mut authorities = Vec::new();
        if let Some(file) = ca_file.map(|file| surroundings.base_folder.join(file)) {
            let pem = tokio::fs::read(&file).await.map_err(|error| invalid(format!("{}: {error}", file.display())))?;
            let read = Certificate::from_pem_bundle(&pem).ok().filter(|all| !all.is_empty());
            authorities = read.ok_or_else(|| invalid(format!("{} holds no PEM certificates", file.display())))?;
        }
        let mut builder = Client::builder()
            .user_agent(concat!("Sealpost/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::custom(follow))
            .referer(false)
            .connect_timeout(Duration::from_secs(settings.connect_timeout_s))
            .timeout(Duration::from_secs(settings.timeout_s))
            .tls_certs_merge(authorities);
        let name = settings.server_name.clone().or_else(|| surroundings.text("VAULT_TLS_SERVER_NAME"));
        if let Some(name) = name {
            // The address is asked for under the certificate's name, and connected to where it really is.
            let port = url.port_or_known_default().unwrap_or(8200);
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            url.set_host(Some(&name)).map_err(|error| invalid(format!("`server_name` `{name}`: {error}")))?;
            builder = builder.no_proxy().dns_resolver(Elsewhere { name, host, port });
        }
        let http = builder.build().map_err(|error| invalid(reasons(&error)))?;
        let namespace = settings.namespace.clone().or_else(|| surroundings.text("VAULT_NAMESPACE"));
        let namespace = namespace.map(|namespace| HeaderValue::try_from(namespace.trim_matches('/')));
        let namespace =
            namespace.transpose().map_err(|_| invalid("its namespace can't stand in a header".to_owned()))?;
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned(), namespace })
    }

    /// Makes a request: of a path below `/v1/`, with a query.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &str,
        token: Option<&Secret>,
        body: Option<&Body>,
    ) -> Result<Answer, Fault> {
        let mut attempt = 1;
        loop {
            let (fault, wanted) = match self.attempt(&method, path, query, token, body).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let is_passing = match &fault {
                Fault::Refused { status, .. } => is_passing(*status),
                Fault::Unreachable(_) | Fault::Answer(_) => true,
            };
            if attempt == ATTEMPTS || !is_passing {
                return Err(fault);
            }
            let pause = (PAUSE * (1 << (attempt - 1))).mul_f64(0.5 + rand::random::<f64>() / 2.0);
            tracing::debug!(path, attempt, %fault, "a request to Vault failed and is repeated");
            tokio::time::sleep(pause.max(wanted.unwrap_or_default())).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        token: Option<&Secret>,
        body: Option<&Body>,
    ) -> Result<Answer, (Fault, Option<Duration>)> {
        let url = format!("{}/v1/{}{query}", self.base, encoded(path));
        // Vault's own clients say that they are no browser's form (`X-Vault-Request`).
        let mut request = self.http.request(method.clone(), url).header("X-Vault-Request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(token) = token {
            let text = token.expose_text().map(HeaderValue::try_from);
            let Ok(Ok(mut value)) = text else {
                let words = "the token can't stand in a header".to_owned();
                return Err((Fault::Refused { status: 403, words }, None));
            };
            value.set_sensitive(true);
            request = request.header("X-Vault-Token", value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let lost = |error: reqwest::Error| (Fault::Unreachable(reasons(&error.without_url())), None);
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let wanted = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let wanted = wanted.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
        let body = read(response).await.map_err(|fault| (fault, wanted))?;
        if status.is_success() {
            return parse(&body).map_err(|fault| (fault, wanted));
        }
        Err((Fault::Refused { status: status.as_u16(), words: words(&body) }, wanted))
    }
}

async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Fault::Answer(format!("its answer has more than {LARGEST} bytes"))),
            Ok(None) => return Ok(body),
            Err(error) => return Err(Fault::Unreachable(reasons(&error.without_url()))),
        }
    }
}

/// An answer without content (204) has nothing in it.
fn parse(body: &[u8]) -> Result<Answer, Fault> {
    if body.is_empty() {
        return Ok(Answer::default());
    }
    // What the parser says may repeat some of it.
    serde_json::from_slice(body).map_err(|_| Fault::Answer("its answer is not what its API says".to_owned()))
}

/// `{"errors": ["permission denied"]}`, in one line; RustyVault has one `error`.
fn words(body: &[u8]) -> String {
    let json: Json = serde_json::from_slice(body).unwrap_or_default();
    let errors = json.get("errors").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let text: Vec<&str> = errors.iter().chain(json.get("error")).filter_map(Json::as_str).collect();
    let text = text.join("; ");
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_WORDS).collect()
}

/// The address, checked.
///
/// # Errors
/// In words.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "its address is none; expected `https://host:8200`".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("its address is not http or https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("its address has a user name, password or query in it".to_owned());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A standby may send us to the active node: once, and not out of TLS.
fn follow(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let leaves_tls = attempt.previous().iter().any(|url| url.scheme() == "https") && attempt.url().scheme() != "https";
    // 307 keeps the method; Vault uses no other.
    if attempt.previous().len() > 1 || leaves_tls || attempt.status().as_u16() != 307 {
        return attempt.stop();
    }
    attempt.follow()
}

/// Resolves the certificate's name to where the server really is; any other as usual.
struct Elsewhere {
    name: String,
    host: String,
    port: u16,
}

impl Resolve for Elsewhere {
    fn resolve(&self, asked: Name) -> Resolving {
        let host = if asked.as_str() == self.name { self.host.clone() } else { asked.as_str().to_owned() };
        let port = self.port;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Shared by what reads and what logs in.
pub(super) type Shared = Arc<Api>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_and_bare() {
        for good in ["https://vault.example:8200", "http://127.0.0.1:8200/", "https://gateway.example/vault"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["", "vault.example:8200", "ftp://x", "https://u:CANARY@x", "https://x/?a=b"] {
            assert!(!address(bad).unwrap_err().contains("CANARY"), "{bad}");
        }
    }

    #[test]
    fn what_it_says_is_one_line() {
        assert_eq!(
            words(br#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#),
            "1 error occurred: * permission denied"
        );
        assert_eq!(words(br#"{"error":"RustyVault is sealed."}"#), "RustyVault is sealed.");
        assert_eq!(words(b"<html>"), "");
    }
}
