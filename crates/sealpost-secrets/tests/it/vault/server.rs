//! A server that is nobody's recording: RustyVault, from its start to its end.

use std::time::Instant;

use sealpost_core::error::codes;
use sealpost_testkit::pki::Authority;
use sealpost_testkit::vault::{AppRole, Vault};
use serde_json::json;

use super::*;

const APP: &str = "vault:kv/app#password";
const OTHER: &str = "vault:kv/other#password";
/// How long anything may take before a test gives up: generous, for slow machines.
const PATIENCE: Duration = Duration::from_secs(120);

fn fill(vault: Vault) -> Vault {
    vault.ask("POST", "sys/mounts/kv", &json!({"type": "kv"}));
    vault.ask("POST", "kv/app", &json!({"user": "reports", "password": "canary"}));
    vault.ask("POST", "kv/other", &json!({"password": "canary-2"}));
    vault
}

fn as_root(vault: &Vault, settings: Value) -> SecretStores {
    let mut settings = settings;
    settings["vault"] = json!({"address": vault.address()});
    stores_with(settings, &[("VAULT_TOKEN", vault.root_token())], Path::new("/nowhere"))
}

fn as_role(vault: &Vault, role: &AppRole) -> SecretStores {
    let auth = json!({"method": "approle", "role_id": "env:ROLE", "secret_id": "env:SECRET"});
    let variables = [("ROLE", role.role_id.as_str()), ("SECRET", role.secret_id.as_str())];
    stores(json!({"address": vault.address(), "auth": auth}), &variables, Path::new("/nowhere"))
}

