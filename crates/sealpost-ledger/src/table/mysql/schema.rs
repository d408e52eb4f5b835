//! The one table.

use sealpost_core::Result;
use sqlx::Connection;
use sqlx::mysql::MySqlConnection;

use super::fault;
use crate::value::corrupt;

/// The version of what is kept in the table, under a key that no item has.
const VERSION: &str = "1";
const MARK: &[u8] = b"\0schema";

/// Both keys are one column: comparisons of two don't use an index on MariaDB. Bytes compare as bytes.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS sealpost_ledger (
      k VARBINARY(2100) NOT NULL PRIMARY KEY,
      version BIGINT UNSIGNED NOT NULL,
      expires BIGINT NULL,
      body MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
      KEY sealpost_ledger_expires (expires)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC";

/// Makes the table where it is missing; those who start together wait for one another. Refuses one of a newer version.
pub(super) async fn make(connection: &mut MySqlConnection) -> Result<()> {
    if version(connection).await?.is_none() {
        let locked: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(CONCAT('sealpost.', DATABASE()), 60)")
            .fetch_one(&mut *connection)
            .await
            .map_err(fault::write)?;
        if locked != Some(1) {
            return Err(corrupt("somebody else makes the ledger's table, and does not come to an end"));
        }
        let made = create(connection).await;
        let unlock = sqlx::query("DO RELEASE_LOCK(CONCAT('sealpost.', DATABASE()))");
        unlock.execute(&mut *connection).await.map_err(fault::write)?;
        made.map_err(fault::write)?;
    }
    match version(connection).await?.as_deref() {
        Some(VERSION) => Ok(()),
        Some(other) => Err(corrupt(format!(
            "the table `sealpost_ledger` is of version {other}; this program knows {VERSION}: use the one that wrote it"
        ))),
        None => Err(corrupt("the table `sealpost_ledger` was made by another program")),
    }
}

async fn create(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(TABLE).execute(&mut *transaction).await?;
    sqlx::query("INSERT IGNORE INTO sealpost_ledger (k, version, body) VALUES (?, 0, ?)")
        .bind(MARK)
        .bind(VERSION)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// The version of the table; none where it is missing.
async fn version(connection: &mut MySqlConnection) -> Result<Option<String>> {
    let found =
        sqlx::query_scalar("SELECT body FROM sealpost_ledger WHERE k = ?").bind(MARK).fetch_optional(connection).await;
    match found {
        Ok(version) => Ok(version),
        Err(error) if fault::is_no_table(&error) => Ok(None),
        Err(error) => Err(fault::read(error)),
    }
}
