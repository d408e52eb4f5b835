//! Ways to log in, namespaces, renewal of the token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealpost_core::error::codes;
use serde_json::json;

use super::*;

async fn prepared() -> (Answers, Operator) {
    let answers = Answers::start().await;
    let operator = Operator::of(&answers);
    operator.mount("kv", "kv", Some("1")).await;
    operator.ask("POST", "kv/app", json!({"password": "canary"})).await;
    operator.ask("POST", "kv/other", json!({"password": "canary-2"})).await;
    (answers, operator)
}

const APP: &str = "vault:kv/app#password";
const OTHER: &str = "vault:kv/other#password";
const RENEWED: &str = "POST auth/token/renew-self";

#[tokio::test]
async fn a_role_with_its_secret() {
    let (answers, _) = prepared().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret-id"), "the-secret\n").unwrap();
    let auth = json!({"method": "approle", "role_id": "env:ROLE", "secret_id": "file:secret-id"});
    let vault = json!({"address": answers.address, "auth": auth});
    let stores = super::stores(vault.clone(), &[("ROLE", "the-role")], folder.path());
    let all = futures::future::join_all((0..20).map(|_| text(&stores, APP))).await;
    assert!(all.into_iter().all(|value| value.unwrap() == "canary"));
    assert_eq!(text(&stores, OTHER).await.unwrap(), "canary-2");
    assert_eq!(answers.state.count("POST auth/approle/login"), 1);

    let wrong = super::stores(vault, &[("ROLE", "another")], folder.path());
    let error = text(&wrong, APP).await.unwrap_err();
    assert!(error.is(&codes::secrets::DENIED) && error.detail().contains("invalid role or secret ID"), "{error}");
    assert!(!format!("{error:?}").contains("the-secret"));
}

/// Asks anew, with the token that there is once whatever is done with it has ended.
async fn read_again(stores: &SecretStores) {
    stores.stale(&OTHER.parse().unwrap()).await;
    assert_eq!(text(stores, OTHER).await.unwrap(), "canary-2");
}

#[tokio::test]
async fn a_token_is_renewed_by_itself_and_a_refused_one_replaced() {
    let (answers, _) = prepared().await;
    answers.state.state().token_ttl = 600;
    let auth = json!({"method": "approle", "role_id": "env:ROLE", "secret_id": "env:SECRET"});
    let variables = [("ROLE", "the-role"), ("SECRET", "the-secret")];
    let stores = stores(json!({"address": answers.address, "auth": auth}), &variables, Path::new("/nowhere"));
    text(&stores, APP).await.unwrap();
    // By half of its time each; the second time is after the end that it began with.
    for times in 1..=2 {
        pass(Duration::from_secs(301)).await;
        until("the token is renewed", || answers.state.count(RENEWED) == times).await;
        read_again(&stores).await;
    }
    assert_eq!(answers.state.count("POST auth/approle/login"), 1);
    // Revoked, which we are told by a refusal only.
    answers.state.state().revoke_all();
    answers.state.state().token_ttl = 3600;
    stores.stale(&APP.parse().unwrap()).await;
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");
    assert_eq!(answers.state.count("POST auth/approle/login"), 2);
}

#[tokio::test]
async fn a_token_whose_renewal_is_not_answered_once_stays_and_is_renewed_later() {
    let (answers, _) = prepared().await;
    answers.state.state().token_ttl = 600;
    let auth = json!({"method": "approle", "role_id": "env:ROLE", "secret_id": "env:SECRET"});
    let variables = [("ROLE", "the-role"), ("SECRET", "the-secret")];
    let stores = stores(json!({"address": answers.address, "auth": auth}), &variables, Path::new("/nowhere"));
    text(&stores, APP).await.unwrap();
    // All attempts of the first renewal.
    answers.state.state().faults.extend([503; 3]);
    pass(Duration::from_secs(301)).await;
    until("three attempts", || answers.state.state().faults.is_empty()).await;
    read_again(&stores).await;
    assert_eq!(answers.state.count(RENEWED), 3);
    // By half of what is left.
    pass(Duration::from_secs(200)).await;
    until("the token is renewed", || answers.state.count(RENEWED) == 4).await;
    read_again(&stores).await;
    // After the end that it began with.
    pass(Duration::from_secs(200)).await;
    read_again(&stores).await;
    assert_eq!(answers.state.count("POST auth/approle/login"), 1);
}

