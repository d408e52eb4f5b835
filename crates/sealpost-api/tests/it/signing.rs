//! Our signing key is changed while reports are made: key first, then passphrase, as people do it. No report fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::StatusCode;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::partner::SigningKeyRef;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_seal::{KeyKind, KeyRequest};
use serde_json::json;

use crate::rig::{Rig, Wish, id};

/// A store that keeps what it gave until it is told that it is stale, as remote ones do.
#[derive(Default)]
struct Keeping {
    values: Mutex<BTreeMap<String, String>>,
    kept: Mutex<BTreeMap<String, String>>,
}

impl Keeping {
    fn set(&self, name: &str, value: &str) {
        self.values.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }
}

#[async_trait]
impl SecretStore for Keeping {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let value = self.values.lock().unwrap().get(reference.rest()).cloned();
        let value = value.ok_or_else(|| Error::new(&codes::secrets::MISSING, "no"))?;
        let kept = self.kept.lock().unwrap().entry(reference.rest().to_owned()).or_insert(value).clone();
        Ok(Secret::new(kept.into_bytes()))
    }

    async fn stale(&self, reference: &SecretRef) {
        self.kept.lock().unwrap().remove(reference.rest());
    }
}

/// A key with a passphrase.
fn key(passphrase: &str) -> String {
    let passphrase = Secret::new(passphrase.as_bytes().to_vec());
    let request = KeyRequest {
        user_id: "Bike Leasing <reports@leasing.example>",
        kind: KeyKind::Ed25519,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: Some(&passphrase),
    };
    sealpost_seal::generate(&request).unwrap().secret.expose_text().unwrap().to_owned()
}

#[tokio::test]
async fn a_changed_signing_key_fails_no_report() {
    let secrets = Arc::new(Keeping::default());
    secrets.set("key", &key("first"));
    secrets.set("passphrase", "first");
    let reference = |name: &str| format!("vault:{name}").parse().unwrap();
    let signing = SigningKeyRef { key: reference("key"), passphrase: Some(reference("passphrase")) };
    let rig = Rig::wishing(Wish { signing: Some((signing, secrets.clone())), ..Wish::default() }).await;
    let (status, answer) = rig.change_acme(json!({"seal": {"sign": true}})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let made = async || {
        let report = rig.contracts(&rig.acme).await;
        rig.done(&rig.acme, id(&report)).await
    };
    assert_eq!(made().await["status"], "succeeded");

    // The new passphrase is at the store, and the old one is kept here; the key is the new one.
    secrets.set("key", &key("second"));
    secrets.stale(&reference("key")).await;
    secrets.set("passphrase", "second");
    let report = made().await;
    assert_eq!((&report["status"], &report["attempts"]), (&json!("succeeded"), &json!(1)), "{report}");

    secrets.set("passphrase", "wrong");
    secrets.stale(&reference("passphrase")).await;
    let report = made().await;
    assert_eq!(report["failure"]["code"], codes::seal::SIGNING_KEY.id, "{report}");
}
