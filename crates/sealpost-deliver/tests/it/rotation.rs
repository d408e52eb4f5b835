//! Credentials that are changed at the server between deliveries: each attempt finds the new ones by itself.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sealpost_core::connector::{ConnectorSettings, Login, UserSecret};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{SecretStore, Transport as _};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_deliver::Sftp;
use sealpost_testkit::proftpd::{self, Proftpd};
use sealpost_testkit::sshd::{Sshd, public_key, user};
use sealpost_testkit::suite::transport::Parcel;

use crate::sites::{connector, openssh_settings, settings};

/// A store that keeps what it gave until it is told that it is stale, as remote ones do.
#[derive(Default)]
struct Keeping {
    value: Mutex<String>,
    kept: Mutex<Option<String>>,
    reads: AtomicUsize,
    down: AtomicBool,
}

impl Keeping {
    fn set(&self, value: impl Into<String>) {
        *self.value.lock().unwrap() = value.into();
    }
}

#[async_trait]
impl SecretStore for Keeping {
    async fn resolve(&self, _reference: &SecretRef) -> Result<Secret> {
        if let Some(kept) = &*self.kept.lock().unwrap() {
            return Ok(Secret::new(kept.clone().into_bytes()));
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::new(&codes::secrets::SEALED, "sealed"));
        }
        let value = self.value.lock().unwrap().clone();
        *self.kept.lock().unwrap() = Some(value.clone());
        Ok(Secret::new(value.into_bytes()))
    }

    async fn stale(&self, _reference: &SecretRef) {
        *self.kept.lock().unwrap() = None;
    }
}

fn with_user_secret(mut settings: ConnectorSettings) -> ConnectorSettings {
    settings.user.clear();
    settings.login.clear();
    settings.user_secret = Some(UserSecret { secret: "aws-sm:partner".parse().unwrap(), stages: Vec::new() });
    settings
}

fn user_secret(key: &Path) -> String {
    let key = std::fs::read_to_string(key).unwrap();
    serde_json::json!({"Username": user(), "PrivateKey": key}).to_string()
}

/// A file by a transport of its own, as another process would send it.
async fn send(secrets: &Arc<Keeping>, settings: &ConnectorSettings, name: &str) -> Result<()> {
    Parcel::new(settings, name, "x").send(&Sftp::new(secrets.clone())).await.map(drop)
}

/// What a secret's value is with a key.
type ValueOf<'a> = &'a dyn Fn(&Path) -> String;

#[tokio::test]
async fn a_changed_key_is_taken_up_within_the_attempt() {
    let server = Sshd::start();
    let secrets = Arc::new(Keeping::default());
    let plain = ConnectorSettings {
        login: vec![Login::PrivateKey { key: "vault:kv/a#key".parse().unwrap(), passphrase: None, public_key: None }],
        ..openssh_settings(&server)
    };
    let of_key = |key: &Path| std::fs::read_to_string(key).unwrap();
    let by_secret = with_user_secret(openssh_settings(&server));
    let forms = [("plain", &plain, &of_key as ValueOf<'_>), ("secret", &by_secret, &user_secret)];
    for (form, settings, value) in forms {
        secrets.stale(&"vault:x".parse().unwrap()).await;
        secrets.set(value(&server.client_key("ed25519", "256", "RFC4716", "")));
        send(&secrets, settings, &format!("{form}-1.csv")).await.unwrap();
        for number in 2..5 {
            let key = server.unaccepted_key("ed25519", "256", "RFC4716", "");
            server.accept_none();
            server.accept(&public_key(&key));
            secrets.set(value(&key));
            send(&secrets, settings, &format!("{form}-{number}.csv")).await.unwrap();
        }
        let steps = Sftp::new(secrets.clone()).probe(&connector(settings.clone())).await;
        assert!(steps.iter().all(|step| step.failure.is_none()), "{steps:?}");
    }
    assert_eq!(std::fs::read_dir(server.inbox()).unwrap().count(), 8);
}

#[tokio::test]
async fn a_changed_password_is_taken_up_within_the_attempt() {
    let server = Proftpd::start();
    let secrets = Arc::new(Keeping::default());
    secrets.set("an-old-one");
    secrets.resolve(&"aws-sm:x".parse().unwrap()).await.unwrap();
    secrets.set(proftpd::PASSWORD);
    let login = vec![Login::Password { password: "aws-sm:partner#Password".parse().unwrap() }];
    let settings = settings(server.port(), proftpd::USER, login, vec![server.host_key("ed25519")]);
    send(&secrets, &settings, "a.csv").await.unwrap();
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_login_that_stays_refused_is_tried_once_and_said_to_be_so() {
    let server = Sshd::start();
    let secrets = Arc::new(Keeping::default());
    secrets.set(user_secret(&server.unaccepted_key("ed25519", "256", "RFC4716", "")));
    let settings = with_user_secret(openssh_settings(&server));
    let error = send(&secrets, &settings, "a.csv").await.unwrap_err();
    assert!(error.is(&codes::deliver::AUTHENTICATION), "{error}");
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 2, "asked again, and found to be the same");
    let refusals = server.log().matches("Connection closed by authenticating user").count();
    assert!(refusals <= 1, "the same key is not shown twice: {}", server.log());

    // Nobody knows whether it was changed: the file is tried again later.
    secrets.down.store(true, Ordering::SeqCst);
    let error = send(&secrets, &settings, "a.csv").await.unwrap_err();
    assert!(error.is(&codes::secrets::SEALED) && error.is_retried(), "{error}");
}
