//! The listener on loopback, workers, an sshd to transfer with, and Python to call it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use sealpost_api::transfer::{TransferLimits, TransferState};
use sealpost_api::{Front, serve_behind};
use sealpost_core::access_key::AccessRole;
use sealpost_core::port::SecretStore;
use sealpost_core::usage::RateLimit;
use sealpost_deliver::{Sftp, WebhookSettings, Webhooks};
use sealpost_ledger::{LedgerSet, SqliteLedger};
use sealpost_pipeline::{Catalogue, Parts, Pipeline, Settings, TransferSettings};
use sealpost_seal::OpenPgp;
use sealpost_store::{LocalSettings, SealedStore, StoreSettings};
use sealpost_testkit::sshd::{Sshd, user};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// Longest run of a script: a machine with two cores builds and tests at once.
const PATIENCE: Duration = Duration::from_secs(240);

pub(super) struct Rig {
    pub(super) url: String,
    pub(super) pipeline: Pipeline,
    pub(super) sshd: Sshd,
    pub(super) folder: TempDir,
    keys: BTreeMap<&'static str, (String, String)>,
    shutdown: CancellationToken,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Limits that tests don't run into unless they want to.
pub(super) fn generous() -> TransferLimits {
    let many = RateLimit { per_second: 1000.0, burst: 10_000 };
    TransferLimits { rate: many, tests: many, failed_attempts: many, ..TransferLimits::default() }
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(generous(), TransferSettings::default()).await
    }

    pub(super) async fn with(limits: TransferLimits, settings: TransferSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sshd = tokio::task::spawn_blocking(Sshd::start).await.unwrap();
        write_secrets(folder.path(), &sshd);
        let settings = TransferSettings {
            master_secret: Some("file:master".parse().unwrap()),
            user_secrets: vec!["file:secrets/".to_owned()],
            ..settings
        };
        let pipeline = pipeline(folder.path(), settings).await;
        let mut keys = BTreeMap::new();
        for role in [AccessRole::Reader, AccessRole::Operator, AccessRole::Admin] {
            let (key, secret) = pipeline.issue_access_key(role, "tests", None).await.unwrap();
            keys.insert(role.as_str(), (key.id.to_string(), secret.expose_text().unwrap().to_owned()));
        }
        let shutdown = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = sealpost_api::transfer::router(TransferState::new(pipeline.clone(), limits));
        tokio::spawn(serve_behind(listener, router, shutdown.clone(), Front::default()));
        let (worker, stop) = (pipeline.clone(), shutdown.clone());
        tokio::spawn(async move { worker.work(stop).await });
        Self { url, pipeline, sshd, folder, keys, shutdown }
    }

    /// The access key of a role, with its secret half.
    pub(super) fn key(&self, role: &str) -> &(String, String) {
        &self.keys[role]
    }

    /// The folder behind the bucket `sealpost`.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// What scripts are told.
    fn world(&self) -> Json {
        let host_keys = ["ed25519", "ecdsa", "rsa"].map(|kind| self.sshd.host_key(kind));
        json!({
            "url": self.url,
            "keys": self.keys,
            "server": format!("sftp://127.0.0.1:{}", self.sshd.port()),
            "host_keys": host_keys,
            "fingerprint": self.sshd.host_fingerprint("ed25519"),
            "inbox": self.sshd.inbox(),
            "store": self.store(),
        })
    }

