//! The sources against real databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test is the report")]

mod ending;
mod estimate;
mod memory;
mod mysql;
mod proxy;
mod rotation;
mod sakila;
mod sqlite;
mod tls;
mod values;
mod whole;

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::port::{SecretStore, Source};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_testkit::mariadb::{MariaDb, PASSWORD, USER};
use serde_json::{Value as Json, json};

/// Knows the test account's password as `env:RIGHT` and a wrong one as anything else.
struct Passwords;

#[async_trait]
impl SecretStore for Passwords {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let password = if reference.rest() == "RIGHT" { PASSWORD } else { "wrong" };
        Ok(Secret::new(format!("{password}\n").into_bytes()))
    }
}

/// A source as `sealpost.toml` would make it.
fn build(kind: &str, settings: Json) -> Arc<dyn Source> {
    let entry = sealpost_source::find(kind).unwrap();
    (entry.build)(settings.as_object().unwrap().clone(), Arc::new(Passwords)).unwrap()
}

/// Settings for a database of a test server over TCP.
fn settings(server: &MariaDb, database: &str) -> Json {
    json!({"host": "127.0.0.1", "port": server.port(), "database": database, "user": USER, "password": "env:RIGHT"})
}

#[test]
fn the_schemas_name_what_the_settings_take() {
    for entry in sealpost_source::SOURCES {
        let schema = (entry.options_schema)();
        assert_eq!(schema["additionalProperties"], json!(false), "{}", entry.name);
        assert!(schema["properties"].as_object().unwrap().values().all(|field| field["description"].is_string()));
        let error =
            (entry.build)(json!({"nonsense": 1}).as_object().unwrap().clone(), Arc::new(Passwords)).err().unwrap();
        assert_eq!(error.code().id, "SP-CONFIG-001");
    }
}
