//! The ledger in a real MariaDB.

use std::sync::Arc;

use sealpost_ledger::{LedgerParts, find};
use sealpost_testkit::mariadb::{MariaDb, USER};
use sealpost_testkit::suite::ledger::Ports;
use serde_json::{Value as Json, json};

use crate::secrets::OnePassword;

/// The options of a ledger in a database of its own, on the server that all tests share.
pub(crate) fn options() -> Json {
    let server = MariaDb::lasting();
    json!({
        "host": "127.0.0.1", "port": server.port(), "database": server.database(), "user": USER, "password": "env:LEDGER",
    })
}

/// Opens a ledger by its options, by connections of its own.
pub(crate) async fn opened(options: &Json) -> Ports {
    let parts = LedgerParts { secrets: Arc::new(OnePassword::default()), variable: &|_| None };
    let set = (find("mysql").unwrap().build)(options.as_object().unwrap(), &parts).await.unwrap();
    crate::ports(set)
}

async fn fresh() -> Ports {
    opened(&options()).await
}

sealpost_testkit::ledger_suite!(super::fresh);
