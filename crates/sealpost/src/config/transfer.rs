//! `[transfer]` and `[deliver]`: the transfer API, and the engine that carries files.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use sealpost_api::transfer::TransferLimits;
use sealpost_core::address::Network;
use sealpost_core::error::FieldError;
use sealpost_core::partner::MessageFormat;
use sealpost_core::port::Notifier as _;
use sealpost_core::secret::SecretRef;
use sealpost_core::usage::RateLimit;
use sealpost_deliver::{AwsTransferSettings, EventSinkSettings, Webhooks};
use serde::{Deserialize, Serialize};

use super::{AdminTlsBlock, WebhooksBlock};

/// The transfer API: a listener of its own that speaks the protocol of AWS Transfer Family's SFTP connectors. Off without
/// `listen`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TransferBlock {
    /// The address to listen on, such as `127.0.0.1:8082`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
    /// TLS that ends here. Without it the listener speaks plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<AdminTlsBlock>,
    /// Networks of proxies whose `Forwarded` or `X-Forwarded-For` is believed: `["10.0.0.0/8"]`. Nobody's when empty.
    #[schemars(with = "Vec<String>")]
    pub(crate) trusted_proxies: Vec<Network>,
    /// What the secret halves of access keys are derived from: a reference to at least 32 bytes, such as
    /// `file:secrets/transfer-secret`. When it changes, all access keys stop working.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) master_secret: Option<SecretRef>,
    /// The region that callers sign for, also in ARNs; `us-east-1`.
    pub(crate) region: String,
    /// The account in ARNs, 12 digits; `000000000000`.
    pub(crate) account: String,
    /// Seconds that a caller's clock may differ from ours; 900.
    pub(crate) clock_skew_s: u64,
    /// Requests per second of one access key; 50.
    pub(crate) requests_per_second: NonZeroU32,
    /// Largest `MaxConcurrentConnections` of a connector; 5.
    pub(crate) most_connections: u32,
    /// The addresses that our connections come from, as `DescribeConnector` shows them to callers.
    pub(crate) egress_addresses: Vec<Ipv4Addr>,
    /// Most files of one `StartFileTransfer`; 10.
    pub(crate) most_files: u32,
    /// Most files that may be open at once, of all connectors together; 1000.
    pub(crate) queue_limit: u32,
    /// Most connectors made through the API; 100.
    pub(crate) most_connectors: u32,
    /// Largest file that is retrieved, in bytes; 150 GiB.
    pub(crate) largest_file: u64,
    /// Files with OpenPGP certificates that retrieved files are sealed for, on connectors with the tag
    /// `sealpost:retrieve` = `sealed`.
    pub(crate) seal_for: Vec<PathBuf>,
    /// What a `UserSecretId` may begin with beside ARNs of Secrets Manager: `["file:secrets/", "vault:secret/sftp/"]`. Whoever may
    /// make connectors can send what it points to anywhere.
    pub(crate) user_secrets: Vec<String>,
    /// Whether connectors made through the API lead to public addresses only, and to the networks of `[self_service]
    /// allow_destinations`; then none goes through a proxy. Holds for connectors made or changed from then on. `false`: whoever
    /// may make connectors can look at what this machine can reach.
    pub(crate) public_only: bool,
    /// Where events of transfers and of reports' deliveries go: `[[transfer.events]]` with `kind` `file`, `stdout`, `webhook` or
    /// `eventbridge`, and its own settings.
    pub(crate) events: Vec<EventSinkSettings>,
}

impl Default for TransferBlock {
    fn default() -> Self {
        let usual = sealpost_pipeline::TransferSettings::default();
        Self {
            listen: None,
            tls: None,
            trusted_proxies: Vec::new(),
            master_secret: None,
            region: usual.region,
            account: usual.account,
            clock_skew_s: 900,
            requests_per_second: NonZeroU32::MIN.saturating_add(49),
            most_connections: TransferLimits::default().most_connections,
            egress_addresses: Vec::new(),
            most_files: usual.most_files,
            queue_limit: usual.queue_limit,
            most_connectors: usual.most_connectors,
            largest_file: usual.largest_file,
            seal_for: Vec::new(),
            user_secrets: Vec::new(),
            public_only: false,
            events: Vec::new(),
        }
    }
}

