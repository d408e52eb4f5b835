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

struct Known;

#[async_trait]
impl SecretStore for Known {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        Ok(Secret::new(PASSWORD.as_bytes().to_vec()))
    }
}

async fn fresh() -> Arc<dyn Table> {
    let server = MariaDb::lasting();
    let settings = json!({
        "host": "127.0.0.1", "port": server.port(), "database": server.database(), "user": USER, "password": "env:X",
    });
    Arc::new(MySqlTable::open(serde_json::from_value(settings).unwrap(), Arc::new(Known)).await.unwrap())
}

mod mariadb {
    super::table_suite!(super::fresh);
}
