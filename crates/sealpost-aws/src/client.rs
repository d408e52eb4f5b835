//! Calls of a service: `POST /` with JSON, signed, bounded, repeated where that is safe.

use std::sync::OnceLock;
use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use sealpost_core::error::reasons;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sigv4::{Scope, sign};
use crate::{Credentials, Fault, Service, answer};

/// How long and how often a call is tried.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the name to the TLS connection; 5 s.
    pub connect: Duration,
    /// One attempt, up to the end of its answer; 30 s.
    pub attempt: Duration,
    /// Attempts in all; 4.
    pub attempts: u32,
    /// The first pause; 200 ms. It doubles each time, up to 5 s.
    pub first_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(30),
            attempts: 4,
            first_pause: Duration::from_millis(200),
        }
    }
}

/// Whether a call may be made again whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It may: doing it twice comes to the same.
    Freely,
    /// Only after a failure that certainly had no effect: no connection, or "slow down".
    WithoutEffect,
}

/// A client of one service in one region. Connections are kept and shared.
#[derive(Debug)]
pub struct Client {
    /// Made at the first call: it reads the system's certificate authorities.
    http: OnceLock<reqwest::Client>,
    service: Service,
    scope: Scope,
    endpoint: Uri,
    credentials: Credentials,
    patience: Patience,
}

impl Client {
    /// A client for the service at an address: `https://transfer.eu-central-1.amazonaws.com`. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Fault::Settings`] for what is no `http` or `https` address, or no region.
    pub fn new(
        service: Service,
        region: &str,
        endpoint: &str,
        credentials: Credentials,
        patience: Patience,
    ) -> Result<Self, Fault> {
        let is_region = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if region.is_empty() || !region.bytes().all(is_region) {
            return Err(Fault::Settings(format!("{}: a region is needed: set AWS_REGION", service.name)));
        }
        let scope = Scope::new(region, service.name);
        Ok(Self { http: OnceLock::new(), service, scope, endpoint: address(endpoint)?, credentials, patience })
    }

    fn http(&self) -> Result<&reqwest::Client, Fault> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("Sealpost/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.patience.connect)
            .timeout(self.patience.attempt)
            .build()
            .map_err(|error| Fault::Settings(reasons(&error)))?;
        Ok(self.http.get_or_init(|| http))
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.scope.region
    }

    /// Calls an operation that may be repeated: one that reads, or for which twice is the same as once.
    ///
    /// # Errors
    /// The last attempt's; [`Fault::Settings`] where TLS can't be set up.
    pub async fn call<I: Serialize + Sync, O: DeserializeOwned>(&self, operation: &str, input: &I) -> Result<O, Fault> {
        self.call_with(operation, input, &[], Repeat::Freely).await
    }

    /// Calls an operation with further headers, which are signed too. An answer without a body is read as `{}`.
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn call_with<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        operation: &str,
        input: &I,
        headers: &[(&'static str, &str)],
        repeat: Repeat,
    ) -> Result<O, Fault> {
        let body = serde_json::to_vec(input).map_err(|error| Fault::Settings(error.to_string()))?;
        let mut attempt = 1;
        let answer = loop {
            match self.attempt(operation, &body, headers).await {
                Ok(answer) => break answer,
                Err(fault) if attempt < self.patience.attempts && is_repeated(&fault, repeat) => {
                    tracing::debug!(operation, attempt, %fault, "an AWS call failed and is repeated");
                    tokio::time::sleep(self.pause_after(attempt)).await;
                    attempt += 1;
                }
                Err(fault) => return Err(fault),
            }
        };
        let answer = if answer.is_empty() { b"{}".as_slice() } else { &answer };
        serde_json::from_slice(answer)
            .map_err(|error| Fault::Answer(format!("{operation}: its answer is not as expected: {error}")))
    }

    /// Signed anew at each attempt: a signature is good for some minutes only.
    async fn attempt(&self, operation: &str, body: &[u8], headers: &[(&'static str, &str)]) -> Result<Vec<u8>, Fault> {
        let keys = self.credentials.keys().await?;
        let invalid = |error: http::Error| Fault::Settings(error.to_string());
        let mut request = http::Request::post(self.endpoint.clone())
            .header(CONTENT_TYPE, format!("application/x-amz-json-{}", self.service.json))
            .header("x-amz-target", format!("{}.{operation}", self.service.target));
        for (name, value) in headers {
            let value = HeaderValue::try_from(*value).map_err(|error| invalid(error.into()))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        let (mut parts, body) = request.body(body.to_vec()).map_err(invalid)?.into_parts();
        sign(&mut parts, &body, &keys, &self.scope, Timestamp::now()).map_err(invalid)?;
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|error| Fault::Settings(reasons(&error)))?;
        let response = self.http()?.execute(request).await.map_err(|error| {
            let words = reasons(&error);
            if error.is_connect() { Fault::Unreachable(words) } else { Fault::Lost(words) }
        })?;
        answer::read(response).await
    }

    /// Spread over its upper half, so that many callers don't come back together.
    fn pause_after(&self, attempt: u32) -> Duration {
        let full = self.patience.first_pause.saturating_mul(1 << (attempt - 1).min(10));
        full.min(Duration::from_secs(5)).mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }
}

fn is_repeated(fault: &Fault, repeat: Repeat) -> bool {
    fault.is_passing() && (repeat == Repeat::Freely || fault.is_without_effect())
}

/// The address with a slash at its end, as it is asked for and signed.
fn address(text: &str) -> Result<Uri, Fault> {
    let refuse = |why: &str| Err(Fault::Settings(format!("the endpoint `{text}`: {why}")));
    let Ok(uri) = text.parse::<Uri>() else { return refuse("it is no address") };
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refuse("expected https://host or http://host:port");
    };
    if authority.as_str().contains('@') {
        return Err(Fault::Settings("an endpoint has no user name or password in it".to_owned()));
    }
    if uri.query().is_some() {
        return refuse("it has a query");
    }
    match format!("{}/", text.trim_end_matches('/')).parse() {
        Ok(uri) => Ok(uri),
        Err(_) => refuse("it is no address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_without_a_query() {
        for (text, uri) in [
            ("https://transfer.eu-central-1.amazonaws.com", "https://transfer.eu-central-1.amazonaws.com/"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5000/"),
            ("https://gateway.example/transfer/v1", "https://gateway.example/transfer/v1/"),
            ("http://[::1]:9", "http://[::1]:9/"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), uri);
        }
        for text in
            ["", "transfer", "/x", "ftp://x", "https://", "https://u:CANARY@x/", "https://x/?a=b", "https://a b/"]
        {
            let fault = address(text).unwrap_err();
            assert!(matches!(&fault, Fault::Settings(words) if !words.contains("CANARY")), "{fault}");
        }
    }
}
