//! AWS Secrets Manager, as moto serves it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use sealpost_core::error::{Code, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::{Error, Result};
use sealpost_secrets::{SecretStores, SecretsSettings, Surroundings};
use sealpost_testkit::aws_proxy::{AwsFault, AwsProxy};
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::vault::{
    Subject, a_name_of_what_was_removed_is_free_again, names_lead_nowhere_else,
    what_is_kept_is_resolved_replaced_and_removed, what_is_not_its_own_is_left_alone,
};
use serde_json::{Value, json};

const VALUE: &str = "hunter2-canary";

/// What the service says of the name of a secret that was removed and could still be restored. moto takes it for a free one.
const SCHEDULED: AwsFault = AwsFault {
    action: "secretsmanager:CreateSecret",
    every: 1,
    status: 400,
    body: r#"{"__type":"InvalidRequestException","Message":"a secret with this name is already scheduled for deletion"}"#,
    after: false,
};

fn stores(moto: &Moto, more: &[(&str, &str)]) -> SecretStores {
    SecretStores::with(&surroundings(moto, more, SecretsSettings::default()))
}

fn surroundings(moto: &Moto, more: &[(&str, &str)], settings: SecretsSettings) -> Surroundings {
    let endpoint = moto.endpoint();
    let mut variables = vec![
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.as_str()),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    variables.extend(more);
    let environment: BTreeMap<String, OsString> =
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Surroundings { base_folder: "/nowhere".into(), environment: Arc::new(environment), settings }
}

fn ask(moto: &Moto, operation: &str, body: &Value) -> Value {
    moto.call("secretsmanager", &format!("secretsmanager.{operation}"), body)
}

