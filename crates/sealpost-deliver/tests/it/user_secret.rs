//! Login by a secret of AWS Transfer Family's form, with versions tried until one authenticates.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::connector::{ConnectorSettings, UserSecret};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{CheckStep, SecretStore, Transport as _};
use sealpost_core::secret::{CURRENT, Secret, SecretRef};
use sealpost_deliver::Sftp;
use sealpost_testkit::proftpd::{self, Proftpd};
use sealpost_testkit::sshd::{Sshd, user};
use sealpost_testkit::suite::transport::Parcel;

use crate::sites::{assert_nobody_came, connector, openssh_settings, settings, watched};

/// One secret with versions.
struct Versions(BTreeMap<String, String>);

#[async_trait]
impl SecretStore for Versions {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        self.resolve_stage(reference, CURRENT).await
    }

    async fn resolve_stage(&self, _reference: &SecretRef, stage: &str) -> Result<Secret> {
        let found = self.0.get(stage).map(|text| Secret::new(text.as_bytes().to_vec()));
        found.ok_or_else(|| Error::new(&codes::secrets::MISSING, format!("no stage `{stage}`")))
    }
}

fn transport(versions: &[(&str, String)]) -> Sftp {
    Sftp::new(Arc::new(Versions(versions.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect())))
}

fn secret(user: &str, key: Option<&Path>, password: Option<&str>) -> String {
    let mut members = serde_json::json!({"Username": user});
    if let Some(key) = key {
        members["PrivateKey"] = std::fs::read_to_string(key).unwrap().into();
    }
    if let Some(password) = password {
        members["Password"] = password.into();
    }
    members.to_string()
}

fn with_secret(mut settings: ConnectorSettings, stages: &[&str]) -> ConnectorSettings {
    settings.user.clear();
    settings.login.clear();
    let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
    settings.user_secret = Some(UserSecret { secret: "aws-sm:partner".parse().unwrap(), stages });
    settings
}

fn login(steps: &[CheckStep]) -> &CheckStep {
    steps.iter().find(|step| step.step == "login").unwrap_or_else(|| panic!("no login: {steps:?}"))
}

const BOTH: [&str; 2] = [CURRENT, "AWSPREVIOUS"];

#[tokio::test]
async fn keys_of_all_types_log_in_and_the_user_of_the_secret_counts() {
    let server = Sshd::start();
    let settings = with_secret(openssh_settings(&server), &[]);
    for (kind, bits, format) in [("ed25519", "256", "RFC4716"), ("ecdsa", "256", "PEM"), ("rsa", "2048", "PKCS8")] {
        let key = server.client_key(kind, bits, format, "");
        let sftp = transport(&[(CURRENT, secret(&user(), Some(&key), None))]);
        let mut parcel = Parcel::new(&settings, &format!("{kind}.csv"), "x");
        parcel.send(&sftp).await.unwrap();
        // What was intended is told apart by the account, user included.
        let intent = parcel.journal.intent.lock().unwrap().clone().unwrap();
        assert_eq!(intent.account, format!("{}@127.0.0.1:{}", user(), server.port()));
        let steps = sftp.probe(&connector(settings.clone())).await;
        assert!(login(&steps).detail.contains(&format!("user `{}` with publickey", user())), "{steps:?}");
    }
    let locked = server.client_key("ed25519", "256", "RFC4716", "a passphrase");
    let sftp = transport(&[(CURRENT, secret(&user(), Some(&locked), None))]);
    let error = Parcel::new(&settings, "locked.csv", "x").send(&sftp).await.unwrap_err();
    assert!(error.is(&codes::deliver::CREDENTIAL) && error.detail().contains("passphrase"), "{error}");
}

