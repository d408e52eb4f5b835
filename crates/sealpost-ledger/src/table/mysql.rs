//! The table in MySQL 8 or MariaDB 10.11 and newer: one `InnoDB` table, both keys in one binary column.
//!
//! A write is one transaction that locks its rows in the order of their keys, looks whether they are as expected, and
//! changes them. Two that meet wait for one another; where they would wait for ever, the server ends one of them, which is a
//! conflict like any other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::port::SecretStore;
use sqlx::mysql::MySqlConnection;
use sqlx::{Acquire, MySql, QueryBuilder};
use tokio::time::timeout;

use super::{Expect, Item, Key, SkRange, Table, Write, Written};
use crate::value::corrupt;

mod connect;
mod fault;
mod schema;
mod settings;

use connect::{LONGEST_WAIT, Pool, silent, within};
pub(crate) use settings::MySqlSettings;

/// Keys of one statement.
const AT_ONCE: usize = 500;
/// With every so many writes, some items that have expired are removed.
const PURGE_EVERY: u32 = 50;
/// So many of them: more than are written meanwhile would be, few enough to take no time.
const PURGED_AT_ONCE: u32 = 100;

/// A table in MySQL.
pub(crate) struct MySqlTable {
    pool: Arc<Pool>,
    writes: AtomicU32,
}

type Row = (Vec<u8>, u64, String);

impl MySqlTable {
    /// Connects, and makes the table where it is missing.
    ///
    /// # Errors
    /// `SP-LEDGER-001`, `-013`; `-006` for a table of a newer version; what the password's reference says.
    pub(crate) async fn open(settings: MySqlSettings, secrets: Arc<dyn SecretStore>) -> Result<Self> {
        let pool = Pool::open(settings, secrets).await?;
        let mut held = pool.held().await?;
        schema::make(held.connection()).await.map_err(|error| error.context(pool.place()))?;
        held.back();
        Ok(Self { pool: Arc::new(pool), writes: AtomicU32::new(0) })
    }

    /// Removes some of what has expired, beside the work: nobody sees it any more.
    fn purge_now_and_then(&self) {
        if !self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(PURGE_EVERY) {
            return;
        }
        let pool = self.pool.clone();
        tokio::spawn(async move {
            if let Ok(mut held) = pool.held().await {
                let purge = sqlx::query("DELETE FROM sealpost_ledger WHERE expires <= ? ORDER BY expires LIMIT ?")
                    .bind(Timestamp::now().as_second())
                    .bind(PURGED_AT_ONCE);
                match within(purge.execute(held.connection())).await {
                    Ok(_) => held.back(),
                    Err(error) => tracing::debug!(%error, "expired items were not removed"),
                }
            }
        });
    }
}

