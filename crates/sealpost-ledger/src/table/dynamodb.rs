//! The table in Amazon DynamoDB: `pk` and `sk` as they are, every read consistent, every write one `TransactWriteItems`.
//!
//! A write has a token of its own, so that one whose answer was lost can be sent again and is done once
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>). Items that have expired are
//! removed by DynamoDB within days; until then they are left out here.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use jiff::Timestamp;
use sealpost_aws::{Client, Credentials, DYNAMODB, Fault, Patience, Refused, Variable};
use sealpost_core::error::codes;
use sealpost_core::{Error, Result};
use serde_json::{Map, Value as Json, json};

use super::{Expect, Item, Key, SkRange, Table, Write, Written};
use crate::value::corrupt;

mod create;
mod settings;

pub(crate) use settings::DynamoDbSettings;

/// Keys of one `BatchGetItem`: a quarter of what it takes, so that an answer is not too long.
const AT_ONCE: usize = 25;
/// How often a read is repeated for the keys that it left out.
const READS: u32 = 10;
/// Short pauses at first: what is throttled for a moment is a step that somebody waits for.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(3),
    attempt: Duration::from_secs(10),
    attempts: 8,
    first_pause: Duration::from_millis(40),
};

/// A table in DynamoDB.
pub(crate) struct DynamoDbTable {
    client: Client,
    table: String,
}

type Attributes = Map<String, Json>;

impl DynamoDbTable {
    /// A table. Without `create`, nothing is connected yet.
    ///
    /// # Errors
    /// `SP-CONFIG-001` for settings and an environment that make no address or credentials; with `create`, `SP-LEDGER-001` and
    /// `-013`.
    pub(crate) async fn open(settings: &DynamoDbSettings, client: Client) -> Result<Self> {
        let this = Self { client, table: settings.table.clone() };
        if settings.create {
            create::table(&this.client, &this.table).await.map_err(|fault| this.error(&fault))?;
        }
        Ok(this)
    }

    async fn call(&self, operation: &str, input: &Json) -> Result<Json> {
        self.client.call(operation, input).await.map_err(|fault| self.error(&fault))
    }

    fn error(&self, fault: &Fault) -> Error {
        let code = match fault {
            Fault::Refused(refused) if refused.is_throttled() => &codes::ledger::THROTTLED,
            Fault::Refused(refused) if refused.is_denied() => &codes::ledger::LOGIN,
            Fault::Credentials(_) => &codes::ledger::LOGIN,
            Fault::Refused(Refused { kind, message, .. })
                if kind == "ValidationException" && message.contains("size") =>
            {
                &codes::ledger::TOO_LARGE
            }
            _ => &codes::ledger::UNREACHABLE,
        };
        // A refusal's text may be a list of reasons; they have no values in them.
        Error::new(code, fault.to_string()).context(self.place())
    }

    /// Some items, whatever order they come in.
    async fn some(&self, keys: &[&Key]) -> Result<Vec<Item>> {
        let mut wanted: Vec<Json> = keys.iter().map(|key| Json::Object(key_of(key))).collect();
        let (mut found, now) = (Vec::new(), Timestamp::now().as_second());
        for attempt in 1..=READS {
            let input = json!({ "RequestItems": { &self.table: { "Keys": wanted, "ConsistentRead": true } } });
            let mut answer = self.call("BatchGetItem", &input).await?;
            for attributes in taken(answer["Responses"][&self.table].take()) {
                found.extend(item(&attributes, now)?);
            }
            wanted = match answer["UnprocessedKeys"][&self.table]["Keys"].take() {
                Json::Array(left) => left,
                _ => Vec::new(),
            };
            if wanted.is_empty() {
                return Ok(found);
            }
            let pause = PATIENCE.first_pause.saturating_mul(1 << attempt.min(6));
            tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        }
        let detail = format!("{} of {} items were not read, again and again", wanted.len(), keys.len());
        Err(Error::new(&codes::ledger::THROTTLED, detail).context(self.place()))
    }
}

