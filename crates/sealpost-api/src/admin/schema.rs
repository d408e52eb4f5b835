//! The shape of partner documents and connectors, for the OpenAPI document. The types that are read and written are the
//! core's and the pipeline's; a test holds these against them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

/// A partner with its connectors.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Acme GmbH", "scope": "4711", "enabled": true, "grants": [{"report": "contracts.v1", "formats": ["csv"]}],
    "identities": [{"issuer": "main", "subject": "0oa1b2c3d4"}],
    "certificates": ["-----BEGIN PGP PUBLIC KEY BLOCK-----\n…"],
    "connectors": {"main": {
        "host": "sftp.acme.example", "user": "reports", "login": [{"method": "private_key", "key": "file:/run/secrets/acme"}],
        "host_keys": ["SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A"], "directory": "incoming"
    }}
}))]
pub(crate) struct PartnerDocument {
    /// Its name, for people.
    name: String,
    /// Its scope: the value bound as `:partner_scope`.
    scope: String,
    /// Whether it may call and receive; `true` when absent.
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// The report types and formats it may ask for.
    #[schema(nullable = false)]
    grants: Option<Vec<Grant>>,
    /// Callers that stand for it beside its API keys. No two partners can have the same. Left as they are when absent.
    identities: Option<Vec<Identity>>,
    /// OpenPGP certificates, each a recipient of every file while it is in use. Left as they are when absent.
    certificates: Option<Vec<RecipientCertificate>>,
    /// How its files are sealed.
    #[schema(nullable = false)]
    seal: Option<SealSettings>,
    /// How its files are named.
    #[schema(nullable = false)]
    files: Option<FileSettings>,
    /// Limits.
    #[schema(nullable = false)]
    limits: Option<PartnerLimits>,
    /// Its connectors by name: 1 to 63 of a-z, 0-9 and -. All of them, those that it made itself too; left as they are when
    /// absent.
    connectors: Option<BTreeMap<String, ConnectorSettings>>,
    /// The names of the connectors that reports go to. When absent, left as it is, and connectors that are created are added.
    deliver_to: Option<Vec<String>>,
}

/// What a partner may ask for.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// The report type.
    #[schema(example = "contracts.v1")]
    report: String,
    /// Formats; all of the report type's when empty.
    #[schema(nullable = false, example = json!(["csv"]))]
    formats: Option<Vec<String>>,
}

/// A caller as an issuer of credentials knows it.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// The issuer's name in the configuration, or `mtls` for client certificates.
    #[schema(example = "main")]
    issuer: String,
    /// The client id of its access tokens, or the certificate's SHA-256 in lower-case hexadecimal.
    #[schema(example = "0oa1b2c3d4")]
    subject: String,
}

/// A certificate: its text alone, or with the time until which it is used.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(untagged)]
#[schema(example = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n…")]
pub(crate) enum RecipientCertificate {
    /// The ASCII-armored certificate.
    Plain(String),
    /// The certificate, and when it stops being a recipient.
    Full {
        /// The ASCII-armored certificate.
        armored: String,
        /// Files are sealed to it before this time only.
        use_until: Option<Timestamp>,
        /// When the partner proved that it has the private key.
        proven_at: Option<Timestamp>,
        /// Files are not sealed to it before that is proven; what follows then.
        awaits_proof: Option<AwaitedProof>,
    },
}

/// What follows when a certificate is proven.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct AwaitedProof {
    /// The certificate that it takes the place of, by fingerprint.
    #[schema(example = "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F")]
    replaces: Option<String>,
    /// Until when files are sealed to both; no overlap when absent.
    cut_over: Option<Timestamp>,
}

/// How files are sealed for a partner.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct SealSettings {
    /// The encrypted container.
    #[schema(nullable = false)]
    message: Option<MessageFormat>,
    /// ASCII armor instead of binary.
    #[schema(nullable = false)]
    armor: Option<bool>,
    /// Sign with our key.
    #[schema(nullable = false)]
    sign: Option<bool>,
    /// Compression before sealing: `none`, `gzip`, `zstd`, `zip`.
    #[schema(example = "gzip")]
    compression: Option<String>,
}

