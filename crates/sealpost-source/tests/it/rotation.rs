//! Passwords that are changed at the server while queries run: no query fails.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sealpost_core::error::codes::{secrets as secret_codes, source as codes};
use sealpost_core::{Error, Result};

use super::*;

/// A store that keeps what it gave until it is told that it is stale, as remote ones do.
#[derive(Default)]
struct Keeping {
    stages: Mutex<BTreeMap<String, String>>,
    kept: Mutex<BTreeMap<String, String>>,
    reads: AtomicUsize,
    down: AtomicBool,
}

impl Keeping {
    fn set(&self, stage: &str, value: &str) {
        self.stages.lock().unwrap().insert(stage.to_owned(), value.to_owned());
    }
}

#[async_trait]
impl SecretStore for Keeping {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        self.resolve_stage(reference, "AWSCURRENT").await
    }

    async fn resolve_stage(&self, _reference: &SecretRef, stage: &str) -> Result<Secret> {
        let kept = self.kept.lock().unwrap().get(stage).cloned();
        if let Some(kept) = kept {
            return Ok(Secret::new(kept.into_bytes()));
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::new(&secret_codes::SEALED, "sealed"));
        }
        let found = self.stages.lock().unwrap().get(stage).cloned();
        let found = found.ok_or_else(|| Error::new(&secret_codes::MISSING, "no such stage"))?;
        self.kept.lock().unwrap().insert(stage.to_owned(), found.clone());
        Ok(Secret::new(found.into_bytes()))
    }

    async fn stale(&self, _reference: &SecretRef) {
        self.kept.lock().unwrap().clear();
    }
}

/// An account of its own, whose password a test may change.
fn account(server: &MariaDb, name: &str, password: &str) {
    server.run(
        "mysql",
        &format!("CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'; GRANT SELECT ON *.* TO '{name}'@'%'"),
    );
}

fn change(server: &MariaDb, name: &str, password: &str) {
    server.run("mysql", &format!("ALTER USER '{name}'@'%' IDENTIFIED BY '{password}'"));
}

fn source(server: &MariaDb, given: Json, secrets: &Arc<Keeping>) -> Arc<dyn Source> {
    let mut settings = settings(server, "mysql");
    let members = settings.as_object_mut().unwrap();
    members.remove("user");
    members.remove("password");
    members.extend(given.as_object().unwrap().clone());
    (sealpost_source::find("mysql").unwrap().build)(members.clone(), secrets.clone()).unwrap()
}

#[tokio::test]
async fn a_password_is_changed_while_queries_run_and_none_fails() {
    let server = MariaDb::start();
    account(&server, "rotating", "first");
    let secrets = Arc::new(Keeping::default());
    secrets.set("AWSCURRENT", "first");
    let source = source(&server, json!({"user": "rotating", "password": "aws-sm:db"}), &secrets);
    source.check().await.unwrap();

    let over = Arc::new(AtomicBool::new(false));
    let done: Arc<[AtomicUsize; 4]> = Arc::default();
    let working = (0..4).map(|number| {
        let (source, over, done) = (source.clone(), over.clone(), done.clone());
        tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                source.check().await?;
                done[number].fetch_add(1, Ordering::SeqCst);
            }
            Ok::<_, Error>(())
        })
    });
    let working: Vec<_> = working.collect();
    for password in ["second", "third", "fourth"] {
        // Whoever logs in has seen one change at most: rotations lie days apart.
        let before = done.each_ref().map(|count| count.load(Ordering::SeqCst));
        while working
            .iter()
            .zip(done.iter())
            .zip(before)
            .any(|((worker, count), before)| !worker.is_finished() && count.load(Ordering::SeqCst) < before + 2)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // As a rotation does: to the server first, pending meanwhile, then current.
        secrets.set("AWSPENDING", password);
        change(&server, "rotating", password);
        source.check().await.unwrap();
        secrets.set("AWSCURRENT", password);
        source.check().await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    for worker in working {
        worker.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn user_and_password_of_one_secret_change_together() {
    let server = MariaDb::start();
    account(&server, "v-report-1", "one");
    let secrets = Arc::new(Keeping::default());
    let lease = |user: &str, password: &str| json!({"username": user, "password": password, "host": "x"}).to_string();
    secrets.set("AWSCURRENT", &lease("v-report-1", "one"));
    let source = source(&server, json!({"credentials": "vault:database/creds/report"}), &secrets);
    source.check().await.unwrap();
    // The lease ran out: its user is gone.
    server.run("mysql", "DROP USER 'v-report-1'@'%'");
    account(&server, "v-report-2", "two");
    secrets.set("AWSCURRENT", &lease("v-report-2", "two"));
    source.check().await.unwrap();

    secrets.set("AWSCURRENT", "hunter2-canary");
    secrets.stale(&"aws-sm:x".parse().unwrap()).await;
    let error = source.check().await.unwrap_err();
    assert!(error.is(&codes::LOGIN) && error.detail().contains("username"), "{error}");
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_refusal_is_final_only_where_the_store_confirms_the_password() {
    let server = MariaDb::start();
    account(&server, "wrong", "right");
    let secrets = Arc::new(Keeping::default());
    secrets.set("AWSCURRENT", "never-right");
    let source = source(&server, json!({"user": "wrong", "password": "aws-sm:db"}), &secrets);
    let error = source.check().await.unwrap_err();
    assert!(error.is(&codes::LOGIN) && !error.is_retried(), "{error}");
    assert_eq!(secrets.reads.load(Ordering::SeqCst), 3, "current, again, pending");
    // Nobody knows whether it was changed: the job is tried again later.
    secrets.down.store(true, Ordering::SeqCst);
    let error = source.check().await.unwrap_err();
    assert!(error.is(&secret_codes::SEALED) && error.is_retried(), "{error}");
}

#[test]
fn one_way_to_name_the_account() {
    let build = |given: Json| {
        let mut settings = json!({"database": "d"});
        settings.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        (sealpost_source::find("mysql").unwrap().build)(settings.as_object().unwrap().clone(), Arc::new(Passwords))
            .err()
    };
    assert!(build(json!({"user": "u"})).is_none() && build(json!({"credentials": "aws-sm:db"})).is_none());
    for wrong in [
        json!({}),
        json!({"user": "u", "credentials": "aws-sm:db"}),
        json!({"password": "env:X", "credentials": "aws-sm:db"}),
    ] {
        assert!(build(wrong).unwrap().detail().contains("`credentials`"));
    }
}
