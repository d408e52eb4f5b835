//! The shape of partner documents and connectors, for the OpenAPI document. The types that are read and written are the
//! core's and the pipeline's; a test holds these against them.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// A partner with its connectors.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[schema(example = json!({
    "name": "Acme GmbH", "scope": "4711", "enabled": true, "grants": [{"report": "contracts.v1", "formats": ["csv"]}],
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
    enabled: Option<bool>,
    /// The report types and formats it may ask for.
    grants: Option<Vec<Grant>>,
    /// ASCII-armored OpenPGP certificates, each a recipient of every file.
    certificates: Option<Vec<String>>,
    /// How its files are sealed.
    seal: Option<SealSettings>,
    /// How its files are named.
    files: Option<FileSettings>,
    /// Limits.
    limits: Option<PartnerLimits>,
    /// Its connectors by name.
    connectors: Option<BTreeMap<String, ConnectorSettings>>,
    /// The names of the connectors that reports go to; all of them when absent.
    deliver_to: Option<Vec<String>>,
}

/// What a partner may ask for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct Grant {
    /// The report type.
    report: String,
    /// Formats; all of the report type's when empty.
    formats: Option<Vec<String>>,
}

/// How files are sealed for a partner.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct SealSettings {
    /// `auto` (by the certificates), `seipdv1` (GnuPG 2.2) or `seipdv2` (RFC 9580, AEAD).
    message: Option<String>,
    /// ASCII armor instead of binary.
    armor: Option<bool>,
    /// Sign with our key.
    sign: Option<bool>,
    /// Compression before sealing: `none`, `gzip`, `zstd`, `zip`.
    compression: Option<String>,
}

/// How files are named.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct FileSettings {
    /// A template of `{partner} {report} {date} {time} {sequence} {id} {extension}`.
    #[schema(example = "{report}_{date}_{sequence}.{extension}")]
    name: Option<String>,
    /// The zone of `{date}` and `{time}`.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// Limits of a partner.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct PartnerLimits {
    /// Most reports queued or running at once.
    active_reports: Option<u32>,
}

/// A connector as the ledger keeps it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct Connector {
    /// Its id.
    #[schema(example = "c-0123456789abcdef0")]
    id: String,
    /// Whose server it is.
    partner: String,
    /// Its name among the partner's connectors.
    name: String,
    /// How to reach it and what to do there.
    settings: ConnectorSettings,
}

/// How to reach a server and what to do there.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct ConnectorSettings {
    /// Host name or address.
    host: String,
    /// Port; 22 when absent.
    port: Option<u16>,
    /// User name.
    user: String,
    /// Ways to log in, tried in this order.
    login: Vec<Login>,
    /// Approved host keys: public keys or `SHA256:…` fingerprints; several may be approved at once.
    host_keys: Vec<String>,
    /// The remote directory; the login directory when empty.
    directory: Option<String>,
    /// Whether a missing directory is made.
    create_directories: Option<bool>,
    /// What to do when a file of the name exists already: `fail`, `replace` or `keep_both`.
    existing_file: Option<String>,
    /// A file `<name>.sha256` beside each file.
    checksum_file: Option<bool>,
    /// An empty file `<name>.done` after each file.
    done_file: Option<bool>,
    /// Time limits and sizes.
    limits: Option<ConnectorLimits>,
    /// When to try again, and how often.
    retry: Option<RetryPolicy>,
}

/// One way to log in. Secrets are references: `env:NAME`, `file:/path`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
#[schema(as = Login)]
pub(crate) struct Login {
    /// `private_key`, `password` or `keyboard_interactive`.
    method: String,
    /// The private key, for `private_key`.
    key: Option<String>,
    /// Its passphrase.
    passphrase: Option<String>,
    /// The password or answer, for the other two.
    password: Option<String>,
}

/// Time limits in seconds, and sizes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct ConnectorLimits {
    /// TCP connect.
    connect_timeout_s: Option<u64>,
    /// Key exchange and login.
    handshake_timeout_s: Option<u64>,
    /// Longest silence of the server.
    inactivity_timeout_s: Option<u64>,
    /// The whole transfer.
    transfer_timeout_s: Option<u64>,
    /// Deliveries at once.
    concurrency: Option<u32>,
}

/// Exponential backoff with jitter.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
pub(crate) struct RetryPolicy {
    /// Attempts in all.
    max_attempts: Option<u32>,
    /// The first pause in seconds; it doubles each time.
    first_pause_s: Option<f64>,
    /// The longest pause in seconds.
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
            "name": "a", "scope": "1", "grants": [{"report": "a.v1"}], "deliver_to": ["main"],
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
