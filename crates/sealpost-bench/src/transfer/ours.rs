//! Our side: a process of its own that carries the files out of and into folders, through the product's port.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile, Login};
use sealpost_core::id::{ConnectorId, PartnerId};
use sealpost_core::port::{Retrieval, Shipment, Traces, Transport};
use sealpost_deliver::Sftp;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use super::place::Task;
use super::shelf::{LocalLanding, LocalReader, Memory, Secrets};
use super::workload::Direction;
use crate::arguments::{CARRIER, Transfer};

/// The command that does a task.
pub(super) fn command(task: &Task<'_>, options: &Transfer) -> Result<Command> {
    let order = json!({
        "port": task.port,
        "user": task.place.user,
        "key": task.place.client_key,
        "host_key": task.place.host_key(),
        "send": task.direction == Direction::Send,
        "source": task.source,
        "target": task.target,
        "names": task.shape.names().collect::<Vec<_>>(),
        "at_once": options.at_once,
        "one_thread": options.one_thread,
        "channels": options.channels,
        "connections": options.connections,
    });
    let file = task.place.file("order.json");
    fs::write(&file, order.to_string()).with_context(|| format!("write {}", file.display()))?;
    let mut command = Command::new(std::env::current_exe().context("our own path")?);
    command.arg(CARRIER).arg(file);
    Ok(command)
}

/// What the process does.
///
/// # Errors
/// The first failure of a transfer.
pub(crate) fn carry_out(order: &Path) -> Result<()> {
    let text = fs::read_to_string(order).with_context(|| format!("read {}", order.display()))?;
    let order: Json = serde_json::from_str(&text).context("the order")?;
    // The product's kind: several threads.
    let mut runtime = match order["one_thread"].as_bool() {
        Some(true) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build().context("a runtime")?.block_on(carry(&order))
}

/// What all files have in common.
struct Carrier {
    transport: Sftp,
    connector: Connector,
    send: bool,
    source: PathBuf,
    target: PathBuf,
    /// Still to be carried, with their numbers.
    names: Mutex<VecDeque<(usize, String)>>,
}

async fn carry(order: &Json) -> Result<()> {
    let text = |name: &str| order[name].as_str().with_context(|| format!("the order's {name}"));
    let names = order["names"].as_array().context("the order's names")?;
    let carrier = Arc::new(Carrier {
        transport: Sftp::new(Arc::new(Secrets)),
        connector: connector(order)?,
        send: order["send"] == true,
        source: text("source")?.into(),
        target: text("target")?.into(),
        names: Mutex::new(names.iter().filter_map(Json::as_str).map(str::to_owned).enumerate().collect()),
    });
    let at_once = order["at_once"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    // Tasks, as the product's workers are: with several threads they run side by side.
    let mut workers: JoinSet<Result<()>> = JoinSet::new();
    for _ in 0..at_once.min(names.len()) {
        let carrier = Arc::clone(&carrier);
        workers.spawn(async move {
            loop {
                let next = carrier.names.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some((number, name)) = next else { return Ok(()) };
                carrier.one(number, &name).await.with_context(|| name.clone())?;
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.context("a worker")??;
    }
    Ok(())
}

impl Carrier {
    async fn one(&self, number: usize, name: &str) -> Result<()> {
        if self.send {
            let file = LocalReader::open(&self.source.join(name))?;
            let id = format!("bench-{number}");
            let shipment = Shipment {
                connector: &self.connector,
                traces: Traces { id: &id, file_name: name, attempts: 1, failed_attempts: 0, intent: None },
                sha256: None,
                sealed: false,
                object: "",
                file: &file,
                journal: &Memory,
            };
            self.transport.send(shipment).await.map_err(shown)?;
        } else {
            let mut landing = LocalLanding::create(&self.target.join(name))?;
            let path = self.source.join(name);
            let path = path.to_str().context("a path")?;
            let retrieval = Retrieval { connector: &self.connector, path, landing: &mut landing };
            self.transport.retrieve(retrieval).await.map_err(shown)?;
        }
        Ok(())
    }
}

fn connector(order: &Json) -> Result<Connector> {
    let text = |name: &str| order[name].as_str().with_context(|| format!("the order's {name}"));
    let number = |name: &str| order[name].as_u64().and_then(|number| u32::try_from(number).ok());
    let port = order["port"].as_u64().and_then(|port| u16::try_from(port).ok()).context("the order's port")?;
    let key = format!("file:{}", text("key")?).parse().map_err(|error| anyhow!("a secret's name: {error}"))?;
    let mut settings = ConnectorSettings {
        login: vec![Login::PrivateKey { key, passphrase: None, public_key: None }],
        host_keys: vec![text("host_key")?.to_owned()],
        directory: text("target")?.to_owned(),
        existing_file: ExistingFile::Replace,
        ..ConnectorSettings::new("127.0.0.1", port, text("user")?)
    };
    settings.parallel.channels = number("channels");
    settings.parallel.connections = number("connections");
    let partner: PartnerId = "bench".parse().map_err(|error| anyhow!("a partner's name: {error}"))?;
    Ok(Connector {
        id: ConnectorId::of(&partner, "main"),
        partner,
        name: "main".to_owned(),
        settings,
        candidates: Vec::new(),
    })
}

/// Code and details.
fn shown(error: sealpost_core::Error) -> anyhow::Error {
    anyhow!("{error}")
}