/// The encrypted container.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageFormat {
    /// By the certificates.
    Auto,
    /// What GnuPG 2.2 reads.
    Seipdv1,
    /// RFC 9580, AEAD.
    Seipdv2,
}

/// How files are named.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSettings {
    /// A template of `{partner} {report} {date} {time} {sequence} {id} {extension}`; `{sequence}` or `{id}` must be in it.
    #[schema(nullable = false, example = "{report}_{date}_{sequence}.{extension}")]
    name: Option<String>,
    /// The zone of `{date}` and `{time}`: `UTC`, an offset such as `+02:00`, or an IANA name.
    #[schema(nullable = false, example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// Limits of a partner.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct PartnerLimits {
    /// Most reports queued or running at once; 20 when absent.
    #[schema(nullable = false, example = 20)]
    active_reports: Option<u32>,
    /// Most requests over time; 100 per second and 200 at once when absent.
    #[schema(nullable = false)]
    rate: Option<RateLimit>,
    /// Further limits for single operations, by method and path: `POST /v1/reports`.
    #[schema(nullable = false, example = json!({"POST /v1/reports": {"per_second": 1.0, "burst": 10}}))]
    methods: Option<BTreeMap<String, RateLimit>>,
    /// Most requests in a calendar period.
    quota: Option<Quota>,
}

/// A token bucket.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimit {
    /// Requests per second that it fills with.
    #[schema(exclusive_minimum = 0.0, maximum = 100_000.0, example = 100.0)]
    per_second: f64,
    /// Most requests at once.
    #[schema(minimum = 1, maximum = 100_000, example = 200)]
    burst: u32,
}

/// Most requests in a calendar period.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[serde(deny_unknown_fields)]
pub(crate) struct Quota {
    /// Requests.
    #[schema(example = 10_000)]
    limit: u64,
    /// In each of these.
    period: Period,
}

/// A calendar period, in UTC.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Period {
    /// From midnight.
    Day,
    /// From Monday's midnight.
    Week,
    /// From the first day's midnight.
    Month,
}

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
    /// User name.
    #[schema(min_length = 1, example = "reports")]
    user: String,
    /// Ways to log in, tried in this order.
    #[schema(min_items = 1)]
    login: Vec<Login>,
    /// Approved host keys: public keys or `SHA256:…` fingerprints; several may be approved at once.
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
    #[schema(nullable = false, minimum = 0, example = 10.0)]
    first_pause_s: Option<f64>,
    /// The longest pause in seconds; 3,600 when absent.
    #[schema(nullable = false, minimum = 0, example = 3600.0)]
    longest_pause_s: Option<f64>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    /// Every member that a document can have stands in the schema, and no other.
    #[test]
    fn the_schema_has_the_members_of_the_real_types() {
        let openapi = crate::admin_document();
        let schemas = &openapi["components"]["schemas"];
        let document: sealpost_pipeline::records::PartnerDocument = serde_json::from_value(json!({
            "name": "a", "scope": "1", "grants": [{"report": "a.v1"}], "deliver_to": ["main"], "identities": [], "certificates": [],
            "connectors": {"main": {"host": "h", "user": "u", "login": [{"method": "password", "password": "env:A"}], "host_keys": []}}
        }))
        .expect("a document");
        let document = serde_json::to_value(&document).expect("json");
        let connector = &document["connectors"]["main"];
        for (name, value) in [
            ("PartnerDocument", &document),
            ("Grant", &document["grants"][0]),
            ("SealSettings", &document["seal"]),
            ("FileSettings", &document["files"]),
            ("PartnerLimits", &document["limits"]),
            ("RateLimit", &document["limits"]["rate"]),
            ("ConnectorSettings", connector),
            ("ConnectorLimits", &connector["limits"]),
            ("RetryPolicy", &connector["retry"]),
        ] {
            assert_eq!(members(&schemas[name]["properties"]), members(value), "{name}");
        }
    }

    fn members(value: &Json) -> Vec<&String> {
        let mut names: Vec<&String> = value.as_object().expect("an object").keys().collect();
        names.sort();
        names
    }
}
