//! The composition root: the only place that names concrete adapters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::address::Reach;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{Notifier, SecretStore, SecretVault, Source};
use sealpost_deliver::{WebhookSettings, Webhooks};
use sealpost_ledger::{LedgerParts, LedgerSet};
use sealpost_pipeline::{Catalogue, Parts, Pipeline, SelfService, Settings};
use sealpost_seal::OpenPgp;
use sealpost_secrets::{SecretStores, Surroundings};
use sealpost_store::{SealedStore, StoreSettings};
use serde_json::Value as Json;

use crate::config::{Loaded, QueueBlock};

pub(crate) mod edge;
mod transfer;

/// Builds the whole flow from a checked configuration.
///
/// # Errors
/// What an adapter can't do without: the ledger's file, the store's folder, a catalogue whose SQL prepares.
pub(crate) async fn pipeline(loaded: &Loaded) -> Result<Pipeline> {
    let secrets = secrets(loaded);
    let sources = sources(loaded, &secrets)?;
    let folder = loaded.path(&loaded.config.catalogue.folder);
    let catalogue = async |sources: &Sources| Catalogue::load(&folder, sources, sealpost_format::FORMATS).await;
    put_together(loaded, secrets, sources, catalogue).await
}

/// The whole flow for a function, which begins often: databases are asked when something is first wanted of them.
///
/// # Errors
/// What an adapter can't do without; a catalogue's files that can't be used.
pub(crate) async fn function(loaded: &Loaded) -> Result<Pipeline> {
    let secrets = secrets(loaded);
    let sources = sources(loaded, &secrets)?;
    let folder = loaded.path(&loaded.config.catalogue.folder);
    let catalogue = async |sources: &Sources| Catalogue::read(&folder, sources, sealpost_format::FORMATS);
    put_together(loaded, secrets, sources, catalogue).await
}

/// The sources by name.
type Sources = BTreeMap<String, Arc<dyn Source>>;

async fn put_together(
    loaded: &Loaded,
    secrets: Arc<SecretStores>,
    sources: Sources,
    catalogue: impl AsyncFnOnce(&Sources) -> Result<Catalogue>,
) -> Result<Pipeline> {
    let ledger = ledger(loaded).await?;
    let store = store(loaded, &secrets).await?;
    let notifier: Arc<dyn Notifier> = Arc::new(webhooks(loaded));
    let catalogue = catalogue(&sources).await?;
    Ok(Pipeline::new(Parts {
        catalogue: Arc::new(catalogue),
        sources,
        formats: sealpost_format::FORMATS,
        compressions: sealpost_format::COMPRESSIONS,
        sealer: Arc::new(OpenPgp),
        signing_key: loaded.config.seal.signing_key.clone(),
        store,
        transport: transfer::engine(loaded, &secrets)?,
        ledger: ledger.ledger,
        records: ledger.records,
        queue: ledger.queue,
        usage: ledger.usage,
        outbox: ledger.outbox,
        changes: ledger.changes,
        transfers: ledger.transfers,
        transfer_events: transfer::event_sinks(loaded, &secrets, &notifier)?,
        notifier,
        secrets,
        vault: vault(loaded)?,
        webhook_secret: loaded.config.webhooks.signing_secret.clone(),
        settings: settings(loaded)?,
    }))
}

/// The way to partners' webhooks. Nothing is connected yet.
pub(crate) fn webhooks(loaded: &Loaded) -> Webhooks {
    let block = &loaded.config.webhooks;
    let ca_file = block.ca_file.as_ref().map(|file| loaded.path(file));
    Webhooks::new(WebhookSettings { ca_file, ..block.settings() })
}

/// Where secrets that partners hand in are kept.
fn vault(loaded: &Loaded) -> Result<Option<Arc<dyn SecretVault>>> {
    let place = loaded.config.self_service.vault.as_ref();
    place.map(|place| sealpost_secrets::vault(place, &surroundings(loaded))).transpose()
}

