//! Configuration: `sealpost.toml`, then `SEALPOST__…` variables; checked as a whole, every problem at once.
//!
//! Secrets appear as references only. Relative paths are relative to the file's folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use sealpost_core::address::Network;
use sealpost_core::error::FieldError;
use sealpost_core::partner::SigningKeyRef;
use sealpost_core::secret::SecretRef;
use sealpost_deliver::WebhookSettings;
use sealpost_secrets::SecretsSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

mod lambda;
mod listen;
mod load;
mod queue;
mod self_service;
mod transfer;

pub(crate) use lambda::LambdaBlock;
pub(crate) use listen::{AdminBlock, AdminTlsBlock, ApiBlock, ClientCertificatesMode, IdentityBlock};
pub(crate) use load::{ProcessEnvironment, VariablesOf, load};
pub(crate) use queue::QueueBlock;
pub(crate) use self_service::SelfServiceBlock;
pub(crate) use transfer::{DeliverBlock, TransferBlock};

/// An adapter's own settings; its `kind` names a row of the adapter's table.
pub(crate) type AdapterSettings = Map<String, Json>;

/// The whole of `sealpost.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The partners' API.
    #[serde(default)]
    pub(crate) api: ApiBlock,
    /// The operators' API.
    #[serde(default)]
    pub(crate) admin: AdminBlock,
    /// Who issues access tokens.
    #[serde(default)]
    pub(crate) identity: IdentityBlock,
    /// Job state and queue. `kind = "sqlite"`, `path`: the file.
    #[serde(default = "default_ledger")]
    pub(crate) ledger: AdapterSettings,
    /// How workers learn of work. `kind = "ledger"`, or `kind = "sqs"`, `url`: bells on Amazon SQS.
    #[serde(default)]
    pub(crate) queue: QueueBlock,
    /// Where sealed files are kept. `kind = "local"`, `path`: the folder; or `kind = "s3"`.
    #[serde(default = "default_store")]
    pub(crate) store: AdapterSettings,
    /// The databases that reports ask, by name. `kind = "mysql"` or `"sqlite"`.
    #[serde(default)]
    pub(crate) sources: BTreeMap<String, AdapterSettings>,
    /// The report types.
    #[serde(default)]
    pub(crate) catalogue: CatalogueBlock,
    /// Sealing.
    #[serde(default)]
    pub(crate) seal: SealBlock,
    /// Workers.
    #[serde(default)]
    pub(crate) worker: WorkerBlock,
    /// Notifications to partners' webhooks.
    #[serde(default)]
    pub(crate) webhooks: WebhooksBlock,
    /// What partners may change about themselves.
    #[serde(default)]
    pub(crate) self_service: SelfServiceBlock,
    /// The engine that carries files to partners.
    #[serde(default)]
    pub(crate) deliver: DeliverBlock,
    /// The transfer API.
    #[serde(default)]
    pub(crate) transfer: TransferBlock,
    /// Functions of AWS Lambda.
    #[serde(default)]
    pub(crate) lambda: LambdaBlock,
    /// Secret stores that are services: Vault, AWS Secrets Manager.
    #[serde(default)]
    pub(crate) secrets: SecretsSettings,
    /// Logs.
    #[serde(default)]
    pub(crate) log: LogBlock,
}

impl Config {
    /// What is valid, and should be looked at.
    pub(crate) fn warnings(&self) -> Vec<FieldError> {
        let ledger = self.ledger.get("kind").and_then(Json::as_str);
        let vault = self.self_service.warning(ledger);
        vault.map(|detail| FieldError::new("self_service.vault", detail)).into_iter().collect()
    }
}

/// The report types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CatalogueBlock {
    /// The folder with one `<id>.toml` and `<id>.sql` per report type; `catalogue`.
    pub(crate) folder: PathBuf,
}

impl Default for CatalogueBlock {
    fn default() -> Self {
        Self { folder: PathBuf::from("catalogue") }
    }
}

/// Sealing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SealBlock {
    /// Our signing key, for partners with `seal.sign = true`: `{ key = "file:…", passphrase = "env:…" }`.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(crate) signing_key: Option<SigningKeyRef>,
}

/// Workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerBlock {
    /// This process's name in timelines and logs; host name and process id when empty.
    pub(crate) name: String,
    /// Reports produced at once; four times as many deliveries run beside them. 4.
    pub(crate) concurrency: usize,
    /// Seconds after which another worker takes over a task whose worker died; 30.
    pub(crate) lease_s: u64,
    /// Attempts to produce a report before it fails; 5. What only waits for a database or a secret store uses up none.
    pub(crate) produce_attempts: u32,
    /// Pause in seconds after the first failed attempt to produce; it doubles, up to five minutes. 5.
    pub(crate) produce_pause_s: u64,
}

impl Default for WorkerBlock {
    fn default() -> Self {
        Self { name: String::new(), concurrency: 4, lease_s: 30, produce_attempts: 5, produce_pause_s: 5 }
    }
}

/// Notifications to partners' webhooks. Off without `signing_secret`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebhooksBlock {
    /// What the webhooks' own secrets are derived from: a reference to at least 32 bytes, such as
    /// `file:secrets/webhook-secret`. When it changes, the secrets of all webhooks change.
    #[schemars(with = "Option<String>")]
    pub(crate) signing_secret: Option<SecretRef>,
    /// Whether webhooks may be in private networks (`10.0.0.0/8`, `127.0.0.0/8`, `fc00::/7`, …). Link-local addresses,
    /// metadata services and reserved ranges stay closed. `false`.
    pub(crate) allow_private: bool,
    /// Networks that webhooks may be in, whatever they are: `["10.20.0.0/16"]`. Metadata services of clouds stay closed
    /// but for an entry that names no more than that.
    #[schemars(with = "Vec<String>")]
    pub(crate) allow: Vec<Network>,
    /// Whether addresses may be `http`. `false`.
    pub(crate) allow_http: bool,
    /// Certificate authorities in PEM that are trusted beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Pauses in seconds between the attempts to post a notification; each is spread by up to a fifth. After the last
    /// attempt it is a dead letter. `[5, 30, 120, 600, 3600, 10800, 21600, 43200, 86400, 86400]`.
    pub(crate) retry_after_s: Vec<u64>,
}

impl Default for WebhooksBlock {
    fn default() -> Self {
        Self {
            signing_secret: None,
            allow_private: false,
            allow: Vec::new(),
            allow_http: false,
            ca_file: None,
            retry_after_s: sealpost_pipeline::notify::PAUSES_S.to_vec(),
        }
    }
}

impl WebhooksBlock {
    /// What they are called by. A relative path stays one.
    pub(crate) fn settings(&self) -> WebhookSettings {
        WebhookSettings {
            allow_private: self.allow_private,
            allow: self.allow.clone(),
            allow_http: self.allow_http,
            ca_file: self.ca_file.clone(),
            ..WebhookSettings::default()
        }
    }
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogBlock {
    /// `json` (one line per event), `text` (for people), or `auto`: text on a terminal, else JSON. `auto`.
    pub(crate) format: LogFormat,
    /// The least important level shown: `error`, `warn`, `info`, `debug`, or a filter such as `info,sqlx=warn`. `info`.
    pub(crate) level: String,
}

impl Default for LogBlock {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// Lines for people.
    Text,
}

fn default_ledger() -> AdapterSettings {
    adapter("sqlite", "data/ledger.sqlite")
}

fn default_store() -> AdapterSettings {
    adapter("local", "data/store")
}

fn adapter(kind: &str, path: &str) -> AdapterSettings {
    [("kind", kind), ("path", path)].into_iter().map(|(key, value)| (key.to_owned(), Json::from(value))).collect()
}

/// A configuration with the folder that its relative paths start from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) base: PathBuf,
}

impl Loaded {
    /// A path of the configuration, absolute.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// An adapter's settings without `kind`, and with every path absolute: members called `path`, `socket` or `…_file`.
    pub(crate) fn adapter(&self, settings: &AdapterSettings) -> (String, AdapterSettings) {
        let mut own = settings.clone();
        let kind = own.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        self.make_absolute(&mut own);
        (kind, own)
    }

    fn make_absolute(&self, settings: &mut AdapterSettings) {
        for (key, value) in settings {
            match value {
                Json::Object(inner) => self.make_absolute(inner),
                Json::String(path) if key == "path" || key == "socket" || key.ends_with("_file") => {
                    *value = Json::from(self.base.join(&*path).to_string_lossy());
                }
                _ => {}
            }
        }
    }
}
