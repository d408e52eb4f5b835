//! What partners hand in, kept in key/value engines: at the recorded answers, at a server that is started, and at a Vault that
//! is given.

use sealpost_core::error::codes;
use sealpost_core::port::SecretVault;
use sealpost_core::secret::Secret;
use sealpost_testkit::suite::vault::{Subject, hold};
use sealpost_testkit::vault::Vault;
use serde_json::json;

use super::cases::unique;
use super::*;

/// What keeps secrets at a place, and what resolves them. Each logs in by itself, as two machines do.
fn kept_at(place: &str, vault: &Value, variables: &[(&str, &str)]) -> (Arc<dyn SecretVault>, SecretStores) {
    let surroundings = surroundings(json!({ "vault": vault }), variables, Path::new("/nowhere"));
    let vault = sealpost_secrets::vault(&place.parse().unwrap(), &surroundings).unwrap();
    (vault, SecretStores::with(&surroundings))
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// The contract, in an engine that no other run has. With `is_told` the settings say its version.
async fn hold_in(operator: &Operator, vault: &Value, variables: &[(&str, &str)], version: u8, is_told: bool) {
    let mount = unique(&format!("kept-{version}"));
    operator.mount(&mount, "kv", Some(&version.to_string())).await;
    let mut settings = vault.clone();
    if is_told {
        settings["kv"] = json!({ mount.clone(): version });
    }
    // People write `data/` or not.
    let places: &[&str] = if version == 2 { &["partners", "data/partners"] } else { &["partners"] };
    for place in places {
        let place = format!("vault:{mount}/{place}");
        let (vault, stores) = kept_at(&place, &settings, variables);
        let fresh = || -> Arc<dyn SecretStore> { Arc::new(kept_at(&place, &settings, variables).1) };
        hold(&Subject { vault: &*vault, stores: &fresh, place: &place }).await;

        let first = vault.keep("acme/main/1", &secret("first-canary")).await.unwrap();
        assert_eq!(first.to_string(), format!("{place}/acme/main/1#value"));
        assert_eq!(vault.keep("acme/main/1", &secret("second-canary")).await.unwrap(), first);
        let whole = stores.resolve(&format!("{place}/acme/main/1").parse().unwrap()).await.unwrap();
        let whole: Value = serde_json::from_slice(whole.expose()).unwrap();
        assert_eq!(whole, json!({"value": "second-canary"}));
        let all = if version == 2 { "metadata/" } else { "" };
        let all = format!("{mount}/{all}partners/acme/main/1");
        assert_eq!(operator.status(&all).await, 200);
        // What the operator's own references mean is not what a partner handed in.
        for own in ["#password", ""] {
            vault.forget(&format!("{place}/acme/main/1{own}").parse().unwrap()).await.unwrap();
        }
        assert_eq!(operator.status(&all).await, 200);
        vault.forget(&first).await.unwrap();
        assert_eq!(operator.status(&all).await, 404, "no version stays");
    }
}

#[tokio::test]
async fn engines_of_both_versions_keep_what_is_handed_in() {
    for is_told in [false, true] {
        let answers = Answers::start().await;
        let vault = json!({"address": answers.address});
        for version in [1, 2] {
            hold_in(&Operator::of(&answers), &vault, &[("VAULT_TOKEN", ROOT)], version, is_told).await;
        }
        let asked = answers.state.count("GET sys/internal/ui/mounts/");
        assert_eq!(asked == 0, is_told, "{asked} questions for what is mounted");
    }
}

/// This server does not say what is mounted where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_of_version_1_at_a_server_keeps_what_is_handed_in() {
    let server = Vault::start();
    let (address, token) = (server.address(), server.root_token());
    let operator = Operator { http: reqwest::Client::new(), address: address.clone(), token: token.to_owned() };
    hold_in(&operator, &json!({ "address": address }), &[("VAULT_TOKEN", token)], 1, true).await;
}

