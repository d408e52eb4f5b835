//! Connectors: how to reach a partner's SFTP server.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ConnectorId, PartnerId};
use crate::secret::SecretRef;

/// A connector as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connector {
    /// Its id.
    pub id: ConnectorId,
    /// Whose server it is.
    pub partner: PartnerId,
    /// Its name among the partner's connectors.
    pub name: String,
    /// How to reach it and what to do there.
    pub settings: ConnectorSettings,
    /// Host keys that the server has shown and nobody has approved: never trusted, shown to whoever decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<HostKeyCandidate>,
}

/// A host key that a server has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKeyCandidate {
    /// The public key as OpenSSH writes it: `ssh-ed25519 AAAA…`.
    pub public_key: String,
    /// Its fingerprint: `SHA256:…`.
    pub fingerprint: String,
    /// When it was first shown.
    pub first_seen: Timestamp,
    /// When it was last shown.
    pub last_seen: Timestamp,
}

/// What an operator sets on a connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorSettings {
    /// Host name or address.
    pub host: String,
    /// Port; 22 when not given.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Whether only public addresses may be connected to, and those that the operator lets in beside them: for what
    /// partners set up themselves.
    #[serde(default)]
    pub public_only: bool,
    /// User name.
    #[serde(default)]
    pub user: String,
    /// Ways to log in, tried in this order until the server is satisfied (it may ask for several).
    #[serde(default)]
    pub login: Vec<Login>,
    /// Approved host keys: OpenSSH public keys (`ssh-ed25519 AAAA…`) or fingerprints (`SHA256:…`). Several may be
    /// approved at once, so that a change of key can be prepared.
    pub host_keys: Vec<String>,
    /// The remote directory; the login directory when empty.
    #[serde(default)]
    pub directory: String,
    /// Whether a missing directory is made.
    #[serde(default)]
    pub create_directories: bool,
    /// What to do when a file of the name exists already.
    #[serde(default)]
    pub existing_file: ExistingFile,
    /// A small file with the checksum beside each file: `<name>.sha256`, in the form `sha256sum -c` reads.
    #[serde(default)]
    pub checksum_file: bool,
    /// An empty file `<name>.done` after each file, for partners that wait for one.
    #[serde(default)]
    pub done_file: bool,
    /// Time limits and sizes.
    #[serde(default)]
    pub limits: ConnectorLimits,
    /// When to try again, and how often.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// A secret that holds user name and credentials in one, instead of `user` and `login`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_secret: Option<UserSecret>,
    /// The way to the server.
    #[serde(default, skip_serializing_if = "is_default")]
    pub network: NetworkSettings,
    /// SSH algorithms.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ssh: SshSettings,
    /// Several channels and connections for one file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parallel: ParallelSettings,
    /// The connector of AWS Transfer Family that does it, where the configuration chooses that engine; found or made by
    /// the connector's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_connector: Option<ConnectorId>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl ConnectorSettings {
    /// Settings for a server, everything else as when it is not given.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            public_only: false,
            user: user.into(),
            login: Vec::new(),
            host_keys: Vec::new(),
            directory: String::new(),
            create_directories: false,
            existing_file: ExistingFile::default(),
            checksum_file: false,
            done_file: false,
            limits: ConnectorLimits::default(),
            retry: RetryPolicy::default(),
            user_secret: None,
            network: NetworkSettings::default(),
            ssh: SshSettings::default(),
            parallel: ParallelSettings::default(),
            aws_connector: None,
        }
    }

    /// The server and the account on it, as `user@host:port`.
    #[must_use]
    pub fn account(&self) -> String {
        format!("{}@{}", self.user, self.server())
    }

    /// The server as `host:port`, an IPv6 address in brackets (RFC 3986 section 3.2.2).
    #[must_use]
    pub fn server(&self) -> String {
        let host = self.bare_host();
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }

    /// The host without the brackets that an IPv6 address may be written in.
    #[must_use]
    pub fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }
}

fn default_port() -> u16 {
    22
}

/// One way to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Login {
    /// A private key: OpenSSH or PEM (PKCS#1, PKCS#8, SEC1); ed25519, ECDSA or RSA (signed with SHA-2).
    PrivateKey {
        /// The key.
        key: SecretRef,
        /// Its passphrase.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passphrase: Option<SecretRef>,
        /// Its public half as one line for `authorized_keys`, where Sealpost made the key: for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        public_key: Option<String>,
    },
    /// A password.
    Password {
        /// The password.
        password: SecretRef,
    },
    /// Keyboard-interactive: the same answer to every hidden prompt.
    KeyboardInteractive {
        /// The answer.
        password: SecretRef,
    },
}

/// A secret of the form that AWS Transfer Family's connectors read: a JSON object with `Username` and `PrivateKey`,
/// `Password` or both. Resolved at each connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSecret {
    /// Where it is.
    pub secret: SecretRef,
    /// Versions to try in this order until the server lets one in: `AWSCURRENT`, `AWSPREVIOUS`, or a stage of one's own.
    /// The current version when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<String>,
}

