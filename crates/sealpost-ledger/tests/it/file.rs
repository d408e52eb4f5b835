//! The file itself: whose it is, what is refused, what it says when it is damaged, how it is backed up.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command};
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_ledger::SqliteLedger;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_key, sample_partner};
use sealpost_testkit::suite::ledger::{admission, refused};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use crate::crash::{acknowledged, child};

const GUIDE: &str = include_str!("../../../../docs/operators.md");

/// Runs statements on the file as a stranger with the `sqlite3` shell would.
async fn meddle(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What a pragma says, line by line.
pub(crate) async fn pragma(path: &Path, sql: &'static str) -> String {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

async fn open_error(path: &Path) -> sealpost_core::Error {
    SqliteLedger::open(path).await.err().expect("to be refused")
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    SqliteLedger::open(&path).await.unwrap().close().await;
    meddle(&path, "PRAGMA user_version = 99").await;
    let error = open_error(&path).await;
    assert!(error.is(&codes::ledger::CORRUPT) && error.detail().contains("newer version"), "{error}");
    assert!(error.detail().contains("ledger.db"), "{error}");
}

#[tokio::test]
async fn the_file_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    meddle(&path, "CREATE TABLE orders (id INTEGER)").await;
    let before = std::fs::read(&path).unwrap();
    let error = open_error(&path).await;
    assert!(error.is(&codes::ledger::CORRUPT) && error.detail().contains("another program"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be looked at".repeat(100)).unwrap();
    let error = open_error(&text).await;
    assert!(error.is(&codes::ledger::CORRUPT), "{error}");
    let error = open_error(folder.path()).await;
    assert!(error.is(&codes::ledger::UNREACHABLE), "{error}");
}

#[tokio::test]
async fn only_the_owner_can_read_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ports = crate::opened(&folder.path().join("ledger.db")).await;
    ports.admit(admission("acme")).await;
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is {mode:o}", entry.file_name());
        seen += 1;
    }
    assert!(seen >= 2, "the file and its write-ahead log");
}

#[tokio::test]
async fn reopening_finds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let first = SqliteLedger::open(&path).await.unwrap();
    let job = match sealpost_core::port::Ledger::admit(&first, admission("acme")).await.unwrap() {
        sealpost_core::port::Admitted::New(job) => job,
        other => panic!("{other:?}"),
    };
    first.close().await;
    assert!(!folder.path().join("ledger.db-wal").exists(), "closing leaves one file");
    let ports = crate::opened(&path).await;
    assert_eq!(ports.job(&job).await, job);
}

#[tokio::test]
async fn a_damaged_record_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ports = crate::opened(&path).await;
    let job = ports.admit(admission("acme")).await;
    ports.records.put_partner(&sample_partner("acme")).await.unwrap();
    meddle(&path, "UPDATE jobs SET record = '{\"canary\"'; UPDATE partners SET record = '{\"canary\":1}'").await;

    let error = ports.ledger.job_of_any_partner(&job.id).await.unwrap_err();
    assert!(error.is(&codes::ledger::CORRUPT) && error.detail().contains(job.id.as_str()), "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    let error = ports.records.partner(&"acme".parse().unwrap()).await.unwrap_err();
    assert!(error.is(&codes::ledger::CORRUPT), "{error}");
}

#[tokio::test]
async fn what_belongs_to_nobody_is_refused() {
    let ports = crate::sqlite().await;
    let (connector, now) = (sample_connector("ghost", "main"), jiff::Timestamp::now());
    refused(ports.records.put_connector(&connector).await, &codes::request::NOT_FOUND);
    let key = sample_key("ghost", "aaaaaaaaaaaa", now);
    refused(ports.records.put_api_key(&key).await, &codes::request::NOT_FOUND);
}

/// What the guide has operators type about backups, block by block.
fn guide() -> Vec<&'static str> {
    let (_, rest) = GUIDE.split_once("\n## Backup\n").expect("the section");
    let (section, _) = rest.split_once("\n## ").expect("the section after it");
    section.split("```text\n").skip(1).filter_map(|block| block.split("```").next()).collect()
}

/// Backs the ledger up by the SQL that the guide gives the `sqlite3` shell, to this file.
async fn back_up(ledger: &Path, copy: &Path) {
    let sql = guide()[0].split('"').nth(1).expect("SQL in quotes");
    let sql = sql.replace("ledger-backup.sqlite", copy.to_str().unwrap());
    let mut connection = SqliteConnectOptions::new().filename(ledger).connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Another process, which admits one report after the other until it is killed.
struct Busy {
    process: Child,
    output: BufReader<ChildStdout>,
    text: String,
}

impl Busy {
    fn on(ledger: &Path) -> Self {
        let mut process = child("crash::child_that_admits", ledger);
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output, text: String::new() }
    }

    /// So many more reports that it has admitted.
    fn admits(&mut self, more: usize) -> Vec<JobId> {
        let known = acknowledged::<JobId>(&self.text, "admitted ").len();
        loop {
            let jobs = acknowledged::<JobId>(&self.text, "admitted ");
            if jobs.len() >= known + more {
                break jobs[known..].to_vec();
            }
            assert!(self.output.read_line(&mut self.text).unwrap() > 0, "it ended by itself: {}", self.text);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn the_backup_of_the_guide_ends_while_work_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, copy) = (folder.path().join("ledger.sqlite"), folder.path().join("copy.sqlite"));
    let mut busy = Busy::on(&ledger);
    let before = busy.admits(20);
    // A guard against one that begins anew with each write.
    let backed_up = tokio::time::timeout(Duration::from_secs(30), back_up(&ledger, &copy));
    backed_up.await.expect("the backup to end");
    busy.admits(1);
    assert_eq!(pragma(&copy, "PRAGMA integrity_check").await, "ok");
    let ports = crate::opened(&copy).await;
    for job in &before {
        assert!(ports.ledger.job_of_any_partner(job).await.unwrap().is_some(), "{job} is not in the backup");
    }
}

/// What a killed process leaves beside the file is not taken for the backup's own.
#[tokio::test]
async fn the_guide_restores_a_backup_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("data/ledger.sqlite");
    let copy = folder.path().join("ledger-backup.sqlite");
    let mut busy = Busy::on(&ledger);
    let before = busy.admits(20);
    back_up(&ledger, &copy).await;
    let kept = pragma(&copy, "SELECT CAST(COUNT(*) AS TEXT) FROM jobs").await.parse().unwrap();
    let after = busy.admits(kept).pop().unwrap();
    drop(busy);
    assert!(folder.path().join("data/ledger.sqlite-wal").metadata().unwrap().len() > 0, "nothing was left behind");

    let guide = guide();
    let restore = guide.iter().find(|block| block.contains("install ")).expect("how to restore it");
    let restored = Command::new("sh").args(["-e", "-c", restore]).current_dir(folder.path()).status().unwrap();
    assert!(restored.success());
    let ports = crate::opened(&ledger).await;
    for job in &before {
        assert!(ports.ledger.job_of_any_partner(job).await.unwrap().is_some(), "{job} is not in the backup");
    }
    assert_eq!(ports.ledger.job_of_any_partner(&after).await.unwrap(), None, "that came after the backup");
    ports.admit(admission("acme")).await;
    assert_eq!(pragma(&ledger, "PRAGMA integrity_check").await, "ok");
}
