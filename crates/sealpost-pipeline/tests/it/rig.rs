//! A flow that works on transfers, with a server to send to and retrieve from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::connector::{ConnectorSettings, ExistingFile, Login, RetryPolicy};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{AccessKeyId, ConnectorId, TransferId};
use sealpost_core::object::ObjectPath;
use sealpost_core::port::{SecretStore, TransferEvent, TransferEventSink};
use sealpost_core::receipt::Receipt;
use sealpost_core::transfer::{Action, ItemStatus, Transfer, TransferConnector, TransferItem};
use sealpost_deliver::{Sftp, WebhookSettings, Webhooks};
use sealpost_ledger::{LedgerSet, SqliteLedger};
use sealpost_pipeline::{Catalogue, Parts, Pipeline, Settings, StartAsk, TransferSettings};
use sealpost_seal::OpenPgp;
use sealpost_store::{LocalSettings, SealedStore, StoreSettings};
use sealpost_testkit::sshd::{self, Sshd};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::meddler::{Meddler, Meddling};

/// What differs between tests.
pub(crate) struct Wish {
    pub(crate) transfer: TransferSettings,
    pub(crate) first_rest: Duration,
    /// How often the second sink refuses before it takes an event.
    pub(crate) refusals: u32,
    /// How long a task is leased.
    pub(crate) lease: Duration,
    /// Where secrets are; files when not given.
    pub(crate) secrets: Option<Arc<dyn SecretStore>>,
    /// What comes of each file where a service sends it in the engine's place.
    pub(crate) service: Option<fn() -> Result<Receipt>>,
    /// What stands between the flow and its ledger.
    pub(crate) between: Box<dyn FnOnce(&mut LedgerSet)>,
}

impl Default for Wish {
    fn default() -> Self {
        let transfer =
            TransferSettings { master_secret: Some("file:master".parse().unwrap()), ..TransferSettings::default() };
        let lease = Settings::default().lease;
        Self {
            transfer,
            first_rest: Duration::from_secs(15),
            refusals: 0,
            lease,
            secrets: None,
            service: None,
            between: Box::new(|_| ()),
        }
    }
}