/// Repeats something until it gives what is waited for.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_read_with_a_token_and_what_is_not_there_is_told() {
    let vault = fill(Vault::start());
    // In an address a space is not itself.
    vault.ask("POST", "kv/b%20c", &json!({"password": "canary-3"}));
    let stores = as_root(&vault, json!({}));
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");
    assert_eq!(text(&stores, "vault:kv/b c#password").await.unwrap(), "canary-3");
    let whole = stores.resolve(&"vault:kv/app".parse().unwrap()).await.unwrap();
    let whole: Value = serde_json::from_slice(whole.expose()).unwrap();
    assert_eq!(whole, json!({"user": "reports", "password": "canary"}));
    assert_eq!(vault.asked("GET kv/app", 200), 1);
    for absent in ["vault:kv/app#other", "vault:kv/absent#password", "vault:nowhere/app#password"] {
        let error = text(&stores, absent).await.unwrap_err();
        assert!(error.is(&codes::secrets::MISSING) && error.detail().contains(absent), "{error}");
    }

    let foreign = [("VAULT_TOKEN", "hvs.nobody")];
    let stores = super::stores(json!({"address": vault.address()}), &foreign, Path::new("/nowhere"));
    let error = text(&stores, APP).await.unwrap_err();
    assert!(error.is(&codes::secrets::DENIED) && error.detail().contains("Permission denied"), "{error}");
    assert!(!format!("{error:?}").contains("hvs.nobody"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_logs_in_once_and_a_wrong_one_is_refused() {
    let vault = fill(Vault::start());
    let role = vault.app_role("reports", 3600);
    let stores = as_role(&vault, &role);
    let all = futures::future::join_all((0..20).map(|_| text(&stores, APP))).await;
    assert!(all.into_iter().all(|value| value.unwrap() == "canary"));
    assert_eq!(text(&stores, OTHER).await.unwrap(), "canary-2");
    assert_eq!(vault.asked("POST auth/approle/login", 200), 1);

    for wrong in [
        AppRole { secret_id: "another-canary".to_owned(), ..role.clone() },
        AppRole { role_id: "another".to_owned(), ..role },
    ] {
        let error = text(&as_role(&vault, &wrong), APP).await.unwrap_err();
        assert!(error.is(&codes::secrets::DENIED) && error.detail().contains("login to Vault"), "{error}");
        assert!(error.detail().contains("invalid"), "{error}");
    }
}

/// This server renews no token, so each is replaced by a login before it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_logs_in_again_before_its_token_ends() {
    let vault = fill(Vault::start());
    let stores = as_role(&vault, &vault.app_role("reports", 20));
    // The second login is by half of the first token's time: the third is after its end.
    until("a third login", async || {
        assert_eq!(text(&stores, APP).await.unwrap(), "canary");
        stores.stale(&APP.parse().unwrap()).await;
        (vault.asked("POST auth/approle/login", 200) >= 3).then_some(())
    })
    .await;
    assert_eq!(vault.asked("GET kv/app", 403), 0, "no read was refused: {}", vault.log());
}

#[tokio::test]
async fn a_token_of_a_file_is_read_again_when_it_has_ended_or_was_revoked() {
    let vault = fill(Vault::start());
    let made = |body: Value| {
        let made = vault.ask("POST", "auth/token/create", &body);
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let auth = json!({"method": "token", "token": "file:token"});
    let first = made(json!({"ttl": "5s", "policies": ["default"]}));
    std::fs::write(&file, &first).unwrap();
    let stores = super::stores(json!({"address": vault.address(), "auth": auth}), &[], folder.path());
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");

    let nothing = Value::Null;
    until("the token's end", async || {
        let (status, _) = vault.ask_as(&first, "GET", "auth/token/lookup-self", &nothing);
        (status == 403).then_some(())
    })
    .await;
    let second = made(json!({"ttl": "1h", "policies": ["default"]}));
    std::fs::write(&file, &second).unwrap();
    let again = async || {
        stores.stale(&APP.parse().unwrap()).await;
        match text(&stores, APP).await {
            Ok(value) => Some(value),
            Err(error) => {
                assert!(error.is(&codes::secrets::DENIED) && error.is_retried(), "{error}");
                None
            }
        }
    };
    assert_eq!(until("a read with the second token", again).await, "canary");

    // Nobody tells that it is revoked but its refusal.
    vault.ask("POST", &format!("auth/token/revoke/{second}"), &json!({}));
    until("a refusal", async || again().await.is_none().then_some(())).await;
    std::fs::write(&file, made(json!({"ttl": "1h", "policies": ["default"]}))).unwrap();
    // A young token is not given up for a refusal.
    pass(Duration::from_secs(10)).await;
    assert_eq!(until("a read with the third token", again).await, "canary");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_secret_is_taken_up_once_the_old_one_is_doubted() {
    let vault = fill(Vault::start());
    let stores = as_role(&vault, &vault.app_role("reports", 3600));
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");
    vault.ask("POST", "kv/app", &json!({"password": "second-canary"}));
    assert_eq!(text(&stores, APP).await.unwrap(), "canary", "kept");
    stores.stale(&APP.parse().unwrap()).await;
    assert_eq!(text(&stores, APP).await.unwrap(), "second-canary");
    assert_eq!(vault.asked("GET kv/app", 200), 2);

    vault.ask("DELETE", "kv/app", &Value::Null);
    stores.stale(&APP.parse().unwrap()).await;
    assert!(text(&stores, APP).await.unwrap_err().is(&codes::secrets::MISSING));
}

/// What is kept for one second, and serves for some more.
fn briefly() -> Value {
    json!({"cache_s": 1, "stale_limit_s": 7})
}

/// Reads until nothing serves any more, and gives the error that says for how long something did.
async fn until_the_limit(stores: &SecretStores) -> sealpost_core::Error {
    until("the kept value's end", async || {
        pass(Duration::from_secs(1)).await;
        let error = match text(stores, APP).await {
            Ok(value) => {
                assert_eq!(value, "canary");
                return None;
            }
            Err(error) => error,
        };
        assert!(error.is_retried(), "{error}");
        error.detail().contains("past its limit").then_some(error)
    })
    .await
}

async fn until_it_is_back(stores: &SecretStores) {
    let answer = until("an answer", async || {
        // That it does not answer is remembered for some seconds.
        pass(Duration::from_secs(1)).await;
        text(stores, APP).await.ok()
    });
    let value = answer.await;
    assert_eq!(value, "canary");
}

#[tokio::test]
async fn a_sealed_server_is_served_for_until_the_limit_and_then_said() {
    let vault = fill(Vault::start());
    let stores = as_root(&vault, briefly());
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");
    vault.seal();
    pass(Duration::from_secs(1)).await;
    until("a question that is refused, and answered nevertheless", async || {
        assert_eq!(text(&stores, APP).await.unwrap(), "canary");
        (vault.asked("GET kv/app", 503) > 0).then_some(())
    })
    .await;
    let error = until_the_limit(&stores).await;
    assert!(error.is(&codes::secrets::SEALED) && error.code().advice.contains("unseal"), "{error}");
    // What nobody has read yet has nothing to serve.
    let other = text(&stores, OTHER).await.unwrap_err();
    assert!(other.is(&codes::secrets::SEALED) && other.is_retried(), "{other}");
    vault.unseal();
    until_it_is_back(&stores).await;
}

#[tokio::test]
async fn a_killed_server_is_served_for_until_the_limit_and_then_said() {
    let mut vault = fill(Vault::start());
    let stores = as_role(&vault, &vault.app_role("reports", 3600));
    assert_eq!(text(&stores, OTHER).await.unwrap(), "canary-2");
    let briefly = as_root(&vault, briefly());
    assert_eq!(text(&briefly, APP).await.unwrap(), "canary");
    vault.stop();
    let error = until_the_limit(&briefly).await;
    assert!(error.is(&codes::secrets::UNREACHABLE), "{error}");
    assert_eq!(text(&stores, OTHER).await.unwrap(), "canary-2", "kept for an hour");
    // A value that was refused somewhere serves nobody.
    stores.stale(&OTHER.parse().unwrap()).await;
    let error = text(&stores, OTHER).await.unwrap_err();
    assert!(error.is(&codes::secrets::UNREACHABLE) && error.is_retried(), "{error}");

    // A Vault that was started again is sealed.
    vault.resume();
    stores.stale(&OTHER.parse().unwrap()).await;
    let sealed = text(&stores, OTHER).await.unwrap_err();
    assert!(sealed.is(&codes::secrets::SEALED) && sealed.is_retried(), "{sealed}");
    vault.unseal();
    until_it_is_back(&briefly).await;
    // The token of before is as good as it was: the role does not log in again.
    stores.stale(&OTHER.parse().unwrap()).await;
    assert_eq!(text(&stores, OTHER).await.unwrap(), "canary-2");
    assert_eq!(vault.asked("POST auth/approle/login", 200), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_is_trusted_by_its_authority_and_its_name() {
    let vault = fill(Vault::start_with_tls());
    let foreign = Authority::new("another");
    let read = async |settings: Value| {
        let mut all = json!({"address": vault.address()});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        text(&stores(all, &[("VAULT_TOKEN", vault.root_token())], Path::new("/nowhere")), APP).await
    };
    let ca_file = vault.ca_file();
    let by_name = vault.address().replace("127.0.0.1", "localhost");
    for good in [
        json!({ "ca_file": ca_file }),
        json!({"ca_file": ca_file, "address": by_name}),
        json!({"ca_file": ca_file, "server_name": "localhost"}),
    ] {
        assert_eq!(read(good.clone()).await.unwrap(), "canary", "{good}");
    }
    let before = vault.asked("GET kv/app", 200);
    assert_eq!(before, 3);
    for (bad, words) in [
        (json!({}), "UnknownIssuer"),
        (json!({"ca_file": foreign.certificate()}), "UnknownIssuer"),
        (json!({"ca_file": ca_file, "server_name": "vault.example"}), "vault.example"),
        (json!({"ca_file": ca_file, "address": vault.address().replace("https", "http")}), ""),
    ] {
        let error = read(bad.clone()).await.unwrap_err();
        assert!(error.is(&codes::secrets::UNREACHABLE) && error.is_retried(), "{bad}: {error}");
        assert!(error.detail().contains(words), "{bad}: {error}");
    }
    assert_eq!(vault.asked("GET kv/app", 200), before, "no token went out");

    let variables = [("VAULT_TOKEN", vault.root_token()), ("VAULT_CACERT", ca_file.to_str().unwrap())];
    let stores = stores(json!({"address": vault.address()}), &variables, Path::new("/nowhere"));
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");
}
