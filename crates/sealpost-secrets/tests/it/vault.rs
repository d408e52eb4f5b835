//! Vault: a server that is started for what it has, the documented answers for the rest, and a Vault that `VAULT_ADDR` and
//! `VAULT_TOKEN` name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::Result;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::SecretRef;
use sealpost_secrets::{SecretStores, SecretsSettings, Surroundings};
use serde_json::{Value, json};

use answers::{Answers, ROOT};

mod answers;
mod cases;
mod faults;
mod keeping;
mod leases;
mod logins;
mod server;

/// Stores with a `secrets.vault` block and an environment.
fn stores(vault: Value, variables: &[(&str, &str)], folder: &Path) -> SecretStores {
    stores_with(json!({ "vault": vault }), variables, folder)
}

fn stores_with(settings: Value, variables: &[(&str, &str)], folder: &Path) -> SecretStores {
    SecretStores::with(&surroundings(settings, variables, folder))
}

fn surroundings(settings: Value, variables: &[(&str, &str)], folder: &Path) -> Surroundings {
    let settings: SecretsSettings = serde_json::from_value(settings).unwrap();
    assert_eq!(settings.problems(), []);
    let environment: BTreeMap<String, OsString> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Surroundings { base_folder: folder.to_owned(), environment: Arc::new(environment), settings }
}

/// Stores that log in with the root token.
fn as_root(answers: &Answers) -> SecretStores {
    stores(json!({"address": answers.address}), &[("VAULT_TOKEN", ROOT)], Path::new("/nowhere"))
}

async fn text(stores: &SecretStores, reference: &str) -> Result<String> {
    let reference: SecretRef = reference.parse().unwrap();
    let outcome = stores.resolve(&reference).await;
    assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
    outcome.map(|secret| secret.expose_text().unwrap().to_owned())
}

/// Lets time pass at once for the stores and for [`Answers`]. For a server in a process of its own none passes.
async fn pass(time: Duration) {
    // What was spawned a moment ago begins to wait before it does.
    tokio::task::yield_now().await;
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits for what is done by a task of its own.
async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..1500 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

/// Who prepares a Vault for a case: requests as root.
struct Operator {
    http: reqwest::Client,
    address: String,
    token: String,
}

impl Operator {
    fn of(answers: &Answers) -> Self {
        Self { http: reqwest::Client::new(), address: answers.address.clone(), token: ROOT.to_owned() }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/{path}", self.address.trim_end_matches('/'));
        let request = self.http.request(method.parse().unwrap(), url).header("X-Vault-Request", "true");
        request.header("X-Vault-Token", &self.token)
    }

    /// The status that a read is answered with.
    async fn status(&self, path: &str) -> u16 {
        self.request("GET", path).send().await.unwrap().status().as_u16()
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let response = self.request(method, path).json(&body).send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    async fn mount(&self, name: &str, kind: &str, version: Option<&str>) {
        let options = version.map(|version| json!({ "version": version }));
        self.ask("POST", &format!("sys/mounts/{name}"), json!({"type": kind, "options": options})).await;
    }
}
