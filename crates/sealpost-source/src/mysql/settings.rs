//! What `sealpost.toml` says about a MySQL or MariaDB source.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use sealpost_core::secret::SecretRef;
use serde::{Deserialize, Serialize};

/// A MySQL or MariaDB server. The account needs SELECT on the reports' tables and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MySqlSettings {
    /// Host name or address; `localhost` when not given. With TLS the server's certificate must be for this name.
    #[serde(default = "default_host")]
    pub host: String,
    /// TCP port; 3306 when not given.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Path of the server's unix socket, instead of host and port; none when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// The database (schema) that unqualified table names belong to.
    pub database: String,
    /// The account's name; not with `credentials`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Where the account's password is kept, such as `env:DB_PASSWORD`; no password when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub password: Option<SecretRef>,
    /// Where name and password of the account are kept together, as a JSON object with `username` and `password`: a secret that
    /// RDS manages (`aws-sm:…`), or leases of Vault's database engine (`vault:database/creds/report`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub credentials: Option<SecretRef>,
    /// Encryption of the connection.
    #[serde(default)]
    pub tls: TlsSettings,
    /// Time limit in seconds for connecting, TLS and login together; 10 when not given.
    #[serde(default = "default_connect_timeout_s")]
    pub connect_timeout_s: u64,
}

/// Encryption of the connection to the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// `required` or `disabled`. When not given: `disabled` over a unix socket or to this machine (`localhost`,
    /// `127.0.0.1`, `::1`), `required` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<TlsMode>,
    /// A PEM file with the certificate authorities to trust besides the public ones built in; none when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether the certificate must be for `host`; true when not given. Without it any certificate of a trusted
    /// authority will do, the public ones included: only for servers whose certificate can't be corrected.
    #[serde(default = "default_verify_identity")]
    pub verify_identity: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { mode: None, ca_file: None, verify_identity: default_verify_identity() }
    }
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Plain text.
    Disabled,
    /// TLS with a certificate that is verified, or no connection.
    Required,
}

impl MySqlSettings {
    /// What the types can't say.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match (&self.credentials, self.user.is_empty(), &self.password) {
            (None, true, _) => Some("`user` is missing, or `credentials` instead of it"),
            (Some(_), false, _) | (Some(_), _, Some(_)) => {
                Some("`credentials` has name and password: `user` and `password` are not for it")
            }
            _ => None,
        }
    }

    /// Whether the connection is encrypted, defaults applied.
    #[must_use]
    pub fn uses_tls(&self) -> bool {
        let near = self.socket.is_some() || matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        self.tls.mode.unwrap_or(if near { TlsMode::Disabled } else { TlsMode::Required }) == TlsMode::Required
    }

    /// Where the server is, for errors.
    pub(super) fn address(&self) -> String {
        self.socket.as_ref().map_or_else(|| format!("{}:{}", self.host, self.port), |path| path.display().to_string())
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_s)
    }
}

fn default_host() -> String {
    "localhost".to_owned()
}

fn default_port() -> u16 {
    3306
}

fn default_verify_identity() -> bool {
    true
}

fn default_connect_timeout_s() -> u64 {
    10
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tls_is_the_default_for_another_machine() {
        let settings = |host: &str| -> MySqlSettings {
            serde_json::from_value(json!({"host": host, "database": "d", "user": "u"})).unwrap()
        };
        assert!(settings("db.example.com").uses_tls());
        assert!(!settings("localhost").uses_tls());
        assert_eq!(settings("localhost").port, 3306);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let given = json!({"database": "d", "user": "u", "pasword": "env:X"});
        assert!(serde_json::from_value::<MySqlSettings>(given).is_err());
    }
}
