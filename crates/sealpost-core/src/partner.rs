//! Partners: who may ask, for what, and how it is sealed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, codes};
use crate::id::{ApiKeyId, ConnectorId, PartnerId, ReportTypeId};
use crate::identity::{Identity, Scope};
use crate::secret::SecretRef;
use crate::usage::{Quota, RateLimit};

/// A partner as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partner {
    /// Its id, also its folder's name in the store.
    pub id: PartnerId,
    /// Its name, for people.
    pub name: String,
    /// Its scope: the value bound as `:partner_scope`.
    pub scope: String,
    /// Whether it may call and receive.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The report types and formats it may ask for.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Callers that stand for it, beside its API keys. The ledger refuses one that another partner has.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// OpenPGP certificates, each a recipient of every file while it is in use.
    #[serde(default)]
    pub certificates: Vec<RecipientCertificate>,
    /// How its files are sealed.
    #[serde(default)]
    pub seal: SealSettings,
    /// How its files are named.
    #[serde(default)]
    pub files: FileSettings,
    /// Connectors that a report goes to when it asks for delivery; each gets a delivery of its own.
    #[serde(default)]
    pub deliver_to: Vec<ConnectorId>,
    /// Limits.
    #[serde(default)]
    pub limits: PartnerLimits,
}

fn yes() -> bool {
    true
}

impl Partner {
    /// The certificates that are in use at `now`. What the recipient policy says of them is another question.
    pub fn recipients(&self, now: Timestamp) -> impl Iterator<Item = &RecipientCertificate> {
        self.certificates.iter().filter(move |certificate| certificate.is_used(now))
    }
}

/// A certificate of a partner, and when it stops being a recipient: two overlap while a key is rotated. Written as
/// plain text where there is nothing to say but the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "CertificateText", into = "CertificateText")]
pub struct RecipientCertificate {
    /// The ASCII-armored certificate.
    pub armored: String,
    /// Files are sealed to it before this time only; without end when `None`.
    pub use_until: Option<Timestamp>,
    /// When the partner proved that it has the private key.
    pub proven_at: Option<Timestamp>,
    /// Files are not sealed to it before that is proven; what follows then.
    pub awaits_proof: Option<AwaitedProof>,
}

/// What follows when a certificate is proven.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwaitedProof {
    /// The certificate that it takes the place of, by fingerprint.
    pub replaces: Option<String>,
    /// Until when files are sealed to both; no overlap when absent.
    pub cut_over: Option<Timestamp>,
}

impl RecipientCertificate {
    /// Whether files are sealed to it at `now`.
    #[must_use]
    pub fn is_used(&self, now: Timestamp) -> bool {
        self.awaits_proof.is_none() && !self.is_over(now)
    }

    /// Whether its time as a recipient is over at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.use_until.is_some_and(|until| until <= now)
    }
}

impl From<String> for RecipientCertificate {
    fn from(armored: String) -> Self {
        Self { armored, use_until: None, proven_at: None, awaits_proof: None }
    }
}

/// The two ways to write a [`RecipientCertificate`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum CertificateText {
    Plain(String),
    Full {
        armored: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        use_until: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proven_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaits_proof: Option<AwaitedProof>,
    },
}

impl From<CertificateText> for RecipientCertificate {
    fn from(text: CertificateText) -> Self {
        match text {
            CertificateText::Plain(armored) => armored.into(),
            CertificateText::Full { armored, use_until, proven_at, awaits_proof } => {
                Self { armored, use_until, proven_at, awaits_proof }
            }
        }
    }
}

impl From<RecipientCertificate> for CertificateText {
    fn from(certificate: RecipientCertificate) -> Self {
        let RecipientCertificate { armored, use_until, proven_at, awaits_proof } = certificate;
        if use_until.is_none() && proven_at.is_none() && awaits_proof.is_none() {
            Self::Plain(armored)
        } else {
            Self::Full { armored, use_until, proven_at, awaits_proof }
        }
    }
}

/// What a partner may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The report type.
    pub report: ReportTypeId,
    /// Formats; all of the report type's when empty.
    #[serde(default)]
    pub formats: Vec<String>,
}

