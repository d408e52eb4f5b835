//! Connectors of the transfer API, as their callers describe them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connector::{Connector, ConnectorSettings};
use crate::id::{ConnectorId, PartnerId};

/// A connector that was made through the transfer API. Partners' own connectors are shown there as well, by
/// [`of_partner`](Self::of_partner), but not changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferConnector {
    /// Its id.
    pub id: ConnectorId,
    /// As given: `sftp://host` or `sftp://host:port`.
    pub url: String,
    /// A role's ARN, kept for the caller; access is decided by the access key.
    pub access_role: String,
    /// A role's ARN, kept for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging_role: Option<String>,
    /// `IPV4` or `DUALSTACK`, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// The secret as the caller named it: an ARN or one of our references.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_secret_id: Option<String>,
    /// Tags, by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TransferTag>,
    /// How the engine reaches it; follows from the members above. `directory` is empty: each transfer names its own.
    pub settings: ConnectorSettings,
    /// What happens to retrieved files on their way into the store.
    #[serde(default)]
    pub landed: Landed,
    /// What happens to a remote file after it was retrieved.
    #[serde(default)]
    pub after_retrieve: AfterRetrieve,
    /// Whose connector it is, where it is a partner's: then the transfer API does not change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerId>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferTag {
    /// 1 to 128 characters. Keys that begin with `sealpost:` set what the API of AWS has no member for.
    pub key: String,
    /// At most 256 characters.
    pub value: String,
}

/// How a retrieved file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landed {
    /// As it came.
    #[default]
    AsReceived,
    /// Sealed for the certificates that the configuration names; `.pgp` is added to its name.
    Sealed,
}

/// What happens to a remote file after it was retrieved and stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterRetrieve {
    /// It stays.
    #[default]
    Keep,
    /// It is removed.
    Delete,
    /// It is moved to this directory on the server, which must exist.
    Move(String),
}

impl TransferConnector {
    /// How a partner's connector looks through the transfer API.
    #[must_use]
    pub fn of_partner(connector: &Connector) -> Self {
        let settings = &connector.settings;
        Self {
            id: connector.id.clone(),
            url: format!("sftp://{}:{}", bracketed(&settings.host), settings.port),
            access_role: format!("arn:aws:iam::000000000000:role/sealpost-partner-{}", connector.partner),
            logging_role: None,
            ip_address_type: None,
            user_secret_id: settings.user_secret.as_ref().map(|secret| secret.secret.to_string()),
            tags: Vec::new(),
            settings: ConnectorSettings { directory: String::new(), ..settings.clone() },
            landed: Landed::default(),
            after_retrieve: AfterRetrieve::default(),
            partner: Some(connector.partner.clone()),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// The connector as the engine takes it, for one remote directory (the login's own when `None`).
    ///
    /// # Errors
    /// Never in practice: the owner's name is a constant.
    pub fn engine(&self, directory: Option<&str>) -> crate::Result<Connector> {
        Ok(Connector {
            id: self.id.clone(),
            partner: self.partner.clone().map_or_else(|| "transfer".parse(), Ok)?,
            name: self.id.to_string(),
            settings: ConnectorSettings {
                directory: directory.unwrap_or_default().to_owned(),
                ..self.settings.clone()
            },
            candidates: Vec::new(),
        })
    }
}

/// IPv6 addresses in URLs stand in brackets (RFC 3986 section 3.2.2).
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}