/// The way to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// A proxy to go through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// The local address that connections start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<std::net::IpAddr>,
    /// Addresses of this family only.
    #[serde(skip_serializing_if = "is_default")]
    pub family: AddressFamily,
    /// Most bytes per second over all connections of this connector in this process; no limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Seconds that a connection without work is kept for the next file; 10. 0 keeps none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_s: Option<u64>,
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// `socks5://host:port` (RFC 1928; the proxy resolves the name) or `http://host:port` (CONNECT, RFC 9110 section 9.3.6).
    pub url: String,
    /// User name, for proxies that ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
}

/// Which addresses of a host are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressFamily {
    /// All, in the resolver's order.
    #[default]
    Any,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// SSH algorithms of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SshSettings {
    /// A security policy by name: `SealpostSFTPConnectorSecurityPolicy-2026-11` when absent, or one of AWS Transfer
    /// Family's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Algorithms that the policy leaves out for good reason, each for a while.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legacy: Vec<LegacyAlgorithm>,
}

/// An exception for an old algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyAlgorithm {
    /// Its SSH name: `ssh-rsa`, `diffie-hellman-group14-sha1`, `hmac-sha1`, `aes128-cbc`.
    pub name: String,
    /// The last day of the exception, in UTC. Afterwards the connector fails with `SP-DELIVER-026`.
    pub until: jiff::civil::Date,
}

/// How one large file is spread. What is not given is chosen from the measured round-trip time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParallelSettings {
    /// Whether one file may go over several channels or connections at all, sent or retrieved; `true` when absent. Turn it
    /// off for servers that have an object store behind them and take files from start to end only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<bool>,
    /// Most SSH channels of one connection, 1 to 10. When absent, 8 where a file is sent; one where it is retrieved, because
    /// then the window is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// Most connections for one file, 1 to 8; 2 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Most files under way on one connection, 1 to 256; 64 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u32>,
}

/// What to do when a file of the delivery's name exists already on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingFile {
    /// Fail the delivery.
    #[default]
    Fail,
    /// Replace it, atomically where the server can.
    Replace,
    /// Keep both: the new one gets `name-1.ext`, `name-2.ext`, …
    KeepBoth,
}

/// Time limits (seconds) and sizes of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectorLimits {
    /// TCP connect; 15.
    pub connect_timeout_s: u64,
    /// Key exchange and login; 30.
    pub handshake_timeout_s: u64,
    /// Longest silence of the server while something is asked of it; 60.
    pub inactivity_timeout_s: u64,
    /// The whole transfer; 21,600 (six hours).
    pub transfer_timeout_s: u64,
    /// Deliveries to this connector at once; 2.
    pub concurrency: u32,
}

impl Default for ConnectorLimits {
    fn default() -> Self {
        Self {
            connect_timeout_s: 15,
            handshake_timeout_s: 30,
            inactivity_timeout_s: 60,
            transfer_timeout_s: 21_600,
            concurrency: 2,
        }
    }
}

/// Exponential backoff with jitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Attempts in all; 8.
    pub max_attempts: u32,
    /// The first pause in seconds; 10. It doubles each time.
    pub first_pause_s: f64,
    /// The longest pause in seconds; 3,600.
    pub longest_pause_s: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 8, first_pause_s: 10.0, longest_pause_s: 3600.0 }
    }
}

impl RetryPolicy {
    /// The longest pause that there is, in seconds: a week.
    pub const LONGEST_PAUSE_S: f64 = 604_800.0;

    /// The pause after `attempt` (from 1) failed; `None` when no attempt is left. `random` in `[0, 1)` spreads the
    /// pause over its upper half, so that many deliveries to one server don't come back together.
    #[must_use]
    pub fn pause_after(&self, attempt: u32, random: f64) -> Option<std::time::Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let doublings = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX).min(60);
        // Records of earlier versions may hold any number: neither a duration nor a date takes each of them.
        let full = (self.first_pause_s * 2f64.powi(doublings)).min(self.longest_pause_s).max(0.0);
        let full = full.min(Self::LONGEST_PAUSE_S);
        Some(std::time::Duration::from_secs_f64(full * (0.5 + random.clamp(0.0, 1.0) / 2.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_then_end() {
        let policy = RetryPolicy { max_attempts: 5, first_pause_s: 10.0, longest_pause_s: 60.0 };
        let pauses: Vec<_> =
            (1..=5).map(|attempt| policy.pause_after(attempt, 1.0).map(|pause| pause.as_secs())).collect();
        assert_eq!(pauses, [Some(10), Some(20), Some(40), Some(60), None]);
        assert_eq!(policy.pause_after(1, 0.0).map(|pause| pause.as_secs()), Some(5));
    }

    #[test]
    fn no_pause_is_longer_than_a_week() {
        for pause in [1e12, 1e300, f64::INFINITY] {
            let policy = RetryPolicy { max_attempts: 100, first_pause_s: pause, longest_pause_s: pause };
            assert_eq!(policy.pause_after(50, 1.0).map(|pause| pause.as_secs()), Some(604_800), "{pause}");
        }
    }
}