async fn text(stores: &SecretStores, reference: &str, stage: &str) -> Result<String> {
    let reference: SecretRef = reference.parse()?;
    let outcome = stores.resolve_stage(&reference, stage).await;
    assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
    outcome.map(|secret| secret.expose_text().unwrap().to_owned())
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: Result<T>, code: &Code, words: &str) {
    let error: Error = outcome.unwrap_err();
    assert!(error.is(code) && error.detail().contains(words), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_by_name_arn_and_member() {
    let moto = Moto::start();
    let made = ask(
        &moto,
        "CreateSecret",
        &json!({"Name": "sealpost/acme", "SecretString": json!({"Username": "acme", "Password": VALUE}).to_string()}),
    );
    // The ARN's region counts, not the environment's.
    let stores = stores(&moto, &[("AWS_REGION", "us-west-2")]);
    let arn = made["ARN"].as_str().unwrap();
    assert_eq!(text(&stores, &format!("aws-sm:{arn}#Password"), "AWSCURRENT").await.unwrap(), VALUE);
    assert_refused(
        text(&stores, "aws-sm:sealpost/acme", "AWSCURRENT").await,
        &codes::secrets::MISSING,
        "sealpost/acme",
    );

    let stores = self::stores(&moto, &[]);
    let whole = stores.resolve(&"aws-sm:sealpost/acme".parse().unwrap()).await.unwrap();
    let whole: Value = serde_json::from_slice(whole.expose()).unwrap();
    assert_eq!(whole["Username"], "acme");
    assert_eq!(text(&stores, "aws-sm:sealpost/acme#Username", "AWSCURRENT").await.unwrap(), "acme");
    for (reference, code) in [
        ("aws-sm:sealpost/acme#Other", &codes::secrets::MISSING),
        ("aws-sm:sealpost/other", &codes::secrets::MISSING),
        ("aws-sm:two words", &codes::secrets::REFERENCE),
    ] {
        assert_refused(text(&stores, reference, "AWSCURRENT").await, code, reference);
    }

    let bytes = json!({"Name": "binary", "SecretBinary": "AP9rZXkK"});
    ask(&moto, "CreateSecret", &bytes);
    let secret: Secret = stores.resolve(&"aws-sm:binary".parse().unwrap()).await.unwrap();
    assert_eq!(secret.expose(), b"\x00\xffkey\n");
    assert_refused(text(&stores, "aws-sm:binary#a", "AWSCURRENT").await, &codes::secrets::REFERENCE, "aws-sm:binary");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_follow_a_rotation_once_a_value_is_stale() {
    let moto = Moto::start();
    let first = ask(&moto, "CreateSecret", &json!({"Name": "key", "SecretString": "first"}));
    let stores = stores(&moto, &[]);
    let reference: SecretRef = "aws-sm:key".parse().unwrap();
    assert_eq!(text(&stores, "aws-sm:key", "AWSCURRENT").await.unwrap(), "first");
    assert_refused(text(&stores, "aws-sm:key", "AWSPREVIOUS").await, &codes::secrets::MISSING, "aws-sm:key");

    ask(&moto, "PutSecretValue", &json!({"SecretId": "key", "SecretString": "second"}));
    // Kept for a minute: this is no proof that it is kept for as long, but that it is not asked for each time.
    assert_eq!(text(&stores, "aws-sm:key", "AWSCURRENT").await.unwrap(), "first");
    stores.stale(&reference).await;
    assert_eq!(text(&stores, "aws-sm:key", "AWSCURRENT").await.unwrap(), "second");
    assert_eq!(text(&stores, "aws-sm:key", "AWSPREVIOUS").await.unwrap(), "first");

    let label = json!({"SecretId": "key", "VersionStage": "MINE", "MoveToVersionId": first["VersionId"]});
    ask(&moto, "UpdateSecretVersionStage", &label);
    assert_eq!(text(&stores, "aws-sm:key", "MINE").await.unwrap(), "first");
    assert_refused(text(&stores, "aws-sm:key", "OTHER").await, &codes::secrets::MISSING, "aws-sm:key");

    ask(&moto, "DeleteSecret", &json!({"SecretId": "key"}));
    stores.stale(&reference).await;
    assert_refused(text(&stores, "aws-sm:key", "AWSCURRENT").await, &codes::secrets::MISSING, "aws-sm:key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_and_absent_services_are_told_apart() {
    let moto = Moto::enforcing_after(4);
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
    }]});
    ask(&moto, "CreateSecret", &json!({"Name": "a", "SecretString": VALUE}));
    let (id, secret) = moto.user_with("reader", &policy);
    let keys = [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
    assert_eq!(text(&stores(&moto, &keys), "aws-sm:a", "AWSCURRENT").await.unwrap(), VALUE);

    let denied = text(&stores(&moto, &[]), "aws-sm:a", "AWSCURRENT").await;
    assert_refused(denied, &codes::secrets::DENIED, "aws-sm:a");
    let nobody = format!("http://127.0.0.1:{}", sealpost_testkit::server::free_port());
    for (variable, value, code) in [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", nobody.as_str(), &codes::secrets::UNREACHABLE),
        ("AWS_SECRET_ACCESS_KEY", "", &codes::secrets::UNREACHABLE),
        ("AWS_REGION", "", &codes::secrets::SETTINGS),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "nonsense", &codes::secrets::SETTINGS),
    ] {
        let outcome = text(&stores(&moto, &[(variable, value)]), "aws-sm:a", "AWSCURRENT").await;
        assert_refused(outcome, code, "aws-sm:a");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_what_every_vault_does() {
    let moto = Moto::start();
    let proxy = AwsProxy::before(moto.address());
    let endpoint = proxy.endpoint();
    let more = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.as_str())];
    let surroundings = surroundings(&moto, &more, SecretsSettings::default());
    let place = "aws-sm:sealpost/partners";
    let vault = sealpost_secrets::vault(&place.parse().unwrap(), &surroundings).unwrap();
    let stores = || -> Arc<dyn SecretStore> { Arc::new(SecretStores::with(&surroundings)) };
    let subject = Subject { vault: &*vault, stores: &stores, place };
    what_is_kept_is_resolved_replaced_and_removed(&subject).await;
    what_is_not_its_own_is_left_alone(&subject).await;
    names_lead_nowhere_else(&subject).await;
    proxy.fault(&[AwsFault { every: 2, ..SCHEDULED }]);
    a_name_of_what_was_removed_is_free_again(&subject).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_keeps_replaces_and_removes_what_partners_hand_in() {
    let moto = Moto::start();
    let settings = json!({"aws_sm": {"kms_key_id": "alias/sealpost", "tags": {"app": "sealpost"}}});
    let proxy = AwsProxy::before(moto.address());
    let endpoint = proxy.endpoint();
    let more = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.as_str())];
    let surroundings = surroundings(&moto, &more, serde_json::from_value(settings).unwrap());
    let vault = sealpost_secrets::vault(&"aws-sm:sealpost/partners".parse().unwrap(), &surroundings).unwrap();
    let stores = SecretStores::with(&surroundings);
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());

    let reference = vault.keep("acme/main/1", &secret(VALUE)).await.unwrap();
    assert_eq!(reference.to_string(), "aws-sm:sealpost/partners/acme/main/1");
    assert_eq!(text(&stores, &reference.to_string(), "AWSCURRENT").await.unwrap(), VALUE);
    let described = ask(&moto, "DescribeSecret", &json!({"SecretId": reference.rest()}));
    assert_eq!(
        (&described["KmsKeyId"], &described["Tags"][0]["Value"]),
        (&json!("alias/sealpost"), &json!("sealpost"))
    );

    assert_eq!(vault.keep("acme/main/1", &secret("another-canary")).await.unwrap(), reference);
    stores.stale(&reference).await;
    assert_eq!(text(&stores, &reference.to_string(), "AWSCURRENT").await.unwrap(), "another-canary");
    let binary = vault.keep("acme/main/2", &Secret::new(vec![0, 255, 1])).await.unwrap();
    assert_eq!(stores.resolve(&binary).await.unwrap().expose(), [0, 255, 1]);

    for foreign in ["aws-sm:sealpost/other", "aws-sm:sealpost/partners-2/a", "file:x", "aws-sm:sealpost/partners/A"] {
        vault.forget(&foreign.parse().unwrap()).await.unwrap();
    }
    for _ in 0..2 {
        vault.forget(&reference).await.unwrap();
        stores.stale(&reference).await;
        let gone = text(&stores, &reference.to_string(), "AWSCURRENT").await;
        assert_refused(gone, &codes::secrets::MISSING, "acme/main/1");
    }
    // A removed one can be handed in again while it could still be restored.
    proxy.fault(&[SCHEDULED]);
    vault.keep("acme/main/1", &secret("back-canary")).await.unwrap();
    stores.stale(&reference).await;
    assert_eq!(text(&stores, &reference.to_string(), "AWSCURRENT").await.unwrap(), "back-canary");
    assert!(vault.keep("../x", &secret("x")).await.unwrap_err().is(&codes::secrets::REFERENCE));
}
