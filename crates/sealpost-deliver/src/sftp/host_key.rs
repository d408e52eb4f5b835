//! Approved host keys and authorities: the only reasons to trust a server.

use jiff::Timestamp;
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, FieldError, Result, codes};

use super::algorithms::same_type;
use super::host_certificate::{self, Authority};
use super::policy::Offer;

/// What someone approved for a connector: keys, fingerprints, authorities, and the algorithms to meet its server with.
#[derive(Debug, Clone, Default)]
pub(super) struct Approved {
    keys: Vec<PublicKey>,
    fingerprints: Vec<String>,
    authorities: Vec<Authority>,
    offer: Offer,
    host: String,
    port: u16,
}

/// A key that a server showed.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// The key; with a certificate, the one in it.
    pub(super) key: PublicKey,
    /// The certificate in words, with what is wrong with it.
    pub(super) certificate: Option<(String, Option<String>)>,
}

impl Shown {
    /// Its fingerprint as OpenSSH prints it: `SHA256:…`.
    pub(super) fn fingerprint(&self) -> String {
        fingerprint(&self.key)
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.key.algorithm(), self.fingerprint())?;
        match &self.certificate {
            None => Ok(()),
            Some((certificate, None)) => write!(f, " with {certificate}"),
            Some((certificate, Some(refusal))) => write!(f, " with {certificate} ({refusal})"),
        }
    }
}

pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

impl Approved {
    /// Reads the connector's list: OpenSSH public keys, lines of `ssh-keyscan` (with a host name in front), `SHA256:…`
    /// fingerprints, or authorities (`@cert-authority [patterns] key`).
    ///
    /// # Errors
    /// `SP-DELIVER-021` with every entry that is none of them: a list with a mistake in it is not half used. As
    /// [`Offer::of`].
    pub(super) fn parse(settings: &ConnectorSettings) -> Result<Self> {
        let mut approved = Self {
            offer: Offer::of(settings)?,
            host: settings.bare_host().to_owned(),
            port: settings.port,
            ..Self::default()
        };
        let mut wrong = Vec::new();
        for (index, entry) in settings.host_keys.iter().enumerate() {
            let entry = entry.trim();
            if let Some(digest) = entry.strip_prefix("SHA256:") {
                let digest = digest.trim_end_matches('=');
                // 32 bytes are 43 characters of base64 without padding.
                if digest.len() == 43
                    && digest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
                {
                    approved.fingerprints.push(format!("SHA256:{digest}"));
                    continue;
                }
            } else if Authority::is_meant(entry) {
                if let Some(authority) = Authority::parse(entry) {
                    approved.authorities.push(authority);
                    continue;
                }
            } else if let Some(key) = parse_key(entry) {
                approved.keys.push(key);
                continue;
            }
            wrong.push(FieldError::new(
                format!("/host_keys/{index}"),
                "expected an OpenSSH public key (`ssh-ed25519 AAAA…`), a fingerprint (`SHA256:…`), or an authority \
                 (`@cert-authority *.example.com ssh-ed25519 AAAA…`)",
            ));
        }
        if wrong.is_empty() {
            return Ok(approved);
        }
        let places: Vec<_> = wrong.iter().map(|field| field.pointer.clone()).collect();
        Err(Error::new(
            &codes::deliver::CONFIG,
            format!(
                "approved host keys that are no public key, SHA256 fingerprint or authority: {}",
                places.join(", ")
            ),
        )
        .with_fields(wrong))
    }