/// A client by the settings, else the environment.
///
/// # Errors
/// `SP-CONFIG-001`.
pub(crate) fn client(settings: &DynamoDbSettings, variable: Variable<'_>) -> Result<Client> {
    let region = settings.region.clone().or_else(|| sealpost_aws::region(variable)).unwrap_or_default();
    let endpoint = settings.endpoint.clone().unwrap_or_else(|| sealpost_aws::endpoint(DYNAMODB, &region, variable));
    let client = Credentials::from_environment(variable)
        .and_then(|credentials| Client::new(DYNAMODB, &region, &endpoint, credentials, PATIENCE));
    client.map_err(|fault| Error::new(&codes::config::INVALID, fault.to_string()))
}

#[async_trait]
impl Table for DynamoDbTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        if let [key] = keys {
            let input = json!({ "TableName": self.table, "Key": key_of(key), "ConsistentRead": true });
            let answer = self.call("GetItem", &input).await?;
            let found = answer["Item"].as_object().map(|found| item(found, Timestamp::now().as_second()));
            return Ok(vec![found.transpose()?.flatten()]);
        }
        // The same key twice is refused.
        let distinct: Vec<&Key> = keys.iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let found = try_join_all(distinct.chunks(AT_ONCE).map(|some| self.some(some))).await?;
        let found: BTreeMap<Key, Item> = found.into_iter().flatten().map(|item| (item.key.clone(), item)).collect();
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn query(&self, pk: &str, range: SkRange, newest_first: bool, limit: u32) -> Result<Vec<Item>> {
        let mut values = json!({ ":pk": { "S": pk } });
        let condition = condition(range, &mut values);
        let (mut found, now) = (Vec::new(), Timestamp::now().as_second());
        let mut start = Json::Null;
        while found.len() < limit as usize {
            let mut input = json!({
                "TableName": self.table,
                "KeyConditionExpression": format!("pk = :pk{condition}"),
                "ExpressionAttributeValues": values,
                "ConsistentRead": true,
                "ScanIndexForward": !newest_first,
                "Limit": limit as usize - found.len(),
            });
            if !start.is_null() {
                input["ExclusiveStartKey"] = start;
            }
            let mut answer = self.call("Query", &input).await?;
            for attributes in taken(answer["Items"].take()) {
                found.extend(item(&attributes, now)?);
            }
            start = answer["LastEvaluatedKey"].take();
            if start.is_null() {
                break;
            }
        }
        Ok(found)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        let now = Timestamp::now().as_second();
        let versions: Vec<u64> = writes.iter().map(|_| rand::random()).collect();
        let actions: Vec<Json> =
            writes.iter().zip(&versions).map(|(write, version)| self.action(write, *version, now)).collect();
        // With the token, the same request again is done once, for ten minutes.
        let token = format!("{:032x}", rand::random::<u128>());
        let input = json!({ "TransactItems": actions, "ClientRequestToken": token });
        match self.client.call::<_, Json>("TransactWriteItems", &input).await {
            Ok(_) => Ok(Written::Done),
            Err(Fault::Refused(refused)) if is_conflict(&refused) => {
                // One that was done, and whose answer was lost, meets its own items where the token is not known any more.
                let own = refused.reasons.iter().zip(&versions).any(|(reason, version)| {
                    reason.item.as_ref().and_then(|item| number(item.get("version")?)) == Some(*version)
                });
                Ok(if own { Written::Done } else { Written::Conflict })
            }
            Err(fault) => Err(self.error(&fault)),
        }
    }

    fn place(&self) -> String {
        format!("DynamoDB table {} in {}", self.table, self.client.region())
    }
}

