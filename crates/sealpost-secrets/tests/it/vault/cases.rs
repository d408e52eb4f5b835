//! What any Vault has: key/value engines. At the recorded answers, at a server that is started, and at a Vault that is given.

use sealpost_core::error::codes;
use sealpost_testkit::vault::Vault;
use serde_json::json;

use super::*;

/// An engine that no other run has.
pub(super) fn unique(name: &str) -> String {
    format!("sealpost-test-{}-{name}", std::process::id())
}

/// Cases that change nothing outside of engines and roles that they make themselves, with names of their own.
async fn hold_two(operator: &Operator, vault: Value, variables: &[(&str, &str)]) {
    let stores = stores(vault.clone(), variables, Path::new("/nowhere"));
    let two = unique("two");
    operator.mount(&two, "kv", Some("2")).await;
    operator.ask("POST", &format!("{two}/data/app"), json!({"data": {"password": "first-canary", "port": 22}})).await;
    assert_eq!(text(&stores, &format!("vault:{two}/data/app#password")).await.unwrap(), "first-canary");
    assert_eq!(text(&stores, &format!("vault:{two}/app#port")).await.unwrap(), "22");
    let whole = stores.resolve(&format!("vault:{two}/app").parse().unwrap()).await.unwrap();
    let whole: Value = serde_json::from_slice(whole.expose()).unwrap();
    assert_eq!(whole, json!({"password": "first-canary", "port": 22}));
    let reference: SecretRef = format!("vault:{two}/app#password").parse().unwrap();
    let previous = stores.resolve_stage(&reference, "AWSPREVIOUS").await.unwrap_err();
    assert!(previous.is(&codes::secrets::MISSING), "{previous}");

    operator.ask("POST", &format!("{two}/data/app"), json!({"data": {"password": "second-canary"}})).await;
    assert_eq!(text(&stores, &reference.to_string()).await.unwrap(), "first-canary", "kept");
    stores.stale(&reference).await;
    assert_eq!(text(&stores, &reference.to_string()).await.unwrap(), "second-canary");
    let previous = stores.resolve_stage(&reference, "AWSPREVIOUS").await.unwrap();
    assert_eq!(previous.expose(), b"first-canary");
    operator.ask("DELETE", &format!("{two}/data/app"), json!({})).await;
    stores.stale(&reference).await;
    let deleted = text(&stores, &reference.to_string()).await.unwrap_err();
    assert!(deleted.is(&codes::secrets::MISSING) && deleted.detail().contains(&reference.to_string()), "{deleted}");
    let absent = text(&stores, &format!("vault:{two}/absent")).await.unwrap_err();
    assert!(absent.is(&codes::secrets::MISSING), "{absent}");

    // Told by the settings what is mounted where.
    operator.ask("POST", &format!("{two}/data/app"), json!({"data": {"password": "third-canary"}})).await;
    let mut settings = vault;
    settings["kv"] = json!({ two.clone(): 2 });
    let told = super::stores(settings, variables, Path::new("/nowhere"));
    assert_eq!(text(&told, &format!("vault:{two}/app#password")).await.unwrap(), "third-canary");
}

/// The same for version 1.
async fn hold_one(operator: &Operator, vault: Value, variables: &[(&str, &str)]) {
    let stores = stores(vault.clone(), variables, Path::new("/nowhere"));
    let one = unique("one");
    operator.mount(&one, "kv", Some("1")).await;
    // A field that is called as the frame of version 2 is.
    operator.ask("POST", &format!("{one}/app"), json!({"data": "value-canary", "empty": ""})).await;
    assert_eq!(text(&stores, &format!("vault:{one}/app#data")).await.unwrap(), "value-canary");
    for (reference, code) in [
        (format!("vault:{one}/app#other"), &codes::secrets::MISSING),
        (format!("vault:{one}/app#empty"), &codes::secrets::MISSING),
        (format!("vault:{one}/absent"), &codes::secrets::MISSING),
        (format!("vault:{one}/../sys/seal"), &codes::secrets::REFERENCE),
    ] {
        let error = text(&stores, &reference).await.unwrap_err();
        assert!(error.is(code) && error.detail().contains(&reference), "{error}");
    }

    let mut settings = vault;
    settings["kv"] = json!({ one.clone(): 1 });
    let told = super::stores(settings, variables, Path::new("/nowhere"));
    assert_eq!(text(&told, &format!("vault:{one}/app#data")).await.unwrap(), "value-canary");
}

#[tokio::test]
async fn key_value_engines_of_both_versions() {
    let answers = Answers::start().await;
    let vault = json!({"address": answers.address});
    hold_two(&Operator::of(&answers), vault.clone(), &[("VAULT_TOKEN", ROOT)]).await;
    hold_one(&Operator::of(&answers), vault, &[("VAULT_TOKEN", ROOT)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_value_engines_of_version_1_at_a_server() {
    let server = Vault::start();
    let (address, token) = (server.address(), server.root_token());
    let operator = Operator { http: reqwest::Client::new(), address: address.clone(), token: token.to_owned() };
    hold_one(&operator, json!({ "address": address }), &[("VAULT_TOKEN", token)]).await;
}

#[tokio::test]
async fn key_value_engines_of_a_given_vault() {
    let (Ok(address), Ok(token)) = (std::env::var("VAULT_ADDR"), std::env::var("VAULT_TOKEN")) else {
        eprintln!("VAULT_ADDR and VAULT_TOKEN are not given: no Vault with versions is asked");
        return;
    };
    let operator = Operator { http: reqwest::Client::new(), address: address.clone(), token: token.clone() };
    hold_two(&operator, json!({ "address": address }), &[("VAULT_TOKEN", &token)]).await;
    hold_one(&operator, json!({ "address": address }), &[("VAULT_TOKEN", &token)]).await;
}

#[tokio::test]
async fn a_path_whose_mount_is_not_told_is_read_by_what_it_answers() {
    let answers = Answers::start().await;
    let operator = Operator::of(&answers);
    operator.mount("two", "kv", Some("2")).await;
    operator.ask("POST", "two/data/app", json!({"data": {"password": "canary"}})).await;
    // As for a token without any right at `sys/internal/ui/mounts`.
    let stores = as_root(&answers);
    answers.state.state().hides_mounts = true;
    assert_eq!(text(&stores, "vault:two/data/app#password").await.unwrap(), "canary");
    assert!(text(&stores, "vault:two/app#password").await.unwrap_err().is(&codes::secrets::MISSING));
}
