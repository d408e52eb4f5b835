//! The flow itself: submit, produce, deliver, retry.
//!
//! ```text
//! submit ─▶ [queue] ─▶ produce: source ─▶ format ─▶ compress ─▶ seal ─▶ store ─▶ [queue] ─▶ deliver ─▶ receipt
//! ```
//!
//! Everything the flow needs comes in through [`Parts`]; this crate names no concrete adapter but the store's nouns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use sealpost_core::partner::SigningKeyRef;
use sealpost_core::port::{
    Changes, CompressionEntry, FormatEntry, Ledger, Notifier, Outbox, Queue, Records, Sealer, SecretStore, SecretVault,
    Source, TransferEventSink, Transfers, Transport, UsageMeter,
};
use sealpost_core::secret::SecretRef;
use sealpost_store::SealedStore;

pub mod audit;
pub(crate) mod breaker;
pub mod catalogue;
pub mod deliver;
pub(crate) mod doubt;
pub mod expiry;
pub mod fetch;
pub(crate) mod hurry;
pub mod identify;
pub mod keys;
pub mod log;
pub mod naming;
pub mod notify;
pub(crate) mod outage;
pub mod pipe;
pub mod preview;
pub mod produce;
pub mod records;
pub mod revise;
pub(crate) mod rounds;
pub mod seats;
pub mod self_service;
pub mod submit;
pub mod telemetry;
pub mod transfer;
pub(crate) mod unattended;
pub mod usage;
pub mod watch;
pub mod webhooks;
pub mod worker;

pub use catalogue::Catalogue;
pub use hurry::Hurried;
pub use rounds::LookedAfter;
pub use self_service::{Policy, SelfService};
pub use submit::Ask;
pub use transfer::{StartAsk, TransferSettings};
pub use worker::Worked;

/// What the composition root hands in.
pub struct Parts {
    /// The catalogue of report types.
    pub catalogue: Arc<Catalogue>,
    /// Sources by name.
    pub sources: BTreeMap<String, Arc<dyn Source>>,
    /// The table of formats.
    pub formats: &'static [FormatEntry],
    /// The table of compressions.
    pub compressions: &'static [CompressionEntry],
    /// Sealing and the recipient policy.
    pub sealer: Arc<dyn Sealer>,
    /// Our signing key.
    pub signing_key: Option<SigningKeyRef>,
    /// The object store.
    pub store: SealedStore,
    /// The way to partners' servers.
    pub transport: Arc<dyn Transport>,
    /// Job state.
    pub ledger: Arc<dyn Ledger>,
    /// Partners, connectors, API keys.
    pub records: Arc<dyn Records>,
    /// Tasks.
    pub queue: Arc<dyn Queue>,
    /// Requests counted.
    pub usage: Arc<dyn UsageMeter>,
    /// Webhooks and notifications.
    pub outbox: Arc<dyn Outbox>,
    /// Changes that partners ask for, and the audit trail.
    pub changes: Arc<dyn Changes>,
    /// Transfers, their connectors, access keys.
    pub transfers: Arc<dyn Transfers>,
    /// Where events of transfers go, and of deliveries that no service behind the engine tells of.
    pub transfer_events: Vec<Arc<dyn TransferEventSink>>,
    /// The way to partners' webhooks.
    pub notifier: Arc<dyn Notifier>,
    /// Secret references.
    pub secrets: Arc<dyn SecretStore>,
    /// Where secrets that partners hand in are kept. Without it partners can hand in none.
    pub vault: Option<Arc<dyn SecretVault>>,
    /// What the secrets of webhooks are derived from, at least 32 bytes. Without it there are no webhooks.
    pub webhook_secret: Option<SecretRef>,
    /// Numbers that an operator sets.
    pub settings: Settings,
}

/// Numbers that an operator sets for the flow.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This process's name in timelines and logs.
    pub worker: String,
    /// Tasks worked on at once in this process.
    pub concurrency: usize,
    /// How long a task is leased before another worker may take it; extended while the worker lives.
    pub lease: Duration,
    /// Attempts to produce a job.
    pub produce_attempts: u32,
    /// The pause after the first failed attempt to produce; it doubles, up to five minutes.
    pub produce_pause: Duration,
    /// Names of the issuers of tokens whose callers may be partners' identities.
    pub issuers: Vec<String>,
    /// What partners may change about themselves.
    pub self_service: SelfService,
    /// Pauses between the attempts to post a notification; after the last attempt it is a dead letter.
    pub notify_pauses: Vec<Duration>,
    /// The transfer API.
    pub transfer: TransferSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker: "sealpost".to_owned(),
            concurrency: 4,
            lease: Duration::from_secs(30),
            produce_attempts: 5,
            produce_pause: Duration::from_secs(5),
            issuers: Vec::new(),
            self_service: SelfService::default(),
            notify_pauses: notify::PAUSES_S.map(Duration::from_secs).to_vec(),
            transfer: TransferSettings::default(),
        }
    }
}

/// The flow. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    parts: Arc<Parts>,
    breakers: Arc<breaker::Breakers>,
    master: Arc<transfer::Master>,
    told: Arc<transfer::Told>,
    trials: Arc<self_service::trial::Trials>,
    previews: preview::Previews,
    lanes: Arc<notify::Lanes>,
    hub: Arc<watch::Hub>,
    changes_of_records: Arc<AtomicU64>,
    quotas: Arc<usage::Quotas>,
    rounds: Arc<tokio::sync::Mutex<rounds::Rounds>>,
}

impl Pipeline {
    /// Puts the flow together.
    #[must_use]
    pub fn new(mut parts: Parts) -> Self {
        let hub = Arc::<watch::Hub>::default();
        parts.ledger = Arc::new(watch::Observed { ledger: parts.ledger, hub: hub.clone() });
        let (records, changes_of_records) = identify::watch(parts.records);
        parts.records = records;
        let quotas = Arc::new(usage::Quotas::new(parts.usage.clone()));
        Self {
            parts: Arc::new(parts),
            breakers: Arc::default(),
            master: Arc::default(),
            told: Arc::default(),
            trials: Arc::default(),
            previews: preview::Previews::default(),
            lanes: Arc::default(),
            hub,
            changes_of_records,
            quotas,
            rounds: Arc::default(),
        }
    }

    /// The same with another first rest of a host that failed again and again; 15 seconds when this is not called.
    #[must_use]
    pub fn with_first_rest(mut self, rest: Duration) -> Self {
        self.breakers = Arc::new(breaker::Breakers::new(rest));
        self
    }

    /// The quotas of partners, as this process counts them.
    #[must_use]
    pub fn quotas(&self) -> &Arc<usage::Quotas> {
        &self.quotas
    }

    /// What it was put together from.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }
}
