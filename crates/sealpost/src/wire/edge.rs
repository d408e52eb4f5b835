//! What lies in front of the API: TLS, trusted proxies, issuers of access tokens.

use std::path::Path;
use std::sync::Arc;

use http::HeaderName;
use metrics_exporter_prometheus::PrometheusHandle;
use sealpost_api::{ClientCertificates, Front, State, Tls, TlsSettings, TrustedProxies};
use sealpost_core::address::Network;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{Records, SecretStore};
use sealpost_core::report::ReportType;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_identity::Issuers;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::identify::Authenticator;

use crate::config::{ClientCertificatesMode, Loaded};

/// TLS of the partners' API, with its files read.
///
/// # Errors
/// `SP-CONFIG-006`, `SP-SECRETS-…`.
pub(crate) async fn api_tls(loaded: &Loaded, secrets: Arc<dyn SecretStore>) -> Result<Option<Arc<Tls>>> {
    let Some(block) = &loaded.config.api.tls else { return Ok(None) };
    let clients = block.client_ca.as_ref().map(|file| ClientCertificates {
        authorities: loaded.path(file),
        required: block.client_certificates == ClientCertificatesMode::Required,
    });
    tls(loaded, "api", &block.certificate, &block.key, clients, secrets).await.map(Some)
}

/// TLS of the operators' API, with its files read.
///
/// # Errors
/// `SP-CONFIG-006`, `SP-SECRETS-…`.
pub(crate) async fn admin_tls(loaded: &Loaded, secrets: Arc<dyn SecretStore>) -> Result<Option<Arc<Tls>>> {
    let Some(block) = &loaded.config.admin.tls else { return Ok(None) };
    tls(loaded, "admin", &block.certificate, &block.key, None, secrets).await.map(Some)
}

/// TLS of the transfer API, with its files read.
///
/// # Errors
/// `SP-CONFIG-006`, `SP-SECRETS-…`.
pub(crate) async fn transfer_tls(loaded: &Loaded, secrets: Arc<dyn SecretStore>) -> Result<Option<Arc<Tls>>> {
    let Some(block) = &loaded.config.transfer.tls else { return Ok(None) };
    tls(loaded, "transfer", &block.certificate, &block.key, None, secrets).await.map(Some)
}

async fn tls(
    loaded: &Loaded,
    name: &'static str,
    certificate: &Path,
    key: &SecretRef,
    clients: Option<ClientCertificates>,
    secrets: Arc<dyn SecretStore>,
) -> Result<Arc<Tls>> {
    let settings = TlsSettings { name, certificate: loaded.path(certificate), key: key.clone(), clients };
    Ok(Arc::new(Tls::load(settings, secrets).await.map_err(|error| error.context(format!("{name}.tls")))?))
}

/// What lies between the partners and their API.
///
/// # Errors
/// `SP-CONFIG-001` for a header with no possible name.
pub(crate) fn front(loaded: &Loaded, tls: Option<Arc<Tls>>) -> Result<Front> {
    let api = &loaded.config.api;
    let mut proxies = TrustedProxies::new(&api.trusted_proxies);
    if let Some(name) = &api.client_certificate_header {
        let name: HeaderName = name.parse().map_err(|_| {
            Error::new(&codes::config::INVALID, "api.client_certificate_header: not the name of a header")
        })?;
        proxies = proxies.with_certificate_header(name);
    }
    Ok(Front { tls, proxies, ..Front::default() })
}

/// What lies before a listener that takes no client certificates: that of the operators' API, and of the transfer API.
pub(crate) fn plain_front(proxies: &[Network], tls: Option<Arc<Tls>>) -> Front {
    Front { tls, proxies: TrustedProxies::new(proxies), ..Front::default() }
}

/// What the endpoints of both planes need.
pub(crate) fn state(
    loaded: &Loaded,
    pipeline: Pipeline,
    metrics: Option<PrometheusHandle>,
    admin_token: Option<Secret>,
    issuers: Option<Arc<Issuers>>,
) -> State {
    let block = &loaded.config.api;
    let mut state = State::new(pipeline, metrics, admin_token, xsd).with_failed_attempts(block.failed_attempts());
    if let Some(scopes) = &block.client_certificate_scopes {
        state = state.with_certificate_scopes(scopes);
    }
    if let Some(valid) = block.links() {
        state = state.with_links(valid);
    }
    match issuers {
        Some(issuers) => state.with_tokens(issuers),
        None => state,
    }
}

/// The XML schema of a report type's files, with the format's default options.
fn xsd(report: &ReportType) -> Result<String> {
    sealpost_format::xsd(&report.columns, &serde_json::Map::new())
}

/// The issuers of access tokens; `None` where none is configured. Nothing is fetched yet.
///
/// # Errors
/// `SP-CONFIG-001`.
pub(crate) fn issuers(loaded: &Loaded) -> Result<Option<Arc<Issuers>>> {
    let issuers = Issuers::new(loaded.config.identity.issuers.clone())?;
    Ok((!issuers.is_empty()).then(|| Arc::new(issuers)))
}

/// Who calls, without the rest of the flow: for the Lambda authorizer.
pub(crate) fn authenticator(
    loaded: &Loaded,
    records: Arc<dyn Records>,
    issuers: Option<Arc<Issuers>>,
) -> Authenticator {
    let mut authenticator = Authenticator::new(records);
    if let Some(issuers) = issuers {
        authenticator = authenticator.with_tokens(issuers);
    }
    match &loaded.config.api.client_certificate_scopes {
        Some(scopes) => authenticator.with_certificate_scopes(scopes),
        None => authenticator,
    }
}