#[tokio::test]
async fn engines_of_a_given_vault_keep_what_is_handed_in() {
    let (Ok(address), Ok(token)) = (std::env::var("VAULT_ADDR"), std::env::var("VAULT_TOKEN")) else {
        eprintln!("VAULT_ADDR and VAULT_TOKEN are not given: no Vault with versions is written to");
        return;
    };
    let operator = Operator { http: reqwest::Client::new(), address: address.clone(), token: token.clone() };
    for version in [1, 2] {
        hold_in(&operator, &json!({ "address": address }), &[("VAULT_TOKEN", &token)], version, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_is_written_to_where_its_authority_is_trusted() {
    let server = Vault::start_with_tls();
    server.ask("POST", "sys/mounts/kv", &json!({"type": "kv"}));
    let at = |settings: Value| {
        let mut all = json!({"address": server.address(), "kv": {"kv": 1}});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        kept_at("vault:kv/partners", &all, &[("VAULT_TOKEN", server.root_token())])
    };
    let (vault, stores) = at(json!({"ca_file": server.ca_file()}));
    let reference = vault.keep("acme/main/1", &secret("canary")).await.unwrap();
    assert_eq!(text(&stores, &reference.to_string()).await.unwrap(), "canary");
    let (foreign, _) = at(json!({}));
    for error in [
        foreign.keep("acme/main/1", &secret("another-canary")).await.unwrap_err(),
        foreign.forget(&reference).await.unwrap_err(),
    ] {
        assert!(error.is(&codes::secrets::UNREACHABLE) && error.is_retried(), "{error}");
        assert!(error.detail().contains("UnknownIssuer") && !format!("{error:?}").contains("canary"), "{error:?}");
    }
    let kept = server.ask("GET", "kv/partners/acme/main/1", &Value::Null);
    assert_eq!(kept["data"]["value"], "canary");
    vault.forget(&reference).await.unwrap();
    let (status, _) = server.ask_as(server.root_token(), "GET", "kv/partners/acme/main/1", &Value::Null);
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_role_keeps_them_in_a_namespace() {
    let answers = Answers::start().await;
    Operator::of(&answers).mount("kv", "kv", Some("2")).await;
    answers.state.state().namespace = Some("team/reports".to_owned());
    let auth = json!({"method": "approle", "role_id": "env:ROLE", "secret_id": "env:SECRET"});
    let variables = [("ROLE", "the-role"), ("SECRET", "the-secret")];
    let inside = json!({"address": answers.address, "auth": auth, "namespace": "team/reports/"});
    let (vault, stores) = kept_at("vault:kv/partners", &inside, &variables);
    let reference = vault.keep("acme/main/1", &secret("canary")).await.unwrap();
    vault.keep("acme/main/2", &secret("canary-2")).await.unwrap();
    assert_eq!(answers.state.count("POST auth/approle/login"), 1);
    assert_eq!(text(&stores, &reference.to_string()).await.unwrap(), "canary");
    let outside = json!({"address": answers.address, "auth": auth});
    let (vault, _) = kept_at("vault:kv/partners", &outside, &variables);
    assert!(vault.keep("acme/main/1", &secret("canary")).await.is_err());
}

/// A server with an engine of version 2 at `kv`, and what keeps secrets there.
async fn prepared(token: &str) -> (Answers, Arc<dyn SecretVault>) {
    let answers = Answers::start().await;
    Operator::of(&answers).mount("kv", "kv", Some("2")).await;
    let settings = json!({"address": answers.address, "kv": {"kv": 2}});
    let (vault, _) = kept_at("vault:kv/partners", &settings, &[("VAULT_TOKEN", token)]);
    (answers, vault)
}

#[tokio::test]
async fn passing_answers_are_waited_out_within_bounds() {
    let (answers, vault) = prepared(ROOT).await;
    let reference = vault.keep("acme/main/1", &secret("canary")).await.unwrap();
    answers.state.state().faults.extend([503, 429]);
    vault.keep("acme/main/1", &secret("canary")).await.unwrap();
    answers.state.state().faults.extend([412, 500]);
    vault.forget(&reference).await.unwrap();
    assert_eq!(answers.state.state().faults.len(), 0);

    answers.state.state().faults.extend([503; 20]);
    let kept = vault.keep("acme/main/1", &secret("canary")).await.unwrap_err();
    assert_eq!(answers.state.state().faults.len(), 17, "three attempts");
    let removed = vault.forget(&reference).await.unwrap_err();
    assert_eq!(answers.state.state().faults.len(), 14, "three attempts");
    for error in [kept, removed] {
        assert!(error.is(&codes::secrets::UNREACHABLE) && error.is_retried(), "{error}");
        assert!(error.detail().contains("kv/partners/acme/main/1"), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    answers.state.state().faults.clear();
    answers.state.state().sealed = true;
    let sealed = vault.keep("acme/main/1", &secret("canary")).await.unwrap_err();
    assert!(sealed.is(&codes::secrets::SEALED) && sealed.is_retried(), "{sealed}");
}

#[tokio::test]
async fn what_is_not_allowed_or_can_not_be_kept_is_told_apart() {
    let (_answers, denied) = prepared("hvs.other").await;
    let reference: SecretRef = "vault:kv/partners/acme/main/1#value".parse().unwrap();
    for error in
        [denied.keep("acme/main/1", &secret("canary")).await.unwrap_err(), denied.forget(&reference).await.unwrap_err()]
    {
        assert!(error.is(&codes::secrets::DENIED) && error.detail().contains("permission denied"), "{error}");
        assert!(error.detail().contains(&reference.to_string()), "{error}");
    }
    let (answers, vault) = prepared(ROOT).await;
    let error = vault.keep("acme/main/1", &Secret::new(vec![0, 0xff])).await.unwrap_err();
    assert!(error.is(&codes::secrets::REFERENCE) && error.detail().contains("UTF-8"), "{error}");
    assert_eq!(answers.state.count("POST kv/"), 0);
}

#[tokio::test]
async fn nothing_is_written_or_removed_where_the_engine_is_another_or_not_told() {
    let answers = Answers::start().await;
    let operator = Operator::of(&answers);
    operator.mount("two", "kv", Some("2")).await;
    operator.mount("database", "database", None).await;
    operator.ask("POST", "two/data/partners/acme/main/1", json!({"data": {"value": "canary"}})).await;
    let settings = json!({"address": answers.address});
    let before = answers.state.state().asked.len();
    answers.state.state().hides_mounts = true;
    let (hidden, _) = kept_at("vault:two/partners", &settings, &[("VAULT_TOKEN", ROOT)]);
    let reference: SecretRef = "vault:two/partners/acme/main/1#value".parse().unwrap();
    for error in [
        hidden.keep("acme/main/1", &secret("another-canary")).await.unwrap_err(),
        hidden.forget(&reference).await.unwrap_err(),
    ] {
        assert!(error.is(&codes::secrets::DENIED) && error.detail().contains("[secrets.vault] kv"), "{error}");
    }
    answers.state.state().hides_mounts = false;
    let (other, _) = kept_at("vault:database/creds", &settings, &[("VAULT_TOKEN", ROOT)]);
    let error = other.keep("acme/main/1", &secret("canary")).await.unwrap_err();
    assert!(error.is(&codes::secrets::REFERENCE) && error.detail().contains("no key/value engine"), "{error}");
    let asked: Vec<String> = answers.state.state().asked[before..].to_vec();
    assert!(asked.iter().all(|asked| asked.starts_with("GET ")), "{asked:?}");
    // Once it is told, the same reference is removed.
    hidden.forget(&reference).await.unwrap();
    assert_eq!(operator.status("two/metadata/partners/acme/main/1").await, 404);
}

#[tokio::test]
async fn a_removal_that_no_engine_takes_is_none() {
    let answers = Answers::start().await;
    let operator = Operator::of(&answers);
    operator.mount("kv", "kv", Some("1")).await;
    let settings = json!({"address": answers.address});
    let at_kv = || kept_at("vault:kv/partners", &settings, &[("VAULT_TOKEN", ROOT)]).0;
    let vault = at_kv();
    let reference = vault.keep("acme/main/1", &secret("canary")).await.unwrap();
    // It gets versions, with what is in it, and this process has not heard of that.
    operator.mount("kv", "kv", Some("2")).await;
    let error = vault.forget(&reference).await.unwrap_err();
    assert!(error.is(&codes::secrets::REFERENCE) && error.detail().contains("404"), "{error}");
    let all = "kv/metadata/partners/acme/main/1";
    assert_eq!(operator.status(all).await, 200, "it is still there");
    at_kv().forget(&reference).await.unwrap();
    assert_eq!(operator.status(all).await, 404);
}