impl TransferBlock {
    /// What the types can't say. Events go where webhooks may.
    pub(super) fn problems(&self, webhooks: &WebhooksBlock) -> Vec<FieldError> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, detail: &str| problems.push(FieldError::new(format!("transfer.{key}"), detail));
        if self.listen.is_some() && self.master_secret.is_none() {
            problem(
                "master_secret",
                "expected a reference to at least 32 bytes: nobody could call without access keys",
            );
        }
        if self.account.len() != 12 || !self.account.bytes().all(|byte| byte.is_ascii_digit()) {
            problem("account", "expected 12 digits");
        }
        let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=30).contains(&self.region.len()) || !self.region.bytes().all(is_region) {
            problem("region", "expected a region's name, such as eu-central-1");
        }
        if !(60..=3600).contains(&self.clock_skew_s) {
            problem("clock_skew_s", "expected 60 to 3600");
        }
        if !(1..=100).contains(&self.most_connections) {
            problem("most_connections", "expected 1 to 100");
        }
        if !(1..=1000).contains(&self.most_files) {
            problem("most_files", "expected 1 to 1000");
        }
        if !self.user_secrets.iter().all(|prefix| ends_where_a_name_does(prefix)) {
            problem(
                "user_secrets",
                "expected folders and paths with a slash at the end, `file:secrets/` or `vault:secret/sftp/`; after `aws-sm:` no \
                 letter or digit at the end, `aws-sm:sftp/`",
            );
        }
        if self.seal_for.len() > 50 {
            problem("seal_for", "expected at most 50 certificates");
        }
        if self.queue_limit < self.most_files {
            problem("queue_limit", "expected at least `most_files`");
        }
        let webhooks = Webhooks::new(webhooks.settings());
        for (index, sink) in self.events.iter().enumerate() {
            match sink {
                EventSinkSettings::EventBridge(bus) if bus.refuses_source() => problem(
                    &format!("events[{index}].source"),
                    "Amazon keeps `aws.` for itself: expected another source, or `aws.endpoint` of a bus elsewhere",
                ),
                EventSinkSettings::Webhook(hook) => {
                    if let Err(error) = webhooks.admit(&hook.url) {
                        problem(&format!("events[{index}].url"), error.detail());
                    }
                }
                _ => {}
            }
        }
        problems
    }

    /// What the listener is held to. How often one may guess is said once for all listeners, in `[api]`.
    pub(crate) fn limits(&self, failed_attempts: RateLimit) -> TransferLimits {
        let most = self.requests_per_second.get();
        TransferLimits {
            clock_skew: Duration::from_secs(self.clock_skew_s),
            rate: RateLimit { per_second: f64::from(most), burst: most.saturating_mul(2) },
            failed_attempts,
            most_connections: self.most_connections,
            egress_addresses: self.egress_addresses.clone(),
            ..TransferLimits::default()
        }
    }

    /// The pipeline's settings; `seal_for` is still to be read.
    pub(crate) fn settings(&self) -> sealpost_pipeline::TransferSettings {
        sealpost_pipeline::TransferSettings {
            region: self.region.clone(),
            account: self.account.clone(),
            master_secret: self.master_secret.clone(),
            most_files: self.most_files,
            queue_limit: self.queue_limit,
            most_connectors: self.most_connectors,
            seal_for: Vec::new(),
            message: MessageFormat::Auto,
            largest_file: self.largest_file,
            user_secrets: self.user_secrets.clone(),
            public_only: self.public_only,
        }
    }
}

/// Whether what references may begin with ends where a name does: `vault:secret/sftp` would let in `vault:secret/sftp-admin/x` too.
fn ends_where_a_name_does(prefix: &str) -> bool {
    match prefix.split_once(':') {
        Some(("file" | "vault", path)) => path.ends_with('/'),
        // Names of Secrets Manager are often parted by other characters.
        Some(("aws-sm", name)) => !name.ends_with(|last: char| last.is_ascii_alphanumeric()),
        Some(_) => true,
        // Not even a scheme: `file` would let in every file.
        None => false,
    }
}

/// The engine that carries files to partners.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeliverBlock {
    /// `sftp`: our own. `aws_transfer`: connectors of AWS Transfer Family, or of another Sealpost's transfer API. `sftp`.
    pub(crate) engine: String,
    /// Most bytes per second over all connections of this process; no limit when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_per_second: Option<u64>,
    /// Settings of the engine `aws_transfer`.
    pub(crate) aws_transfer: AwsTransferSettings,
}

impl DeliverBlock {
    /// What the types can't say.
    pub(super) fn problems(&self) -> Vec<FieldError> {
        let known: Vec<&str> = sealpost_deliver::TRANSPORTS.iter().map(|entry| entry.name).collect();
        let mut problems = Vec::new();
        if !known.contains(&self.engine.as_str()) {
            problems.push(FieldError::new("deliver.engine", format!("expected one of {}", known.join(", "))));
        }
        if self.bytes_per_second == Some(0) {
            problems
                .push(FieldError::new("deliver.bytes_per_second", "expected at least 1; leave it out for no limit"));
        }
        problems
    }
}

impl Default for DeliverBlock {
    fn default() -> Self {
        Self { engine: "sftp".to_owned(), bytes_per_second: None, aws_transfer: AwsTransferSettings::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_secrets_may_begin_with_ends_where_a_name_does() {
        let keys = |prefix: &str| -> Vec<String> {
            let block = TransferBlock { user_secrets: vec![prefix.to_owned()], ..TransferBlock::default() };
            block.problems(&WebhooksBlock::default()).into_iter().map(|problem| problem.pointer).collect()
        };
        for good in [
            "file:secrets/",
            "file:/",
            "vault:secret/sftp/",
            "aws-sm:sealpost/",
            "aws-sm:sftp-",
            "aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:sftp/",
            "env:SFTP_",
        ] {
            assert_eq!(keys(good), [""; 0], "{good}");
        }
        for bad in ["file:secrets", "vault:secret/sftp", "vault:", "aws-sm:sftp", "aws-sm:sealpost/sftp", "file", ""] {
            assert_eq!(keys(bad), ["transfer.user_secrets"], "{bad}");
        }
    }
}
