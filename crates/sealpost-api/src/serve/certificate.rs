//! Certificates, as far as we look at them: fingerprint and end. Chains and signatures are rustls's work.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;

/// A client's certificate. Whoever made this value has seen that the client has its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    fingerprint: Arc<str>,
    ends: Option<Timestamp>,
}

impl ClientCertificate {
    /// From its DER encoding (RFC 5280).
    pub(crate) fn from_der(der: &[u8]) -> Self {
        Self { fingerprint: hex::encode(Sha256::digest(der)).into(), ends: end(der) }
    }

    /// From PEM text (RFC 7468); its first certificate. `None` where there is none.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        CertificateDer::from_pem_slice(text.as_bytes()).ok().map(|der| Self::from_der(&der))
    }

    /// From a header of a proxy: `:base64 of DER:` (RFC 9440, section 2.1), or percent-encoded PEM, as nginx and load
    /// balancers of AWS write it. `None` where it is neither.
    pub(crate) fn from_header(value: &str) -> Option<Self> {
        let value = value.trim();
        if let Some(encoded) = value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')) {
            let der = STANDARD.decode(encoded).ok()?;
            // What is no certificate has no end.
            return Some(Self::from_der(&der)).filter(|certificate| certificate.ends.is_some());
        }
        Self::from_pem(&percent_encoding::percent_decode_str(value).decode_utf8().ok()?)
    }

    /// The SHA-256 of the whole certificate, in lower-case hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether its time is over. A connection may outlive the certificate that it began with.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|end| end <= now)
    }
}

/// The end of a certificate's validity.
pub(crate) fn end(der: &[u8]) -> Option<Timestamp> {
    // `Raw`: real certificates break rules of RFC 5280 that don't matter here.
    let certificate = x509_cert::certificate::CertificateInner::<x509_cert::certificate::Raw>::from_der(der).ok()?;
    let seconds = certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl req -x509 -newkey ed25519 -nodes -subj /CN=acme -days 36500`, which ends in 2126.
    const PEM: &str = include_str!("certificate.pem");

    #[test]
    fn one_certificate_has_one_fingerprint_however_it_comes() {
        let certificate = ClientCertificate::from_pem(PEM).expect("a certificate");
        let der = CertificateDer::from_pem_slice(PEM.as_bytes()).expect("PEM");
        assert_eq!(certificate.fingerprint().len(), 64);
        assert!(!certificate.has_ended(Timestamp::now()) && certificate.has_ended(Timestamp::MAX));
        assert_eq!(ClientCertificate::from_der(&der), certificate);
        let structured = format!(":{}:", STANDARD.encode(&der));
        assert_eq!(ClientCertificate::from_header(&structured), Some(certificate.clone()));
        let escaped = PEM.replace('\n', "%0A").replace(' ', "%20");
        assert_eq!(ClientCertificate::from_header(&escaped), Some(certificate));
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        for value in ["", "::", ":AAAA:", ":no base64:", "%FF", "-----BEGIN CERTIFICATE-----"] {
            assert_eq!(ClientCertificate::from_header(value), None, "{value}");
        }
    }
}
