//! The table in a real MariaDB.

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_testkit::mariadb::{MariaDb, PASSWORD, USER};
use serde_json::json;

use super::super::Table;
use super::super::suite::table_suite;
use super::MySqlTable;
use super::connect::IDLE;

struct Known;

#[async_trait]
impl SecretStore for Known {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        Ok(Secret::new(PASSWORD.as_bytes().to_vec()))
    }
}

async fn opened() -> MySqlTable {
    let server = MariaDb::lasting();
    let settings = json!({
        "host": "127.0.0.1", "port": server.port(), "database": server.database(), "user": USER, "password": "env:X",
    });
    MySqlTable::open(serde_json::from_value(settings).unwrap(), Arc::new(Known)).await.unwrap()
}

async fn fresh() -> Arc<dyn Table> {
    Arc::new(opened().await)
}

/// A machine that is gone holds its locks for so long, and who waits for one looks elsewhere much sooner. Connections that are
/// not used go before the server ends them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_says_nothing_ends() {
    let table = opened().await;
    let mut held = table.pool.held().await.unwrap();
    let sql = "SELECT CAST(@@SESSION.wait_timeout AS SIGNED), CAST(@@SESSION.innodb_lock_wait_timeout AS SIGNED)";
    let (silence, lock): (i64, i64) = sqlx::query_as(sql).fetch_one(held.connection()).await.unwrap();
    held.back();
    assert!(silence <= 30 && silence > 2 * IDLE.as_secs() as i64, "{silence} s");
    assert!(lock <= 2, "{lock} s");
}

mod mariadb {
    super::table_suite!(super::fresh);
}
