//! `ListFileTransferResults`: what became of each file. It follows listings, moves and deletes as well, by their ids.

use jiff::Timestamp;
use sealpost_core::id::TransferId;
use sealpost_core::transfer::{ItemStatus, TransferItem, TransferKind};
use serde_json::{Map, Value as Json, json};

use super::call::Call;
use super::next_token;
use super::operations::Reply;
use super::refusal::{Refusal, Result};

/// Items read from the ledger at once for the totals.
const CHUNK: u32 = 1000;

pub(super) async fn list(call: &Call) -> Reply {
    let input = call.input();
    let connector = call.connector_id()?;
    let id = input.required("TransferId", 1..=512)?;
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./-".contains(&byte)) {
        return Err(input.pattern("TransferId", "[0-9a-zA-Z./-]+"));
    }
    let limit = call.max_results()?;
    let parameters = format!("{connector}/{id}");
    let from: u32 = match next_token::open(call, &parameters)? {
        Some(position) => position.parse().map_err(|_| next_token::wrong())?,
        None => 0,
    };
    let pipeline = &call.state.pipeline;
    let found = match id.parse::<TransferId>() {
        Ok(id) => pipeline.transfer_by_id(&id).await?,
        Err(_) => None,
    };
    // The results outlive their connector; a transfer of another connector is not found.
    let Some(transfer) = found.filter(|transfer| transfer.connector == connector) else {
        call.find_connector(&connector).await?;
        return Err(Refusal::not_found("Transfer", id));
    };
    let items = pipeline.transfer_items(&transfer.id, from, limit).await?;
    let results: Vec<Json> = items.iter().map(|item| shown(item, transfer.kind)).collect();
    let mut answer = json!({"FileTransferResults": results});
    let reached = items.last().map_or(from, |item| item.index.saturating_add(1));
    if reached < transfer.items && !items.is_empty() {
        answer["NextToken"] = next_token::seal(call, &parameters, &reached.to_string())?.into();
    }
    // Extensions, which stock clients ignore.
    answer["Operation"] = transfer.kind.as_str().to_ascii_uppercase().into();
    answer["Open"] = transfer.open.into();
    answer["Metadata"] = json!(transfer.metadata);
    let whole = if reached >= transfer.items && from == 0 { items } else { all(call, &transfer.id).await? };
    totals(&whole, &mut answer);
    Ok(Some(answer))
}

/// Every item; a transfer has as many as the configuration allows, a thousand at most.
async fn all(call: &Call, id: &TransferId) -> Result<Vec<TransferItem>> {
    let mut items: Vec<TransferItem> = Vec::new();
    loop {
        let from = items.last().map_or(0, |item| item.index.saturating_add(1));
        let more = call.state.pipeline.transfer_items(id, from, CHUNK).await?;
        let is_last = more.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
        items.extend(more);
        if is_last {
            return Ok(items);
        }
    }
}

/// Progress of the whole transfer. `TotalBytes` is there once every file's size is known.
fn totals(items: &[TransferItem], answer: &mut Json) {
    answer["BytesTransferred"] = items.iter().map(|item| item.bytes).sum::<u64>().into();
    if let Some(total) = items.iter().map(|item| item.size).sum::<Option<u64>>() {
        answer["TotalBytes"] = total.into();
    }
    let begun = items.iter().filter_map(|item| item.started_at).min();
    let ended = items.iter().map(|item| item.finished_at).collect::<Option<Vec<_>>>();
    let ended = ended.and_then(|all| all.into_iter().max()).unwrap_or_else(Timestamp::now);
    if let Some(rate) = begun.and_then(|begun| rate(items.iter().map(|item| item.bytes).sum(), begun, ended)) {
        answer["BytesPerSecond"] = rate.into();
    }
}

fn rate(bytes: u64, begun: Timestamp, ended: Timestamp) -> Option<u64> {
    let micros = u128::try_from(ended.duration_since(begun).as_micros()).ok().filter(|micros| *micros > 0)?;
    u64::try_from(u128::from(bytes) * 1_000_000 / micros).ok()
}

fn shown(item: &TransferItem, kind: TransferKind) -> Json {
    let mut result = Map::new();
    let mut member = |name: &str, value: Json| drop(result.insert(name.to_owned(), value));
    member("FilePath", item.action.file_path().into());
    member("StatusCode", item.status.as_str().into());
    if let Some(failure) = &item.failure {
        let (code, said) = (failure.code.as_str(), &failure.failure);
        // As in events.
        let message = failure.message();
        // The service has these on failed files. On one that is tried again they say why the last attempt failed.
        if item.status == ItemStatus::Failed {
            member("FailureCode", code.into());
            member("FailureMessage", message.into());
        } else {
            member("LastFailureCode", code.into());
            member("LastFailureMessage", message.into());
        }
        member("ErrorCode", said.code.as_str().into());
        member("Advice", said.advice.as_str().into());
    }
    member("FileTransferId", item.id.as_str().into());
    member("Attempts", item.attempts.into());
    member("Bytes", item.bytes.into());
    if let Some(size) = item.size {
        member("Size", size.into());
    }
    let ended = item.finished_at.unwrap_or_else(Timestamp::now);
    if let Some(rate) = item.started_at.and_then(|begun| rate(item.bytes, begun, ended)) {
        member("BytesPerSecond", rate.into());
    }
    for (name, at) in [("StartTimestamp", item.started_at), ("EndTimestamp", item.finished_at)] {
        if let Some(at) = at {
            member(name, seconds(at));
        }
    }
    let Some(outcome) = &item.outcome else { return Json::Object(result) };
    if let Some(path) = &outcome.path {
        let is_local = matches!(kind, TransferKind::Retrieve | TransferKind::List);
        member(if is_local { "LocalPath" } else { "RemotePath" }, path.as_str().into());
    }
    if let Some(sha256) = &outcome.sha256 {
        member("Sha256", sha256.as_str().into());
    }
    if let Some(key) = &outcome.host_key {
        member("HostKeyFingerprint", key.as_str().into());
    }
    if let Some(count) = outcome.item_count {
        member("ItemCount", count.into());
    }
    if let Some(truncated) = outcome.truncated {
        member("Truncated", truncated.into());
    }
    Json::Object(result)
}

/// Timestamps of the protocol: seconds since the epoch, with milliseconds as the fraction.
fn seconds(at: Timestamp) -> Json {
    (at.as_millisecond() as f64 / 1000.0).into()
}