pub(crate) struct Rig {
    pub(crate) pipeline: Pipeline,
    pub(crate) sshd: Sshd,
    pub(crate) folder: TempDir,
    pub(crate) heard: Arc<Sink>,
    pub(crate) heard_late: Arc<Sink>,
    /// Connectors that the engine was to keep nothing of any more.
    pub(crate) retired: Arc<Mutex<Vec<ConnectorId>>>,
    meddling: Arc<Mutex<Option<Meddling>>>,
    shutdown: CancellationToken,
    client_key: PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Keeps events.
pub(crate) struct Sink {
    name: &'static str,
    refusals: AtomicU32,
    events: Mutex<Vec<TransferEvent>>,
}

impl Sink {
    pub(crate) fn events(&self) -> Vec<(TransferEvent, Json)> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| (event.clone(), serde_json::from_str(&event.envelope).unwrap())).collect()
    }

    /// Waits for so many events.
    pub(crate) async fn wait(&self, count: usize) -> Vec<(TransferEvent, Json)> {
        let begun = Instant::now();
        loop {
            let events = self.events();
            if events.len() >= count {
                return events;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{} of {count} events: {events:#?}", events.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for an event of this kind. Those of a transfer and of its items come in any order.
    pub(crate) async fn wait_for(&self, detail_type: &str) -> Json {
        let mut count = 1;
        loop {
            let events = self.wait(count).await;
            if let Some((_, event)) = events.iter().find(|(_, event)| event["detail-type"] == detail_type) {
                return event.clone();
            }
            count = events.len() + 1;
        }
    }
}

#[async_trait]
impl TransferEventSink for Sink {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn publish(&self, event: &TransferEvent) -> Result<()> {
        if self.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(Error::new(&codes::notify::UNREACHABLE, "on purpose"));
        }
        self.events.lock().unwrap().push(event.clone());
        Ok(())
    }
}

impl Rig {
    /// A flow that works.
    pub(crate) async fn working() -> Self {
        Self::with(Wish::default()).await
    }

    pub(crate) async fn with(wish: Wish) -> Self {
        let rig = Self::idle(wish).await;
        rig.work();
        rig
    }

    /// A flow whose tasks stay on the queue until [`work`](Self::work).
    pub(crate) async fn idle(wish: Wish) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("master"), "m".repeat(40)).unwrap();
        let secrets: Arc<dyn SecretStore> =
            wish.secrets.unwrap_or_else(|| Arc::new(sealpost_secrets::SecretStores::new(folder.path())));
        let store = StoreSettings::Local(LocalSettings::new(folder.path().join("store")));
        let mut ledger = LedgerSet::from(SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap());
        (wish.between)(&mut ledger);
        let sink =
            |name, refusals| Arc::new(Sink { name, refusals: AtomicU32::new(refusals), events: Mutex::default() });
        let (heard, heard_late) = (sink("file", 0), sink("webhook", wish.refusals));
        let meddling = Arc::new(Mutex::new(None));
        let retired = Arc::new(Mutex::new(Vec::new()));
        let pipeline = Pipeline::new(Parts {
            catalogue: Arc::new(Catalogue::of([])),
            sources: BTreeMap::new(),
            formats: &[],
            compressions: &[],
            sealer: Arc::new(OpenPgp),
            signing_key: None,
            store: SealedStore::open(&store, &secrets).await.unwrap(),
            transport: Arc::new(Meddler {
                engine: Sftp::new(secrets.clone()),
                after_retrieve: meddling.clone(),
                retired: retired.clone(),
                service: wish.service,
            }),
            ledger: ledger.ledger,
            records: ledger.records,
            queue: ledger.queue,
            usage: ledger.usage,
            outbox: ledger.outbox,
            changes: ledger.changes,
            transfers: ledger.transfers,
            transfer_events: vec![heard.clone(), heard_late.clone()],
            notifier: Arc::new(Webhooks::new(WebhookSettings::default())),
            secrets,
            vault: None,
            webhook_secret: Some("file:master".parse().unwrap()),
            settings: Settings { transfer: wish.transfer, lease: wish.lease, ..Settings::default() },
        });
        let pipeline = pipeline.with_first_rest(wish.first_rest);
        let sshd = Sshd::start();
        let client_key = sshd.client_key("ed25519", "256", "RFC4716", "");
        Self {
            pipeline,
            sshd,
            folder,
            heard,
            heard_late,
            retired,
            meddling,
            shutdown: CancellationToken::new(),
            client_key,
        }
    }

    pub(crate) fn work(&self) {
        let (pipeline, shutdown) = (self.pipeline.clone(), self.shutdown.clone());
        tokio::spawn(async move { pipeline.work(shutdown).await });
    }

    /// What the partner does right after the next file was retrieved.
    pub(crate) fn meddle(&self, meddling: impl FnOnce() + Send + 'static) {
        *self.meddling.lock().unwrap() = Some(Box::new(meddling));
    }

    /// Settings for the server.
    pub(crate) fn settings(&self) -> ConnectorSettings {
        let key = format!("file:{}", self.client_key.display()).parse().unwrap();
        let mut settings = ConnectorSettings {
            login: vec![Login::PrivateKey { key, passphrase: None, public_key: None }],
            host_keys: vec![self.sshd.host_key("ed25519")],
            existing_file: ExistingFile::Replace,
            retry: RetryPolicy { max_attempts: 2, first_pause_s: 0.05, longest_pause_s: 0.1 },
            ..ConnectorSettings::new("127.0.0.1", self.sshd.port(), sshd::user())
        };
        settings.limits.concurrency = 5;
        settings
    }

    /// A connector with these settings, made.
    pub(crate) async fn connector(&self, change: impl FnOnce(&mut TransferConnector)) -> ConnectorId {
        let settings = self.settings();
        let mut connector = TransferConnector {
            id: ConnectorId::fresh(),
            url: format!("sftp://{}:{}", settings.host, settings.port),
            access_role: "arn:aws:iam::000000000000:role/tests".to_owned(),
            logging_role: None,
            ip_address_type: None,
            user_secret_id: None,
            tags: Vec::new(),
            settings,
            landed: Default::default(),
            after_retrieve: Default::default(),
            partner: None,
            created_at: Timestamp::now(),
        };
        change(&mut connector);
        self.pipeline.create_transfer_connector(&connector).await.unwrap();
        connector.id
    }

    pub(crate) async fn start(&self, connector: &ConnectorId, actions: Vec<Action>) -> Transfer {
        let ask = StartAsk {
            connector: connector.clone(),
            actions,
            caller: AccessKeyId::fresh(),
            metadata: BTreeMap::from([("order".to_owned(), "4711".to_owned())]),
            idempotency: None,
        };
        self.pipeline.start_transfer(ask).await.unwrap().transfer().clone()
    }

    pub(crate) async fn items(&self, id: &TransferId) -> Vec<TransferItem> {
        self.pipeline.transfer_items(id, 0, 1000).await.unwrap()
    }

    /// Waits until all items have ended.
    /// Waits until so many attempts of its first file have failed.
    pub(crate) async fn failed_attempts(&self, id: &TransferId, count: u32) {
        let begun = Instant::now();
        while self.items(id).await[0].failed_attempts < count {
            assert!(begun.elapsed() < Duration::from_secs(60), "fewer than {count} attempts fail");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn ended(&self, id: &TransferId) -> Vec<TransferItem> {
        let begun = Instant::now();
        loop {
            let items = self.items(id).await;
            if items.iter().all(|item| item.status.is_terminal()) {
                return items;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "{items:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts, waits, and gives the items.
    pub(crate) async fn run(&self, connector: &ConnectorId, actions: Vec<Action>) -> Vec<TransferItem> {
        let transfer = self.start(connector, actions).await;
        self.ended(&transfer.id).await
    }

    /// The same for one item.
    pub(crate) async fn run_one(&self, connector: &ConnectorId, action: Action) -> TransferItem {
        self.run(connector, vec![action]).await.remove(0)
    }

    /// A file in the store, without the transfer API.
    pub(crate) fn put(&self, key: &str, content: &[u8]) -> ObjectPath {
        let path = self.stored(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        object(key)
    }

    /// Where a key of the store lies on the disk.
    pub(crate) fn stored(&self, key: &str) -> PathBuf {
        self.folder.path().join("store").join(key)
    }

    /// Files of a folder of the server's inbox by name, hidden ones included.
    pub(crate) fn remote_names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.sshd.inbox().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The server's absolute path of a file in the inbox.
    pub(crate) fn remote(&self, name: &str) -> String {
        self.sshd.inbox().join(name).display().to_string()
    }
}

/// A place in the store.
pub(crate) fn object(key: &str) -> ObjectPath {
    format!("/sealpost/{key}").parse().unwrap()
}

/// Its failure: the code of the transfer API, ours, and the words.
pub(crate) fn failure(item: &TransferItem) -> (&'static str, &str, &str) {
    assert_eq!(item.status, ItemStatus::Failed, "{item:#?}");
    let failure = item.failure.as_ref().unwrap();
    (failure.code.as_str(), &failure.failure.code, &failure.failure.detail)
}

pub(crate) fn assert_completed(item: &TransferItem) {
    assert_eq!(item.status, ItemStatus::Completed, "{item:#?}");
}
