//! The shape of connectors: where they lead, how they log in, what they do there.

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

/// A connector as the ledger keeps it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct Connector {
    /// Its id.
    #[schema(example = "c-0123456789abcdef0")]
    id: String,
    /// Whose server it is.
    #[schema(example = "acme")]
    partner: String,
    /// Its name among the partner's connectors.
    #[schema(example = "main")]
    name: String,
    /// How to reach it and what to do there.
    settings: ConnectorSettings,
    /// Host keys that the server has shown and nobody has approved; absent where there are none.
    #[schema(nullable = false)]
    candidates: Option<Vec<HostKeyCandidate>>,
}

/// A host key that a server has shown.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct HostKeyCandidate {
    /// The public key as OpenSSH writes it.
    #[schema(example = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGl4c5gJ0kqz0YkmrEKmD8AVX3vMZt1y0Yb3V7P6V1bn")]
    public_key: String,
    /// Its fingerprint.
    #[schema(example = "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A")]
    fingerprint: String,
    /// When it was first shown.
    first_seen: Timestamp,
    /// When it was last shown.
    last_seen: Timestamp,
}

/// How to reach a server and what to do there.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectorSettings {
    /// Host name or address, without scheme, user or path.
    #[schema(pattern = "^[^/@ ]+$", example = "sftp.acme.example")]
    host: String,
    /// Port; 22 when absent.
    #[schema(nullable = false, minimum = 1, maximum = 65_535, example = 22)]
    port: Option<u16>,
    /// Whether only public addresses may be connected to, and those that `[self_service]` lets in; `false` when absent.
    #[schema(nullable = false)]
    public_only: Option<bool>,
    /// User name; absent with `user_secret`, else needed.
    #[schema(nullable = false, example = "reports")]
    user: Option<String>,
    /// Ways to log in, tried in this order; absent with `user_secret`, else at least one.
    #[schema(nullable = false)]
    login: Option<Vec<Login>>,
    /// Approved host keys: public keys, `SHA256:…` fingerprints, or authorities that vouch for keys
    /// (`@cert-authority *.acme.example ssh-ed25519 AAAA…`); several may be approved at once.
    #[schema(example = json!(["SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A"]))]
    host_keys: Vec<String>,
    /// The remote directory; the login directory when empty. Without `..`.
    #[schema(nullable = false, example = "incoming")]
    directory: Option<String>,
    /// Whether a missing directory is made.
    #[schema(nullable = false)]
    create_directories: Option<bool>,
    /// What to do when a file of the name exists already.
    #[schema(nullable = false)]
    existing_file: Option<ExistingFile>,
    /// A file `<name>.sha256` beside each file.
    #[schema(nullable = false)]
    checksum_file: Option<bool>,
    /// An empty file `<name>.done` after each file.
    #[schema(nullable = false)]
    done_file: Option<bool>,
    /// Time limits and sizes.
    #[schema(nullable = false)]
    limits: Option<ConnectorLimits>,
    /// When to try again, and how often.
    #[schema(nullable = false)]
    retry: Option<RetryPolicy>,
    /// User name and credentials in one secret.
    #[schema(nullable = false)]
    user_secret: Option<UserSecret>,
    /// The way to the server.
    #[schema(nullable = false)]
    network: Option<NetworkSettings>,
    /// SSH algorithms.
    #[schema(nullable = false)]
    ssh: Option<SshSettings>,
    /// Several channels and connections for one file.
    #[schema(nullable = false)]
    parallel: Option<ParallelSettings>,
    /// The connector of AWS Transfer Family, where the configuration chooses that engine; found by name when absent.
    #[schema(nullable = false, pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")]
    aws_connector: Option<String>,
}

/// What to do when a file of the name exists already.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExistingFile {
    /// Fail the delivery.
    Fail,
    /// Replace it.
    Replace,
    /// Keep both: the new one gets `name-1.ext`.
    KeepBoth,
}

/// One way to log in. Secrets are references: `env:NAME`, `file:/path`.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = ConnectorLogin, example = json!({"method": "private_key", "key": "file:/run/secrets/acme"}))]
pub(crate) enum Login {
    /// A private key.
    PrivateKey {
        /// The key.
        #[schema(pattern = r"^[a-z-]+:[\s\S]+$", example = "file:/run/secrets/acme")]
        key: String,
        /// Its passphrase.
        #[schema(pattern = r"^[a-z-]+:[\s\S]+$", example = "file:/run/secrets/acme")]
        passphrase: Option<String>,
        /// Its public half as one line, where Sealpost made the key.
        #[schema(
            nullable = false,
            example = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGl4c5gJ0kqz0YkmrEKmD8AVX3vMZt1y0Yb3V7P6V1bn sealpost acme/main"
        )]
        public_key: Option<String>,
    },
    /// A password.
    Password {
        /// The password.
        #[schema(pattern = r"^[a-z-]+:[\s\S]+$", example = "file:/run/secrets/acme")]
        password: String,
    },
    /// Keyboard-interactive: the same answer to every hidden prompt.
    KeyboardInteractive {
        /// The answer.
        #[schema(pattern = r"^[a-z-]+:[\s\S]+$", example = "file:/run/secrets/acme")]
        password: String,
    },
}