#[async_trait]
impl Table for MySqlTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        let mut found: BTreeMap<Vec<u8>, Item> = BTreeMap::new();
        let mut held = self.pool.held().await?;
        for some in keys.chunks(AT_ONCE) {
            let mut sql = QueryBuilder::<MySql>::new("SELECT k, version, body FROM sealpost_ledger WHERE k IN (");
            list(&mut sql, some.iter().map(encoded));
            sql.push(" AND (expires IS NULL OR expires > ").push_bind(Timestamp::now().as_second()).push(")");
            let rows: Vec<Row> =
                within(sql.build_query_as().fetch_all(held.connection())).await.map_err(fault::read)?;
            for row in rows {
                found.insert(row.0.clone(), item(row)?);
            }
        }
        held.back();
        Ok(keys.iter().map(|key| found.get(&encoded(key)).cloned()).collect())
    }

    async fn query(&self, pk: &str, range: SkRange, newest_first: bool, limit: u32) -> Result<Vec<Item>> {
        let (from, to) = bounds(pk, range);
        let mut sql = QueryBuilder::<MySql>::new("SELECT k, version, body FROM sealpost_ledger WHERE k >= ");
        sql.push_bind(from).push(" AND k < ").push_bind(to);
        sql.push(" AND (expires IS NULL OR expires > ").push_bind(Timestamp::now().as_second()).push(")");
        sql.push(if newest_first { " ORDER BY k DESC LIMIT " } else { " ORDER BY k LIMIT " });
        sql.push_bind(limit);
        let mut held = self.pool.held().await?;
        let rows: Vec<Row> = within(sql.build_query_as().fetch_all(held.connection())).await.map_err(fault::read)?;
        held.back();
        rows.into_iter().map(item).collect()
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        self.purge_now_and_then();
        let plan = Plan::of(&writes);
        let mut held = self.pool.held().await?;
        // Past the limit it may be done, or be done yet: as where the answer to COMMIT is lost.
        let written = timeout(LONGEST_WAIT, transact(held.connection(), &plan)).await;
        match written.unwrap_or_else(|_| Err(Failed::Ending(silent()))) {
            Ok(written) => {
                held.back();
                Ok(written)
            }
            Err(Failed::Conflict) => {
                held.back();
                Ok(Written::Conflict)
            }
            Err(Failed::Before(error)) => Err(fault::write(error)),
            Err(Failed::Ending(error)) => {
                // The answer to COMMIT was lost. The rows tell: each write gives them versions of its own.
                drop(held);
                let mut held = self.pool.held().await?;
                let done = within(was_done(held.connection(), &plan)).await;
                if done.is_ok() {
                    held.back();
                }
                match done {
                    Ok(true) => Ok(Written::Done),
                    Ok(false) | Err(_) => Err(fault::write(error)),
                }
            }
        }
    }

    fn place(&self) -> String {
        self.pool.place()
    }
}

/// Both keys in one: nothing in a `pk` is less than what separates them.
fn encoded(key: &Key) -> Vec<u8> {
    [key.pk.as_bytes(), b"\0", key.sk.as_bytes()].concat()
}

fn item((k, version, body): Row) -> Result<Item> {
    let broken = || corrupt("a key of the table can't be read");
    let text = String::from_utf8(k).map_err(|_| broken())?;
    let (pk, sk) = text.split_once('\0').ok_or_else(broken)?;
    Ok(Item { key: Key::new(pk, sk), version, body })
}

/// The first key of a range, and the first after it.
fn bounds(pk: &str, range: SkRange) -> (Vec<u8>, Vec<u8>) {
    let at = |sk: &str| encoded(&Key::new(pk, sk));
    // The key right after this one.
    let past = |sk: &str| [at(sk).as_slice(), b"\0"].concat();
    let end = [pk.as_bytes(), b"\x01"].concat();
    match range {
        SkRange::All => (at(""), end),
        // No text has the byte 0xff in it.
        SkRange::Prefix(prefix) => (at(&prefix), [at(&prefix).as_slice(), b"\xff"].concat()),
        SkRange::UpTo(last) => (at(""), past(&last)),
        SkRange::After(before) => (past(&before), end),
        SkRange::Between(first, last) => (at(&first), past(&last)),
    }
}

/// `?, ?, ?)` for what began with `IN (`.
fn list(sql: &mut QueryBuilder<MySql>, keys: impl Iterator<Item = Vec<u8>>) {
    let mut separated = sql.separated(", ");
    for key in keys {
        separated.push_bind(key);
    }
    sql.push(")");
}

/// A write, made ready: what is expected and wanted of each row, in the order of their keys.
struct Plan<'a> {
    rows: BTreeMap<Vec<u8>, (&'a Write, u64)>,
}

impl<'a> Plan<'a> {
    fn of(writes: &'a [Write]) -> Self {
        Self { rows: writes.iter().map(|write| (encoded(write.parts().0), (write, rand::random()))).collect() }
    }
}

/// Why a transaction failed.
enum Failed {
    Conflict,
    /// Certainly nothing was done.
    Before(sqlx::Error),
    /// It may have been done.
    Ending(sqlx::Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        if fault::is_conflict(&error) { Self::Conflict } else { Self::Before(error) }
    }
}

