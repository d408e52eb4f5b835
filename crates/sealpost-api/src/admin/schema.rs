//! The shape of partner documents and connectors, for the OpenAPI document. The types that are read and written are the
//! core's and the pipeline's; a test holds these against them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

mod connector;

pub(super) use connector::{Connector, ConnectorSettings};

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
    /// A template of `{partner} {report} {date} {time} {sequence} {id} {extension}`; `{id}` must be in it, or `{report}` and `{sequence}`, which counts per report type.
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
            "connectors": {"main": {
                "host": "h", "user": "u", "login": [{"method": "password", "password": "env:A"}], "host_keys": [],
                "user_secret": {"secret": "env:A", "stages": ["A"]}, "aws_connector": "c-0123456789abcdef0",
                "network": {"proxy": {"url": "http://a", "user": "a", "password": "env:A"}, "source_address": "::1",
                    "family": "ipv6", "bytes_per_second": 1, "idle_s": 1},
                "ssh": {"policy": "a", "legacy": [{"name": "a", "until": "2027-01-31"}]},
                "parallel": {"ranges": true, "channels": 1, "connections": 1, "files": 1}
            }}
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
            ("UserSecret", &connector["user_secret"]),
            ("NetworkSettings", &connector["network"]),
            ("ConnectorProxy", &connector["network"]["proxy"]),
            ("SshSettings", &connector["ssh"]),
            ("LegacyAlgorithm", &connector["ssh"]["legacy"][0]),
            ("ParallelSettings", &connector["parallel"]),
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