/// A secret as AWS Transfer Family's connectors read it: a JSON object with `Username`, and `PrivateKey`, `Password` or both.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct UserSecret {
    /// Where it is.
    #[schema(pattern = r"^[a-z-]+:[\s\S]+$", example = "aws-sm:partners/acme")]
    secret: String,
    /// Versions to try in this order until the server lets one in; the current one when absent.
    #[schema(nullable = false, max_items = 4, example = json!(["AWSCURRENT", "AWSPREVIOUS"]))]
    stages: Option<Vec<String>>,
}

/// The way to a server.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkSettings {
    /// A proxy to go through.
    #[schema(nullable = false)]
    proxy: Option<Proxy>,
    /// The local address that connections start from.
    #[schema(nullable = false, example = "192.0.2.10")]
    source_address: Option<String>,
    /// Addresses of this family only; `any` when absent.
    #[schema(nullable = false)]
    family: Option<AddressFamily>,
    /// Most bytes per second over all connections of the connector, per process; no limit when absent.
    #[schema(nullable = false, minimum = 1, example = 5_000_000)]
    bytes_per_second: Option<u64>,
    /// Seconds that a connection without work is kept for the next file; 10 when absent. 0 keeps none.
    #[schema(nullable = false, maximum = 3_600, example = 10)]
    idle_s: Option<u64>,
}

/// Which addresses of a host are used.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AddressFamily {
    /// All, in the resolver's order.
    Any,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// A proxy.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
#[schema(as = ConnectorProxy)]
pub(crate) struct Proxy {
    /// `socks5://host:port` or `http://host:port`, without credentials.
    #[schema(pattern = "^(socks5|http)://[^/@?#]+/?$", example = "socks5://proxy.internal.example:1080")]
    url: String,
    /// User name, for proxies that ask.
    #[schema(nullable = false, min_length = 1, max_length = 255, example = "sealpost")]
    user: Option<String>,
    /// Its password.
    #[schema(nullable = false, pattern = r"^[a-z-]+:[\s\S]+$", example = "file:/run/secrets/proxy")]
    password: Option<String>,
}

/// SSH algorithms of a connector.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct SshSettings {
    /// A security policy by name; `SealpostSFTPConnectorSecurityPolicy-2026-11` when absent.
    #[schema(nullable = false, example = "TransferSFTPConnectorSecurityPolicy-2024-03")]
    policy: Option<String>,
    /// Old algorithms that the policy leaves out, each for a while.
    #[schema(nullable = false)]
    legacy: Option<Vec<LegacyAlgorithm>>,
}

/// An exception for an old algorithm.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct LegacyAlgorithm {
    /// Its SSH name.
    #[schema(example = "diffie-hellman-group14-sha1")]
    name: String,
    /// The last day of the exception, in UTC; at most two years ahead.
    #[schema(format = Date, example = "2027-01-31")]
    until: String,
}

/// How one large file is spread. What is absent is chosen from the measured round-trip time.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct ParallelSettings {
    /// Whether one file may go over several channels at all; `true` when absent.
    #[schema(nullable = false)]
    ranges: Option<bool>,
    /// Most SSH channels of one connection; 8 when absent.
    #[schema(nullable = false, minimum = 1, maximum = 10, example = 8)]
    channels: Option<u32>,
    /// Most connections for one file; 2 when absent.
    #[schema(nullable = false, minimum = 1, maximum = 8, example = 2)]
    connections: Option<u32>,
    /// Most files under way on one connection; 64 when absent.
    #[schema(nullable = false, minimum = 1, maximum = 256, example = 64)]
    files: Option<u32>,
}

/// Time limits in seconds, and sizes.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectorLimits {
    /// TCP connect; 15 when absent.
    #[schema(nullable = false, minimum = 1, example = 15)]
    connect_timeout_s: Option<u64>,
    /// Key exchange and login; 30 when absent.
    #[schema(nullable = false, minimum = 1, example = 30)]
    handshake_timeout_s: Option<u64>,
    /// Longest silence of the server; 60 when absent.
    #[schema(nullable = false, minimum = 1, example = 60)]
    inactivity_timeout_s: Option<u64>,
    /// The whole transfer; 21,600 when absent.
    #[schema(nullable = false, minimum = 1, example = 21_600)]
    transfer_timeout_s: Option<u64>,
    /// Deliveries at once; 2 when absent.
    #[schema(nullable = false, minimum = 1, example = 2)]
    concurrency: Option<u32>,
}

/// Exponential backoff with jitter.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryPolicy {
    /// Attempts in all; 8 when absent.
    #[schema(nullable = false, minimum = 1, maximum = 100, example = 8)]
    max_attempts: Option<u32>,
    /// The first pause in seconds; it doubles each time. 10 when absent.
    #[schema(nullable = false, minimum = 0, maximum = 604_800, example = 10.0)]
    first_pause_s: Option<f64>,
    /// The longest pause in seconds; 3,600 when absent.
    #[schema(nullable = false, minimum = 0, maximum = 604_800, example = 3600.0)]
    longest_pause_s: Option<f64>,
}