impl DynamoDbTable {
    fn action(&self, write: &Write, version: u64, now: i64) -> Json {
        let (key, expect) = write.parts();
        let (name, mut action) = match write {
            Write::Put { body, expires, .. } => {
                let mut item = key_of(key);
                item.insert("version".to_owned(), json!({ "N": version.to_string() }));
                item.insert("body".to_owned(), json!({ "S": body }));
                if let Some(expires) = expires {
                    item.insert("ttl".to_owned(), json!({ "N": expires.to_string() }));
                }
                ("Put", json!({ "Item": item, "ReturnValuesOnConditionCheckFailure": "ALL_OLD" }))
            }
            Write::Delete { .. } => ("Delete", json!({ "Key": key_of(key) })),
            Write::Check { .. } => ("ConditionCheck", json!({ "Key": key_of(key) })),
        };
        action["TableName"] = json!(self.table);
        let now = json!({ "N": now.to_string() });
        match expect {
            // A check has to have a condition; nobody asks for one without.
            Expect::Anything if name == "ConditionCheck" => {
                action["ConditionExpression"] = json!("attribute_exists(pk) OR attribute_not_exists(pk)");
            }
            Expect::Anything => {}
            Expect::Absent => {
                action["ConditionExpression"] = json!("attribute_not_exists(pk) OR #ttl <= :now");
                action["ExpressionAttributeNames"] = json!({ "#ttl": "ttl" });
                action["ExpressionAttributeValues"] = json!({ ":now": now });
            }
            Expect::Version(version) => {
                action["ConditionExpression"] =
                    json!("#version = :version AND (attribute_not_exists(#ttl) OR #ttl > :now)");
                action["ExpressionAttributeNames"] = json!({ "#ttl": "ttl", "#version": "version" });
                action["ExpressionAttributeValues"] = json!({ ":now": now, ":version": { "N": version.to_string() } });
            }
        }
        json!({ name: action })
    }
}

/// Whether a transaction was refused because of what it found, or of whom it met.
fn is_conflict(refused: &Refused) -> bool {
    let of_others = |code: &str| matches!(code, "ConditionalCheckFailed" | "TransactionConflict" | "None" | "");
    match refused.kind.as_str() {
        "TransactionCanceledException" => refused.reasons.iter().all(|reason| of_others(&reason.code)),
        "TransactionConflictException" | "ConditionalCheckFailedException" => true,
        _ => false,
    }
}

fn key_of(key: &Key) -> Attributes {
    Map::from_iter([("pk".to_owned(), json!({ "S": key.pk })), ("sk".to_owned(), json!({ "S": key.sk }))])
}

/// The condition on `sk`, with its values.
fn condition(range: SkRange, values: &mut Json) -> &'static str {
    let (condition, from, to) = match range {
        SkRange::All => return "",
        SkRange::Prefix(prefix) => (" AND begins_with(sk, :from)", prefix, None),
        SkRange::UpTo(last) => (" AND sk <= :from", last, None),
        SkRange::After(before) => (" AND sk > :from", before, None),
        SkRange::Between(first, last) => (" AND sk BETWEEN :from AND :to", first, Some(last)),
    };
    values[":from"] = json!({ "S": from });
    if let Some(to) = to {
        values[":to"] = json!({ "S": to });
    }
    condition
}

fn taken(items: Json) -> Vec<Attributes> {
    let Json::Array(items) = items else { return Vec::new() };
    items.into_iter().filter_map(|item| if let Json::Object(item) = item { Some(item) } else { None }).collect()
}

/// The number of an attribute `{"N": "…"}`.
fn number(attribute: &Json) -> Option<u64> {
    attribute["N"].as_str()?.parse().ok()
}

/// An item, unless it has expired.
fn item(attributes: &Attributes, now: i64) -> Result<Option<Item>> {
    let text = |name: &str| attributes.get(name).and_then(|value| value["S"].as_str());
    let broken = || corrupt("an item of the table is not one of this ledger");
    let (pk, sk) = (text("pk").ok_or_else(broken)?, text("sk").ok_or_else(broken)?);
    let expires = attributes.get("ttl").and_then(|value| value["N"].as_str()?.parse::<i64>().ok());
    if expires.is_some_and(|expires| expires <= now) {
        return Ok(None);
    }
    let version = attributes.get("version").and_then(number).ok_or_else(broken)?;
    Ok(Some(Item { key: Key::new(pk, sk), version, body: text("body").ok_or_else(broken)?.to_owned() }))
}

#[cfg(test)]
mod tests;