#[tokio::test]
async fn the_first_version_that_authenticates_is_used() {
    let server = Sshd::start();
    let settings = with_secret(openssh_settings(&server), &BOTH);
    let (right, wrong) =
        (server.client_key("ed25519", "256", "RFC4716", ""), server.unaccepted_key("rsa", "2048", "PEM", ""));
    let (right, wrong) = (secret(&user(), Some(&right), None), secret(&user(), Some(&wrong), None));

    let sftp = transport(&[(CURRENT, wrong.clone()), ("AWSPREVIOUS", right.clone())]);
    let steps = sftp.check(&connector(settings.clone())).await;
    assert!(login(&steps).detail.ends_with("(`AWSPREVIOUS`)"), "{steps:?}");
    Parcel::new(&settings, "a.csv", "x").send(&sftp).await.unwrap();

    // A version that does not exist is no obstacle, whichever it is.
    for stage in BOTH {
        Parcel::new(&settings, &format!("{stage}.csv"), "x").send(&transport(&[(stage, right.clone())])).await.unwrap();
    }
    let error = Parcel::new(&settings, "b.csv", "x").send(&transport(&[])).await.unwrap_err();
    assert!(error.is(&codes::secrets::MISSING), "{error}");

    let sftp = transport(&[(CURRENT, wrong.clone()), ("AWSPREVIOUS", wrong)]);
    let error = Parcel::new(&settings, "b.csv", "x").send(&sftp).await.unwrap_err();
    assert!(error.is(&codes::deliver::AUTHENTICATION), "{error}");
    assert!(BOTH.iter().all(|stage| error.detail().contains(&format!("(`{stage}`)"))), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_up_after_one_key_is_asked_again() {
    let server = Sshd::with("MaxAuthTries 1");
    let settings = with_secret(openssh_settings(&server), &BOTH);
    let right = server.client_key("ed25519", "256", "RFC4716", "");
    let wrong = server.unaccepted_key("ed25519", "256", "RFC4716", "");
    let sftp = transport(&[
        (CURRENT, secret(&user(), Some(&wrong), None)),
        ("AWSPREVIOUS", secret(&user(), Some(&right), None)),
    ]);
    Parcel::new(&settings, "a.csv", "x").send(&sftp).await.unwrap();
}

#[tokio::test]
async fn every_version_has_the_same_user() {
    // It makes the keys only.
    let keys = Sshd::start();
    let mut settings = with_secret(openssh_settings(&keys), &BOTH);
    let listener = watched(&mut settings);
    let key = keys.client_key("ed25519", "256", "RFC4716", "");
    let sftp = transport(&[
        (CURRENT, secret(&user(), Some(&key), None)),
        ("AWSPREVIOUS", secret("somebody-else", Some(&key), None)),
    ]);
    let error = Parcel::new(&settings, "a.csv", "x").send(&sftp).await.unwrap_err();
    assert!(error.is(&codes::deliver::CREDENTIAL) && error.detail().contains("`Username`"), "{error}");
    assert!(!error.detail().contains("somebody-else") && !error.detail().contains("aws-sm:"), "{error}");
    assert_nobody_came(&listener);
}

#[tokio::test]
async fn key_and_password_satisfy_a_server_that_wants_both() {
    let server = Proftpd::with("SFTPAuthMethods publickey+password");
    let key = server.client_key();
    let settings = with_secret(settings(server.port(), "", Vec::new(), vec![server.host_key("ed25519")]), &[]);
    let with = |key: Option<&Path>, password| transport(&[(CURRENT, secret(proftpd::USER, key, password))]);
    let both = with(Some(&key), Some(proftpd::PASSWORD)).probe(&connector(settings.clone())).await;
    assert!(login(&both).failure.is_none(), "{both:?}\n{}", server.log());
    for lacking in [with(Some(&key), None), with(None, Some(proftpd::PASSWORD))] {
        let steps = lacking.probe(&connector(settings.clone())).await;
        let failure = login(&steps).failure.clone().unwrap();
        assert_eq!(failure.code, codes::deliver::AUTHENTICATION.id);
    }
}

#[tokio::test]
async fn passwords_go_the_way_that_the_server_takes_them() {
    let server = Proftpd::start();
    let by_password = settings(server.port(), "", Vec::new(), vec![server.host_key("ed25519")]);
    let (port, host_key) = crate::login::asking().await;
    let by_prompt = settings(port, "", Vec::new(), vec![host_key]);
    for (settings, user, password, how) in [
        (by_password, proftpd::USER, proftpd::PASSWORD, "with password"),
        (by_prompt, "partner", "open sesame", "with keyboard-interactive"),
    ] {
        let sftp = transport(&[(CURRENT, secret(user, None, Some(password)))]);
        let steps = sftp.probe(&connector(with_secret(settings, &[]))).await;
        let step = login(&steps);
        assert!(step.failure.is_none() && step.detail.contains(how), "{how}: {steps:?}");
    }
}
