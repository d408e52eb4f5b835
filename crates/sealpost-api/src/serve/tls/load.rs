//! From files to a rustls configuration.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use sealpost_core::Result;
use sealpost_core::error::{Error, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::Secret;
use sha2::{Digest, Sha256};

use super::super::certificate;
use super::{Loaded, TlsSettings};

/// What was read.
pub(super) struct Read {
    certificate: Vec<u8>,
    key: Secret,
    authorities: Vec<u8>,
    pub(super) digest: [u8; 32],
}

pub(super) async fn read(settings: &TlsSettings, secrets: &dyn SecretStore) -> Result<Read> {
    let certificate = file(&settings.certificate).await?;
    let authorities = match &settings.clients {
        Some(clients) => file(&clients.authorities).await?,
        None => Vec::new(),
    };
    let key = secrets.resolve(&settings.key).await?;
    let mut digest = Sha256::new();
    for part in [&certificate[..], &authorities, key.expose()] {
        digest.update(Sha256::digest(part));
    }
    Ok(Read { certificate, key, authorities, digest: digest.finalize().into() })
}

async fn file(path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path).await.map_err(|error| unusable(format!("{}: {error}", path.display())).caused_by(error))
}

pub(super) fn build(settings: &TlsSettings, read: &Read) -> Result<Loaded> {
    let path = settings.certificate.display();
    let chain = certificates(&read.certificate).map_err(|words| unusable(format!("{path}: {words}")))?;
    // rustls says nothing about the key's own bytes, and neither do we.
    let key = PrivateKeyDer::from_pem_slice(read.key.expose())
        .map_err(|_| unusable(format!("{}: no unencrypted private key in PEM", settings.key)))?;
    let ends = chain.first().and_then(|first| certificate::end(first));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        // 1.0 and 1.1 are not for use any more (RFC 8996).
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| unusable(error.to_string()))?;
    let builder = match &settings.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let path = clients.authorities.display();
            let mut roots = RootCertStore::empty();
            for authority in certificates(&read.authorities).map_err(|words| unusable(format!("{path}: {words}")))? {
                roots.add(authority).map_err(|error| unusable(format!("{path}: {error}")))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if clients.required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| unusable(format!("{path}: {error}")))?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable(format!("{path} and {}: {error}", settings.key)).caused_by(error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if settings.clients.is_some() {
        // A resumed session would bring an earlier handshake's certificate along without a look at it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Loaded { digest: read.digest, config: Arc::new(config), ends, complaint: None })
}

fn certificates(pem: &[u8]) -> std::result::Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<_, _>>().map_err(|e| e.to_string())?;
    if all.is_empty() { Err("no certificate in PEM".to_owned()) } else { Ok(all) }
}

fn unusable(detail: String) -> Error {
    Error::new(&codes::config::TLS, detail)
}