#[tokio::test]
async fn a_service_account_in_a_namespace() {
    let (answers, _) = prepared().await;
    answers.state.state().namespace = Some("team/reports".to_owned());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwt"), "the.service.account").unwrap();
    let auth = json!({"method": "kubernetes", "role": "sealpost", "token": "file:jwt"});
    let vault = json!({"address": answers.address, "auth": auth, "namespace": "team/reports/"});
    assert_eq!(text(&stores(vault, &[], folder.path()), APP).await.unwrap(), "canary");
    let by_environment = json!({"auth": auth});
    let variables = [("VAULT_ADDR", answers.address.as_str()), ("VAULT_NAMESPACE", "team/reports")];
    assert_eq!(text(&stores(by_environment, &variables, folder.path()), APP).await.unwrap(), "canary");
    let outside = json!({"address": answers.address, "auth": auth});
    assert!(text(&stores(outside, &[], folder.path()), APP).await.is_err());
}

#[tokio::test]
async fn an_aws_role_by_a_signed_question() {
    let (answers, _) = prepared().await;
    let auth = json!({"method": "aws", "role": "sealpost", "server_id": "vault.example"});
    let variables = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "canary-key"),
        ("AWS_SESSION_TOKEN", "session"),
    ];
    let stores = stores(json!({"address": answers.address, "auth": auth}), &variables, Path::new("/nowhere"));
    assert_eq!(text(&stores, APP).await.unwrap(), "canary");
    let login = answers.state.state().logins.pop().unwrap();
    assert_eq!((&login["role"], &login["iam_http_request_method"]), (&json!("sealpost"), &json!("POST")));
    let decode = |name: &str| String::from_utf8(STANDARD.decode(login[name].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(decode("iam_request_url"), "https://sts.eu-central-1.amazonaws.com/");
    assert_eq!(decode("iam_request_body"), "Action=GetCallerIdentity&Version=2011-06-15");
    let headers = decode("iam_request_headers");
    assert!(!headers.contains("canary-key"));
    let headers: Value = serde_json::from_str(&headers).unwrap();
    assert_eq!(headers["x-vault-aws-iam-server-id"], json!(["vault.example"]));
    assert_eq!(headers["host"], json!(["sts.eu-central-1.amazonaws.com"]));
    let authorization = headers["authorization"][0].as_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    // Vault wants its header among the signed ones.
    assert!(authorization.contains(";x-vault-aws-iam-server-id"), "{authorization}");
}

/// The question is one that AWS' own service takes, as moto serves it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signed_question_is_answered() {
    let moto = sealpost_testkit::moto::Moto::start();
    let (answers, _) = prepared().await;
    let auth = json!({"method": "aws", "server_id": "vault.example", "region": "us-east-1"});
    let endpoint = moto.endpoint();
    let variables = [
        ("AWS_ENDPOINT_URL_STS", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let stores = stores(json!({"address": answers.address, "auth": auth}), &variables, Path::new("/nowhere"));
    text(&stores, APP).await.unwrap();
    let login = answers.state.state().logins.pop().unwrap();
    let decode = |name: &str| STANDARD.decode(login[name].as_str().unwrap()).unwrap();
    let headers: BTreeMap<String, Vec<String>> = serde_json::from_slice(&decode("iam_request_headers")).unwrap();
    let mut request = reqwest::Client::new().post(String::from_utf8(decode("iam_request_url")).unwrap());
    for (name, values) in headers {
        request = request.header(name, &values[0]);
    }
    let answer = request.body(decode("iam_request_body")).send().await.unwrap();
    let (status, body) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success() && body.contains("<GetCallerIdentityResult>"), "{status}: {body}");
}
