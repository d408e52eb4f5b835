//! How the listeners are reached: addresses, TLS, client certificates, proxies.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use schemars::JsonSchema;
use sealpost_core::address::Network;
use sealpost_core::error::FieldError;
use sealpost_core::identity::Scope;
use sealpost_core::secret::SecretRef;
use sealpost_core::usage::RateLimit;
use serde::{Deserialize, Serialize};

/// The partners' API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiBlock {
    /// The address to listen on; `127.0.0.1:8080`.
    pub(crate) listen: SocketAddr,
    /// TLS that ends here. Without it the listener speaks plain HTTP, for a proxy or gateway in front of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ApiTlsBlock>,
    /// Networks of proxies whose `Forwarded` or `X-Forwarded-For` is believed: `["10.0.0.0/8"]`. Nobody's when empty.
    #[schemars(with = "Vec<String>")]
    pub(crate) trusted_proxies: Vec<Network>,
    /// The header in which trusted proxies hand on a client certificate that they have verified, such as `Client-Cert`
    /// (RFC 9440; percent-encoded PEM is read too). They have to remove it from what clients send. None when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_certificate_header: Option<String>,
    /// What callers with a client certificate may do, such as `["reports:read"]`; everything when not given.
    #[schemars(with = "Option<Vec<String>>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_certificate_scopes: Option<Vec<Scope>>,
    /// How many attempts to authenticate may fail per minute from one client address (IPv6: from one /64), and at once;
    /// then the address waits. Each listener counts for itself; 20. Behind a proxy, set `trusted_proxies`: otherwise the proxy is
    /// everybody's address.
    pub(crate) failed_attempts_per_minute: NonZeroU32,
    /// How files are fetched: `stream`, through us; or `redirect`, by a link to an S3 store that is good for
    /// `download_link_s`. A local store always streams. `stream`.
    pub(crate) downloads: Downloads,
    /// Seconds for which such a link is good, 10 to 3600; 300.
    pub(crate) download_link_s: u64,
}

/// How files are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Downloads {
    /// Through us.
    #[default]
    Stream,
    /// By a link to the store.
    Redirect,
}

impl ApiBlock {
    /// How long a link to the store is good; `None` where files go through us.
    pub(crate) fn links(&self) -> Option<Duration> {
        (self.downloads == Downloads::Redirect).then(|| Duration::from_secs(self.download_link_s))
    }

    /// The limit of failed attempts.
    pub(crate) fn failed_attempts(&self) -> RateLimit {
        let most = self.failed_attempts_per_minute.get();
        RateLimit { per_second: f64::from(most) / 60.0, burst: most }
    }
}

impl Default for ApiBlock {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            trusted_proxies: Vec::new(),
            client_certificate_header: None,
            client_certificate_scopes: None,
            failed_attempts_per_minute: NonZeroU32::MIN.saturating_add(19),
            downloads: Downloads::default(),
            download_link_s: 300,
        }
    }
}

/// The operators' API: a listener and a credential of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminBlock {
    /// The address to listen on; `127.0.0.1:8081`.
    pub(crate) listen: SocketAddr,
    /// The bearer token of operators, as a reference such as `file:secrets/admin-token`. Without it the listener
    /// answers health and metrics only.
    #[schemars(with = "Option<String>")]
    pub(crate) token: Option<SecretRef>,
    /// TLS that ends here. Without it the listener speaks plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<AdminTlsBlock>,
    /// Networks of proxies whose `Forwarded` or `X-Forwarded-For` is believed: `["10.0.0.0/8"]`. Nobody's when empty.
    #[schemars(with = "Vec<String>")]
    pub(crate) trusted_proxies: Vec<Network>,
}

impl Default for AdminBlock {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8081));
        Self { listen, token: None, tls: None, trusted_proxies: Vec::new() }
    }
}