    /// Runs a script of this folder, with further words for it. It fails by itself; what it prints is JSON.
    pub(super) async fn run(&self, script: &str, further: Json) -> Json {
        let mut world = self.world();
        for (name, value) in further.as_object().into_iter().flatten() {
            world[name] = value.clone();
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/transfer").join(script);
        let mut command = Command::new("python3");
        command.arg(path).env("SEALPOST_WORLD", world.to_string());
        let (succeeded, output, errors) = finish(command).await;
        assert!(succeeded, "{script}: {errors}\n{output}");
        serde_json::from_str(output.lines().last().unwrap_or("null")).unwrap_or_else(|_| panic!("{script}: {output}"))
    }

    /// Runs `aws transfer …` with the keys of a role: whether it succeeded, and its JSON or its words.
    pub(super) async fn aws(&self, role: &str, arguments: &[&str]) -> (bool, Json) {
        let mut command = Command::new("aws");
        command.args(["transfer", "--endpoint-url", &self.url, "--output", "json"]).args(arguments);
        self.sign_as(role, &mut command);
        let (succeeded, output, errors) = finish(command).await;
        (succeeded, serde_json::from_str(&output).unwrap_or_else(|_| Json::String(format!("{output}{errors}"))))
    }

    /// Runs commands of a page, each of which must succeed, as an admin whose environment is as the page says.
    pub(super) async fn shell(&self, commands: &str) -> String {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", commands]).env("AWS_ENDPOINT_URL_TRANSFER", &self.url);
        self.sign_as("admin", &mut command);
        let (succeeded, output, errors) = finish(command).await;
        assert!(succeeded, "{output}{errors}");
        output
    }

    fn sign_as(&self, role: &str, command: &mut Command) {
        let (id, secret) = &self.keys[role];
        command
            .env("AWS_ACCESS_KEY_ID", id)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_CONFIG_FILE", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_PAGER", "");
    }
}

async fn finish(mut command: Command) -> (bool, String, String) {
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("it does not end in time"));
    let output = output.unwrap_or_else(|error| {
        panic!("{error}: python3 -m pip install -r xtask/requirements.txt installs what is needed")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// Secrets in the form of the service: one that works, one that the server refuses, one that is no JSON.
fn write_secrets(folder: &Path, sshd: &Sshd) {
    let secrets = folder.join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(folder.join("master"), [7; 32].map(|byte| byte + b'a')).unwrap();
    let write = |name: &str, key: &Path| {
        let key = std::fs::read_to_string(key).unwrap();
        std::fs::write(secrets.join(name), json!({"Username": user(), "PrivateKey": key}).to_string()).unwrap();
    };
    write("sftp", &sshd.client_key("ed25519", "256", "RFC4716", ""));
    write("stranger", &sshd.unaccepted_key("ed25519", "256", "RFC4716", ""));
    std::fs::write(secrets.join("broken"), "hunter2").unwrap();
}

async fn pipeline(folder: &Path, transfer: TransferSettings) -> Pipeline {
    let catalogue = folder.join("catalogue");
    std::fs::create_dir(&catalogue).unwrap();
    let sources = BTreeMap::new();
    let catalogue = Catalogue::load(&catalogue, &sources, sealpost_format::FORMATS).await.unwrap();
    let secrets: Arc<dyn SecretStore> = Arc::new(sealpost_secrets::SecretStores::new(folder));
    let store = StoreSettings::Local(LocalSettings::new(folder.join("store")));
    let ledger = LedgerSet::from(SqliteLedger::open(folder.join("ledger.db")).await.unwrap());
    Pipeline::new(Parts {
        catalogue: Arc::new(catalogue),
        sources,
        formats: sealpost_format::FORMATS,
        compressions: sealpost_format::COMPRESSIONS,
        sealer: Arc::new(OpenPgp),
        signing_key: None,
        store: SealedStore::open(&store, &secrets).await.unwrap(),
        transport: Arc::new(Sftp::new(secrets.clone())),
        ledger: ledger.ledger,
        records: ledger.records,
        queue: ledger.queue,
        usage: ledger.usage,
        outbox: ledger.outbox,
        changes: ledger.changes,
        transfers: ledger.transfers,
        transfer_events: Vec::new(),
        notifier: Arc::new(Webhooks::new(WebhookSettings::default())),
        secrets,
        vault: None,
        webhook_secret: None,
        settings: Settings { worker: "tests".to_owned(), concurrency: 8, transfer, ..Settings::default() },
    })
}
