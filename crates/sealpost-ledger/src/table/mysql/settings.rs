//! What `sealpost.toml` says about a ledger in MySQL or MariaDB. The words are those of a source.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use sealpost_core::secret::SecretRef;
use serde::{Deserialize, Serialize};

/// A database of a MySQL 8 or MariaDB 10.11 server, for several machines. The account needs SELECT, INSERT, UPDATE and DELETE on the table `sealpost_ledger`, and CREATE once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MySqlSettings {
    /// Host name or address; `localhost` when not given. With TLS the server's certificate must be for this name.
    #[serde(default = "default_host")]
    pub(crate) host: String,
    /// TCP port; 3306 when not given.
    #[serde(default = "default_port")]
    pub(crate) port: u16,
    /// Path of the server's unix socket, instead of host and port; none when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<PathBuf>,
    /// The database (schema) that the ledger's table is in. It must be there.
    pub(crate) database: String,
    /// The account.
    pub(crate) user: String,
    /// Where the account's password is kept, such as `env:DB_PASSWORD`; no password when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) password: Option<SecretRef>,
    /// Encryption of the connection.
    #[serde(default)]
    pub(crate) tls: TlsSettings,
    /// Time limit in seconds for connecting, TLS and login together; 10 when not given.
    #[serde(default = "default_connect_timeout_s")]
    pub(crate) connect_timeout_s: u64,
    /// Most connections of this process; 8 when not given.
    #[serde(default = "default_connections")]
    pub(crate) connections: u32,
}

/// Encryption of the connection to the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    /// `required` or `disabled`. When not given: `disabled` over a unix socket or to this machine (`localhost`,
    /// `127.0.0.1`, `::1`), `required` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<TlsMode>,
    /// A PEM file with the certificate authorities to trust besides the public ones built in; none when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether the certificate must be for `host`; true when not given. Without it any certificate of a trusted
    /// authority will do, the public ones included: only for servers whose certificate can't be corrected.
    #[serde(default = "default_verify_identity")]
    pub(crate) verify_identity: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { mode: None, ca_file: None, verify_identity: default_verify_identity() }
    }
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TlsMode {
    /// Plain text.
    Disabled,
    /// TLS with a certificate that is verified, or no connection.
    Required,
}

impl MySqlSettings {
    /// Whether the connection is encrypted, defaults applied.
    pub(crate) fn uses_tls(&self) -> bool {
        let near = self.socket.is_some() || matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        self.tls.mode.unwrap_or(if near { TlsMode::Disabled } else { TlsMode::Required }) == TlsMode::Required
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
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

fn default_connections() -> u32 {
    8
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