    /// Whether nothing is approved.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.fingerprints.is_empty() && self.authorities.is_empty()
    }

    /// The algorithms to meet the server with.
    pub(super) fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Whether certificates are of use.
    pub(super) fn has_authorities(&self) -> bool {
        !self.authorities.is_empty()
    }

    /// Whether the server may have a trusted key of another type than those it has shown: some approval does not say
    /// which type of key it is for, or a certificate came before the keys that are approved themselves.
    pub(super) fn may_know_another(&self, shown: &[Shown]) -> bool {
        !self.fingerprints.is_empty() || self.has_authorities() || shown.iter().any(|one| one.certificate.is_some())
    }

    /// Whether a whole key of this type is approved.
    pub(super) fn has_type(&self, algorithm: &Algorithm) -> bool {
        self.keys.iter().any(|key| same_type(&key.algorithm(), algorithm))
    }

    /// What the server shows, and whether it is to be trusted. A certificate that does not make it so is not the end: its
    /// key may be approved itself.
    pub(super) fn judge(&self, presented: &PublicKeyOrCertificate) -> (Shown, bool) {
        let key = presented.public_key();
        let certificate = presented.certificate().map(|certificate| {
            let server = (self.host.as_str(), self.port);
            let refusal = host_certificate::refusal(certificate, &self.authorities, server, Timestamp::now());
            (host_certificate::describe(certificate), refusal)
        });
        let vouched = matches!(certificate, Some((_, None)));
        let trusted = vouched || self.accepts(&key);
        (Shown { key, certificate }, trusted)
    }

    /// Whether this key was approved itself.
    pub(super) fn accepts(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|approved| approved.key_data() == key.key_data())
            || self.fingerprints.contains(&fingerprint(key))
    }

    /// The error of a connector without any approved key.
    pub(super) fn missing(&self, settings: &ConnectorSettings) -> Error {
        Error::new(
            &codes::deliver::NO_HOST_KEY,
            format!("no key is approved for `{}` port {}", settings.host, settings.port),
        )
    }

    /// Why the keys that the server showed are not trusted, with the fingerprints of both sides.
    pub(super) fn mismatch(&self, settings: &ConnectorSettings, shown: &[Shown]) -> Error {
        let shown = some_of(shown.iter().map(ToString::to_string), " and ");
        let server = format!("`{}` port {}", settings.host, settings.port);
        if self.is_empty() {
            return Error::new(
                &codes::deliver::NO_HOST_KEY,
                format!("{server} shows {shown}; no key is approved for it"),
            );
        }
        let authority =
            |authority: &Authority| format!("authority {} {}", authority.key.algorithm(), fingerprint(&authority.key));
        let approved = (self.keys.iter().map(|key| format!("{} {}", key.algorithm(), fingerprint(key))))
            .chain(self.fingerprints.iter().cloned())
            .chain(self.authorities.iter().map(authority));
        Error::new(
            &codes::deliver::HOST_KEY_MISMATCH,
            format!("{server} shows {shown}; approved: {}", some_of(approved, ", ")),
        )
    }
}

/// The first few in words, and how many more there are: an error message is no place for all that a server has to say.
pub(super) fn some_of(all: impl Iterator<Item = String>, between: &str) -> String {
    const NAMED: usize = 8;
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    let named = all.join(between);
    if more == 0 { named } else { format!("{named} and {more} more") }
}

fn parse_key(entry: &str) -> Option<PublicKey> {
    // `ssh-keyscan` puts the host name in front.
    let without_host = entry.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
    [entry, without_host].into_iter().find_map(|line| PublicKey::from_openssh(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn settings(host_keys: &[&str]) -> ConnectorSettings {
        ConnectorSettings {
            host_keys: host_keys.iter().map(|&key| key.to_owned()).collect(),
            ..ConnectorSettings::new("sftp.example", 22, "")
        }
    }

    #[test]
    fn keys_scanned_lines_and_fingerprints_approve_the_same_key() {
        let key = PublicKey::from_openssh(KEY).unwrap();
        for entry in [KEY.to_owned(), format!("{KEY} comment"), format!("sftp.example {KEY}"), fingerprint(&key)] {
            let approved = Approved::parse(&settings(&[&entry])).unwrap();
            assert!(approved.accepts(&key), "{entry}");
        }
    }

    #[test]
    fn every_mistake_is_named_and_nothing_is_half_used() {
        let error = Approved::parse(&settings(&[KEY, "SHA256:short", "MD5:aa:bb"])).unwrap_err();
        assert!(error.is(&codes::deliver::CONFIG));
        assert_eq!(error.fields().len(), 2);
    }

    #[test]
    fn of_many_a_few_are_named() {
        let numbers = |count: u32| (0..count).map(|number| number.to_string());
        assert_eq!(some_of(numbers(8), ", "), "0, 1, 2, 3, 4, 5, 6, 7");
        assert_eq!(some_of(numbers(1008), ", "), "0, 1, 2, 3, 4, 5, 6, 7 and 1000 more");
    }

    #[test]
    fn a_mismatch_shows_both_sides() {
        let fingerprints = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let settings = settings(&[fingerprints]);
        let approved = Approved::parse(&settings).unwrap();
        let shown = Shown { key: PublicKey::from_openssh(KEY).unwrap(), certificate: None };
        assert!(!approved.accepts(&shown.key));
        let error = approved.mismatch(&settings, std::slice::from_ref(&shown));
        assert!(error.is(&codes::deliver::HOST_KEY_MISMATCH));
        assert!(error.detail().contains(fingerprints) && error.detail().contains(&shown.fingerprint()), "{error}");
        assert!(error.detail().contains("ssh-ed25519"));
    }
}
