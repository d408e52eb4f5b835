//! A Vault that is sealed, busy, gone, or talks nonsense.

use sealpost_core::error::codes;
use serde_json::json;

use super::*;

const APP: &str = "vault:kv/app#password";

async fn prepared(settings: Value) -> (Answers, SecretStores) {
    let answers = Answers::start().await;
    let operator = Operator::of(&answers);
    operator.mount("kv", "kv", Some("1")).await;
    operator.ask("POST", "kv/app", json!({"password": "canary"})).await;
    let mut settings = settings;
    settings["vault"] = json!({"address": answers.address});
    (answers, stores_with(settings, &[("VAULT_TOKEN", ROOT)], Path::new("/nowhere")))
}

#[tokio::test]
async fn passing_answers_are_waited_out_within_bounds() {
    futures::future::join_all([412, 429, 472, 473, 500, 502, 503].map(is_waited_out_within_bounds)).await;
}

async fn is_waited_out_within_bounds(status: u16) {
    let (answers, stores) = prepared(json!({})).await;
    answers.state.state().faults.extend([status, status]);
    assert_eq!(text(&stores, APP).await.unwrap(), "canary", "{status}");
    stores.stale(&APP.parse().unwrap()).await;
    answers.state.state().faults.extend([status; 20]);
    let error = text(&stores, APP).await.unwrap_err();
    assert!(error.is(&codes::secrets::UNREACHABLE) && error.is_retried(), "{status}: {error}");
    assert_eq!(answers.state.state().faults.len(), 17, "three attempts");
}

#[tokio::test]
async fn a_sealed_vault_is_told_from_a_busy_one() {
    let (answers, stores) = prepared(json!({})).await;
    answers.state.state().sealed = true;
    let error = text(&stores, APP).await.unwrap_err();
    assert!(error.is(&codes::secrets::SEALED) && error.is_retried(), "{error}");
    assert!(error.detail().contains("Vault is sealed") && error.code().advice.contains("unseal"), "{error}");
    answers.state.state().sealed = false;
    stores.stale(&APP.parse().unwrap()).await;
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");
}

#[tokio::test]
async fn a_vault_that_is_not_there_is_unreachable() {
    let nobody = format!("http://127.0.0.1:{}", sealpost_testkit::server::free_port());
    let stores = stores(json!({ "address": nobody }), &[("VAULT_TOKEN", ROOT)], Path::new("/nowhere"));
    let error = text(&stores, APP).await.unwrap_err();
    assert!(error.is(&codes::secrets::UNREACHABLE) && error.is_retried(), "{error}");
    for (settings, words) in
        [(json!({}), "VAULT_ADDR"), (json!({"address": "http://127.0.0.1:1", "ca_file": "/nowhere/ca.pem"}), "ca.pem")]
    {
        let error = text(&super::stores(settings, &[("VAULT_TOKEN", ROOT)], Path::new("/nowhere")), APP).await;
        let error = error.unwrap_err();
        assert!(error.is(&codes::secrets::SETTINGS) && !error.is_retried(), "{error}");
        assert!(error.detail().contains(words), "{error}");
    }
    let error = text(&super::stores(json!({"address": "http://127.0.0.1:1"}), &[], Path::new("/nowhere")), APP).await;
    assert!(error.unwrap_err().is(&codes::secrets::MISSING), "no token");
}

#[tokio::test]
async fn what_a_policy_does_not_allow_is_told_apart() {
    let (answers, _) = prepared(json!({})).await;
    let stores = stores(json!({"address": answers.address}), &[("VAULT_TOKEN", "hvs.other")], Path::new("/nowhere"));
    let error = text(&stores, APP).await.unwrap_err();
    assert!(error.is(&codes::secrets::DENIED) && error.detail().contains("permission denied"), "{error}");
    let asked = answers.state.state().asked.len();
    for _ in 0..20 {
        text(&stores, APP).await.unwrap_err();
    }
    assert_eq!(answers.state.state().asked.len(), asked, "a refusal is remembered");
}