async fn transact(connection: &mut MySqlConnection, plan: &Plan<'_>) -> Result<Written, Failed> {
    let mut transaction = connection.begin().await?;
    let now = Timestamp::now().as_second();
    let mut sql = QueryBuilder::<MySql>::new("SELECT k, version, expires FROM sealpost_ledger WHERE k IN (");
    list(&mut sql, plan.rows.keys().cloned());
    sql.push(" ORDER BY k FOR UPDATE");
    let locked: Vec<(Vec<u8>, u64, Option<i64>)> = sql.build_query_as().fetch_all(&mut *transaction).await?;
    let locked: BTreeMap<Vec<u8>, (u64, Option<i64>)> = locked.into_iter().map(|(k, v, e)| (k, (v, e))).collect();

    let (mut new, mut changed, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (k, (write, version)) in &plan.rows {
        let row = locked.get(k);
        let alive = row.filter(|(_, expires)| expires.is_none_or(|expires| expires > now)).map(|(version, _)| *version);
        let holds = match write.parts().1 {
            Expect::Anything => true,
            Expect::Absent => alive.is_none(),
            Expect::Version(version) => alive == Some(version),
        };
        if !holds {
            transaction.rollback().await?;
            return Ok(Written::Conflict);
        }
        let is_free = row.is_none() && write.parts().1 == Expect::Absent;
        match write {
            Write::Put { body, expires, .. } if is_free => new.push((k, *version, *expires, body.as_str())),
            Write::Put { body, expires, .. } => changed.push((k, *version, *expires, body.as_str())),
            // There is no row to lock: one that nobody sees stands in for it until the end.
            Write::Check { .. } | Write::Delete { .. } if is_free => {
                new.push((k, *version, Some(0), ""));
                gone.push(k);
            }
            Write::Delete { .. } if row.is_some() => gone.push(k),
            Write::Delete { .. } | Write::Check { .. } => {}
        }
    }
    insert(&mut transaction, &new, "").await?;
    insert(
        &mut transaction,
        &changed,
        " ON DUPLICATE KEY UPDATE version = VALUES(version), expires = VALUES(expires), body = VALUES(body)",
    )
    .await?;
    if !gone.is_empty() {
        let mut sql = QueryBuilder::<MySql>::new("DELETE FROM sealpost_ledger WHERE k IN (");
        list(&mut sql, gone.into_iter().cloned());
        sql.build().execute(&mut *transaction).await?;
    }
    match transaction.commit().await {
        Ok(()) => Ok(Written::Done),
        Err(error) if fault::is_conflict(&error) => Err(Failed::Conflict),
        Err(error) => Err(Failed::Ending(error)),
    }
}

type NewRow<'a> = (&'a Vec<u8>, u64, Option<i64>, &'a str);

async fn insert(connection: &mut MySqlConnection, rows: &[NewRow<'_>], end: &'static str) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<MySql>::new("INSERT INTO sealpost_ledger (k, version, expires, body) ");
    sql.push_values(rows, |mut row, (k, version, expires, body)| {
        row.push_bind(k.as_slice()).push_bind(*version).push_bind(*expires).push_bind(*body);
    });
    sql.push(end);
    sql.build().execute(connection).await.map(drop)
}

/// Whether a transaction whose end is unknown was carried out. The look locks the row, so it waits for one that still is,
/// again where that takes longer than a wait for a lock may.
async fn was_done(connection: &mut MySqlConnection, plan: &Plan<'_>) -> Result<bool, sqlx::Error> {
    let put = plan.rows.iter().find(|(_, (write, _))| matches!(write, Write::Put { .. }));
    let Some((k, (_, version))) = put else { return Ok(false) };
    loop {
        let found: Result<Option<u64>, sqlx::Error> =
            sqlx::query_scalar("SELECT version FROM sealpost_ledger WHERE k = ? FOR UPDATE")
                .bind(k.as_slice())
                .fetch_optional(&mut *connection)
                .await;
        match found {
            Err(error) if fault::is_conflict(&error) => {}
            found => return Ok(found? == Some(*version)),
        }
    }
}

#[cfg(test)]
mod tests;