/// How files are sealed for a partner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SealSettings {
    /// The message format; by the certificates' features when `auto`.
    pub message: MessageFormat,
    /// ASCII armor instead of binary.
    pub armor: bool,
    /// Sign with our key.
    pub sign: bool,
    /// Compression before sealing, by its name: `none`, `gzip`, `zstd`, `zip`.
    pub compression: Option<String>,
}

/// The encrypted container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageFormat {
    /// `SEIPDv2` where every recipient's certificate advertises it, else `SEIPDv1`.
    #[default]
    Auto,
    /// RFC 4880's SEIPD with MDC: what GnuPG 2.2 reads.
    Seipdv1,
    /// RFC 9580's `SEIPDv2` with AEAD.
    Seipdv2,
}

/// How files are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSettings {
    /// A template of `{partner} {report} {date} {time} {sequence} {id} {extension}`. `{id}` must be in it, or `{report}` and
    /// `{sequence}`, which counts per report type.
    pub name: String,
    /// The zone of `{date}` and `{time}`; `UTC` when not given.
    pub time_zone: String,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self { name: "{report}_{date}_{sequence}.{extension}".to_owned(), time_zone: "UTC".to_owned() }
    }
}

/// Limits of a partner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartnerLimits {
    /// Most reports queued or running at once; 20 when not given.
    pub active_reports: u32,
    /// Most requests over time; 100 per second, 200 at once when not given.
    pub rate: RateLimit,
    /// Further limits for single operations, beside `rate`: by method and path as in the API document, for example
    /// `"POST /v1/reports"`.
    pub methods: BTreeMap<String, RateLimit>,
    /// Most requests in a day, week or month; no such limit when not given.
    pub quota: Option<Quota>,
}

impl Default for PartnerLimits {
    fn default() -> Self {
        Self { active_reports: 20, rate: RateLimit::default(), methods: BTreeMap::new(), quota: None }
    }
}

/// An API key as the ledger keeps it: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The public half, shown and logged.
    pub id: ApiKeyId,
    /// Whose it is.
    pub partner: PartnerId,
    /// SHA-256 of the whole key, lower-case hexadecimal. The key has 256 random bits, so a slow hash adds nothing.
    pub sha256: String,
    /// For people: what it is used for.
    #[serde(default)]
    pub label: String,
    /// What it may do.
    #[serde(default = "Scope::all")]
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

/// Most API keys of a partner that work no more and are kept, those that were made last. The audit trail has all.
pub const MOST_DEAD_KEYS: usize = 100;

impl ApiKey {
    /// Whether it works at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// The keys that have to go when this one is made beside those that are there, newest first: what works no more, beyond
    /// [`MOST_DEAD_KEYS`].
    ///
    /// # Errors
    /// `SP-REQUEST-037` where `most` of them work.
    pub fn displaces(&self, there: Vec<Self>, most: u32) -> Result<Vec<Self>> {
        let (live, dead): (Vec<Self>, Vec<Self>) = there.into_iter().partition(|key| key.is_live(self.created_at));
        if live.len() >= most as usize {
            return Err(Error::new(&codes::request::TOO_MANY, format!("{} API keys that work", live.len())));
        }
        Ok(dead.into_iter().skip(MOST_DEAD_KEYS).collect())
    }
}

/// Our own signing key: where its secret half and passphrase are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyRef {
    /// The ASCII-armored private key.
    pub key: SecretRef,
    /// Its passphrase.
    #[serde(default)]
    pub passphrase: Option<SecretRef>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_plain_text_until_there_is_more_to_say() {
        let plain: RecipientCertificate = serde_json::from_str("\"armor\"").expect("text");
        assert_eq!(serde_json::to_value(&plain).expect("json"), "armor");
        let now = Timestamp::UNIX_EPOCH;
        let ending = RecipientCertificate { use_until: Some(now), ..plain.clone() };
        let written = serde_json::to_value(&ending).expect("json");
        assert_eq!(serde_json::from_value::<RecipientCertificate>(written).expect("back"), ending);
        assert!(plain.is_used(now) && !ending.is_used(now));
        let waiting = RecipientCertificate { awaits_proof: Some(AwaitedProof::default()), ..plain };
        assert!(!waiting.is_used(now) && !waiting.is_over(now));
    }
}