/// Where destinations of partners may lead.
fn reach(loaded: &Loaded) -> Reach {
    let block = &loaded.config.self_service;
    Reach { anywhere: block.allow_private_destinations, networks: block.allow_destinations.clone() }
}

fn self_service(loaded: &Loaded) -> SelfService {
    let block = &loaded.config.self_service;
    SelfService {
        certificates: block.certificates,
        destinations: block.destinations,
        host_keys: block.host_keys,
        require_proof: block.require_proof,
        reach: reach(loaded),
    }
}

/// The secret stores; relative `file:` references start at the configuration's folder.
pub(crate) fn secrets(loaded: &Loaded) -> Arc<SecretStores> {
    Arc::new(SecretStores::with(&surroundings(loaded)))
}

fn surroundings(loaded: &Loaded) -> Surroundings {
    Surroundings { settings: loaded.config.secrets.clone(), ..Surroundings::new(&loaded.base) }
}

/// The sources by name. Nothing is connected yet.
pub(crate) fn sources(loaded: &Loaded, secrets: &Arc<SecretStores>) -> Result<Sources> {
    let mut sources = BTreeMap::new();
    for (name, settings) in &loaded.config.sources {
        let (kind, own) = loaded.adapter(settings);
        let entry = sealpost_source::SOURCES.iter().find(|entry| entry.name == kind);
        let entry = entry
            .ok_or_else(|| Error::new(&codes::config::INVALID, format!("sources.{name}.kind: unknown `{kind}`")))?;
        let source = (entry.build)(own, secrets.clone()).map_err(|error| error.context(format!("sources.{name}")))?;
        sources.insert(name.clone(), source);
    }
    Ok(sources)
}

/// The ledger, opened, with its bells.
pub(crate) async fn ledger(loaded: &Loaded) -> Result<LedgerSet> {
    let (kind, own) = loaded.adapter(&loaded.config.ledger);
    let entry = sealpost_ledger::LEDGERS.iter().find(|entry| entry.name == kind);
    let entry = entry.ok_or_else(|| Error::new(&codes::config::INVALID, format!("ledger.kind: unknown `{kind}`")))?;
    let variable = |name: &str| std::env::var(name).ok();
    let opening = (entry.build)(&own, &LedgerParts { secrets: secrets(loaded), variable: &variable });
    let set = opening.await.map_err(|error| error.context("ledger"))?;
    match &loaded.config.queue {
        QueueBlock::Ledger(_) => Ok(set),
        QueueBlock::Sqs(settings) => set.with_bells(settings, &variable),
    }
}

/// The store, opened.
pub(crate) async fn store(loaded: &Loaded, secrets: &Arc<SecretStores>) -> Result<SealedStore> {
    let (kind, mut own) = loaded.adapter(&loaded.config.store);
    own.insert("kind".to_owned(), Json::from(kind));
    let settings: StoreSettings = serde_json::from_value(Json::Object(own))
        .map_err(|error| Error::new(&codes::config::INVALID, format!("store: {error}")))?;
    SealedStore::open(&settings, &(secrets.clone() as Arc<dyn SecretStore>)).await
}

fn settings(loaded: &Loaded) -> Result<Settings> {
    let config = &loaded.config;
    let worker = &config.worker;
    let name = if worker.name.is_empty() {
        // In a function the name of its log says more than the machine's.
        std::env::var("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or_else(|_| {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "sealpost".to_owned());
            format!("{}:{}", host.trim(), std::process::id())
        })
    } else {
        worker.name.clone()
    };
    Ok(Settings {
        worker: name,
        concurrency: worker.concurrency,
        lease: Duration::from_secs(worker.lease_s),
        produce_attempts: worker.produce_attempts,
        produce_pause: Duration::from_secs(worker.produce_pause_s),
        notify_pauses: config.webhooks.retry_after_s.iter().copied().map(Duration::from_secs).collect(),
        issuers: config.identity.issuers.iter().map(|issuer| issuer.name.clone()).collect(),
        self_service: self_service(loaded),
        transfer: transfer::settings(loaded)?,
    })
}