/// TLS of the operators' API. The files are read again within five seconds of a change, or at SIGHUP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdminTlsBlock {
    /// PEM file: the listener's certificate, then the intermediate ones.
    pub(crate) certificate: PathBuf,
    /// The private key that belongs to it, PEM without a passphrase, as a reference such as `file:tls/key.pem`.
    #[schemars(with = "String")]
    pub(crate) key: SecretRef,
}

/// TLS of the partners' API. The files are read again within five seconds of a change, or at SIGHUP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiTlsBlock {
    /// PEM file: the listener's certificate, then the intermediate ones.
    pub(crate) certificate: PathBuf,
    /// The private key that belongs to it, PEM without a passphrase, as a reference such as `file:tls/key.pem`.
    #[schemars(with = "String")]
    pub(crate) key: SecretRef,
    /// PEM file: the authorities whose client certificates are accepted. Without it none are asked for. A certificate
    /// stands for the partner that has `{ issuer = "mtls", subject = "<its SHA-256 fingerprint>" }` as an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether a connection needs a client certificate; `optional`. Only with `client_ca`.
    #[serde(default)]
    pub(crate) client_certificates: ClientCertificatesMode,
}

/// Whether a connection needs a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientCertificatesMode {
    /// A client may come without, and use an API key or access token.
    #[default]
    Optional,
    /// Without one there is no connection.
    Required,
}

impl ApiBlock {
    /// What the types can't say.
    pub(super) fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        if !(10..=3600).contains(&self.download_link_s) {
            problems.push(FieldError::new("api.download_link_s", "expected 10 to 3600"));
        }
        if let Some(tls) = &self.tls
            && tls.client_certificates == ClientCertificatesMode::Required
            && tls.client_ca.is_none()
        {
            let detail = "expected the file of the authorities: client certificates are required";
            problems.push(FieldError::new("api.tls.client_ca", detail));
        }
        if let Some(name) = &self.client_certificate_header {
            let mut problem = |detail: &str| problems.push(FieldError::new("api.client_certificate_header", detail));
            if name.parse::<HeaderName>().is_err() {
                problem("expected the name of a header, such as Client-Cert");
            }
            if self.trusted_proxies.is_empty() {
                problem("nobody is believed: `api.trusted_proxies` is empty");
            }
            // Certificates are public: with such a network, naming one would be enough to be its owner.
            if self.trusted_proxies.iter().any(Network::is_everything) {
                problem("anybody would be believed: `api.trusted_proxies` has a network with prefix length 0");
            }
        }
        problems
    }
}

/// Who issues access tokens.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdentityBlock {
    /// Issuers of access tokens (`OpenID` Connect). Without any, partners use API keys or client certificates.
    pub(crate) issuers: Vec<sealpost_identity::IssuerSettings>,
}

impl IdentityBlock {
    /// What the types can't say.
    pub(super) fn problems(&self) -> Vec<FieldError> {
        let Err(error) = sealpost_identity::Issuers::new(self.issuers.clone()) else { return Vec::new() };
        let place = |pointer: &str| format!("identity.issuers{}", pointer.replace('/', "."));
        error.fields().iter().map(|field| FieldError::new(place(&field.pointer), field.detail.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_header_needs_proxies_that_are_not_everybody() {
        for (networks, is_refused) in [
            (&["10.0.0.0/8"][..], false),
            (&["10.0.0.0/8", "2001:db8::/32"], false),
            (&[], true),
            (&["0.0.0.0/0"], true),
            (&["10.0.0.0/8", "::/0"], true),
        ] {
            let trusted_proxies = networks.iter().map(|network| network.parse().expect("a network")).collect();
            let client_certificate_header = Some("Client-Cert".to_owned());
            let block = ApiBlock { trusted_proxies, client_certificate_header, ..ApiBlock::default() };
            assert_eq!(!block.problems().is_empty(), is_refused, "{networks:?}");
            let address_only = ApiBlock { client_certificate_header: None, ..block };
            assert_eq!(address_only.problems(), []);
        }
    }
}
