//! Our signing key is changed while reports are made: key first, then passphrase, as people do it. No report fails.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::StatusCode;
use sealpost_core::error::{Error, Failure, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::{JobEvent, JobStatus};
use sealpost_core::partner::SigningKeyRef;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::task::Work;
use sealpost_seal::{KeyKind, KeyRequest};
use serde_json::json;

use crate::outage::four_fail;
use crate::rig::{Rig, Wish, id};

/// A store that keeps what it gave until it is told that it is stale, as remote ones do.
#[derive(Default)]
struct Keeping {
    is_away: AtomicBool,
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
        if self.is_away.load(Ordering::Relaxed) {
            return Err(Error::new(&codes::secrets::UNREACHABLE, "on purpose"));
        }
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

/// It has no attempt left, but it is not to blame.
#[tokio::test]
async fn a_report_waits_for_a_secret_store_that_is_away() {
    let secrets = Arc::new(Keeping::default());
    secrets.set("key", &key("first"));
    secrets.set("passphrase", "first");
    let reference = |name: &str| format!("vault:{name}").parse().unwrap();
    let signing = SigningKeyRef { key: reference("key"), passphrase: Some(reference("passphrase")) };
    let rig = Rig::idle_with(Wish { signing: Some((signing, secrets.clone())), ..Wish::default() }).await;
    let (status, answer) = rig.change_acme(json!({"seal": {"sign": true}})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let report = rig.contracts(&rig.acme).await;
    let job: JobId = id(&report).parse().unwrap();
    four_fail(&rig, &job).await;
    let ledger = &rig.pipeline.parts().ledger;
    secrets.is_away.store(true, Ordering::Relaxed);
    rig.work();
    let begun = Instant::now();
    let waiting = loop {
        let waiting = ledger.job_of_any_partner(&job).await.unwrap().unwrap();
        if waiting.attempts == 5 && waiting.status != JobStatus::Running {
            break waiting;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{waiting:#?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    };
    assert_eq!(waiting.status, JobStatus::Queued, "{waiting:#?}");
    assert_eq!(waiting.failure.unwrap().code, codes::secrets::UNREACHABLE.id);
    secrets.is_away.store(false, Ordering::Relaxed);
    // It would be tried again in some minutes.
    while !rig.pipeline.parts().queue.hurry(&Work::Produce(job.clone())).await.unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(60), "its task is gone");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(rig.done(&rig.acme, id(&report)).await["status"], "succeeded");
}

/// A store that refuses us, which is not waited for.
struct Refusing;

#[async_trait]
impl SecretStore for Refusing {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        Err(Error::new(&codes::secrets::DENIED, "on purpose"))
    }
}

/// The first ordinary failure afterwards is not taken for the last one.
#[tokio::test]
async fn waiting_for_a_secret_store_uses_up_no_attempt() {
    let signing = SigningKeyRef { key: "vault:key".parse().unwrap(), passphrase: None };
    let rig = Rig::idle_with(Wish { signing: Some((signing, Arc::new(Refusing))), ..Wish::default() }).await;
    let (status, answer) = rig.change_acme(json!({"seal": {"sign": true}})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let report = rig.contracts(&rig.acme).await;
    let job: JobId = id(&report).parse().unwrap();
    let (ledger, now) = (&rig.pipeline.parts().ledger, Timestamp::now());
    for attempt in 1..6 {
        let code = if attempt == 1 { &codes::source::BROKEN } else { &codes::secrets::UNREACHABLE };
        let failure = Failure::from(&Error::new(code, "on purpose"));
        for event in [
            JobEvent::Started { attempt, worker: "another".to_owned() },
            JobEvent::AttemptFailed { failure, retry_at: now },
        ] {
            ledger.apply(&job, &event, None, now).await.unwrap();
        }
    }
    rig.work();
    let begun = Instant::now();
    let failed = loop {
        let failed = ledger.job_of_any_partner(&job).await.unwrap().unwrap();
        if failed.attempts == 6 && failed.status != JobStatus::Running {
            break failed;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{failed:#?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    };
    assert_eq!((failed.status, failed.used_attempts()), (JobStatus::Queued, 2), "{failed:#?}");
    assert_eq!(failed.failure.unwrap().code, codes::secrets::DENIED.id);
}
