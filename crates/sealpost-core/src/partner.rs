//! Partners: who may ask, for what, and how it is sealed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ApiKeyId, ConnectorId, PartnerId, ReportTypeId};
use crate::secret::SecretRef;

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
    /// ASCII-armored OpenPGP certificates, each a recipient of every file.
    #[serde(default)]
    pub certificates: Vec<String>,
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
    /// A template of `{partner} {report} {date} {time} {sequence} {id} {extension}`.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartnerLimits {
    /// Most reports queued or running at once; 20 when not given.
    pub active_reports: u32,
}

impl Default for PartnerLimits {
    fn default() -> Self {
        Self { active_reports: 20 }
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
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
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
