//! A file that the version before has written: what stands in it is read as it was meant.

use std::path::Path;

use sealpost_core::delivery::Delivery;
use sealpost_core::identity::Scope;
use sealpost_core::partner::{PartnerLimits, RecipientCertificate};
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::transfer::NewTransfer;
use sealpost_ledger::SqliteLedger;
use sealpost_testkit::suite::ledger::records::identity;
use sealpost_testkit::suite::ledger::transfers::new_transfer;
use sealpost_testkit::suite::ledger::{HOUR, admission, connector_id, partner};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// Records as the first version wrote them.
const PARTNER: &str = r#"{"id":"acme","name":"acme GmbH","scope":"42","enabled":true,
    "grants":[{"report":"contracts.v1","formats":[]}],"certificates":["-----BEGIN PGP PUBLIC KEY BLOCK-----"],
    "seal":{"message":"auto","armor":false,"sign":false,"compression":null},
    "files":{"name":"{report}.{extension}","time_zone":"UTC"},"deliver_to":[],"limits":{"active_reports":3}}"#;
const CONNECTOR: &str = r#"{"id":"ID","partner":"acme","name":"main","settings":{"host":"sftp.partner.example","port":22,
    "user":"reports","login":[{"method":"password","password":"env:P"}],"host_keys":["SHA256:abc"],"directory":"",
    "create_directories":false,"existing_file":"fail","checksum_file":false,"done_file":false,
    "limits":{"connect_timeout_s":15,"handshake_timeout_s":30,"inactivity_timeout_s":60,"transfer_timeout_s":21600,
    "concurrency":2},"retry":{"max_attempts":8,"first_pause_s":10.0,"longest_pause_s":3600.0}}}"#;
const API_KEY: &str = r#"{"id":"aaaaaaaaaaaa","partner":"acme","sha256":"0f","label":"nightly",
    "created_at":"2026-01-01T00:00:00Z","expires_at":null,"revoked_at":null}"#;

/// Makes a file with the first version's schema and one record of each kind.
async fn first_version(path: &Path, asked: &Admission) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(include_str!("../../src/sqlite/schema/001_first.sql")).execute(&mut connection).await.unwrap();
    let mark = "PRAGMA journal_mode = WAL; PRAGMA application_id = 1399153004; PRAGMA user_version = 1";
    sqlx::raw_sql(mark).execute(&mut connection).await.unwrap();
    let job = crate::sqlite().await.admit(asked.clone()).await;
    let (key, sha256) = asked.idempotency.clone().unwrap();
    let connector = connector_id("acme", "main").to_string();
    let rows: [(&'static str, Vec<String>); 6] = [
        ("INSERT INTO partners VALUES ('acme', ?)", vec![PARTNER.to_owned()]),
        (
            "INSERT INTO connectors VALUES (?, 'acme', 'main', ?)",
            vec![connector.clone(), CONNECTOR.replace("ID", &connector)],
        ),
        ("INSERT INTO api_keys VALUES ('aaaaaaaaaaaa', 'acme', 1, ?)", vec![API_KEY.to_owned()]),
        (
            "INSERT INTO jobs (id, partner, report_type, status, created_at, record)
             VALUES (?, 'acme', 'contracts.v1', 'queued', 1, ?)",
            vec![job.id.to_string(), serde_json::to_string(&job).unwrap()],
        ),
        (
            "INSERT INTO idempotency SELECT 'acme', ?, ?, ?, unixepoch() * 1000000000",
            vec![key, sha256, job.id.to_string()],
        ),
        (
            "INSERT INTO tasks (id, kind, subject, ready_at) VALUES (?, 'produce', ?, 1)",
            vec![job.id.as_str().replace("rep_", "tsk_"), job.id.to_string()],
        ),
    ];
    for (sql, values) in rows {
        values
            .into_iter()
            .fold(sqlx::query(sql), |query, value| query.bind(value))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
}

/// Makes a file with the second version's schema: a connector with one place, and deliveries to it that wait, and one
/// that was given up.
async fn second_version(path: &Path, deliveries: &[Delivery]) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(include_str!("../../src/sqlite/schema/001_first.sql")).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(include_str!("../../src/sqlite/schema/002_edge.sql")).execute(&mut connection).await.unwrap();
    let mark = "PRAGMA journal_mode = WAL; PRAGMA application_id = 1399153004; PRAGMA user_version = 2";
    sqlx::raw_sql(mark).execute(&mut connection).await.unwrap();
    let id = connector_id("acme", "main").to_string();
    let one_place = CONNECTOR.replace("ID", &id).replace("\"concurrency\":2", "\"concurrency\":1");
    let mut rows: Vec<(&'static str, Vec<String>)> = vec![
        ("INSERT INTO partners VALUES ('acme', ?)", vec![PARTNER.to_owned()]),
        ("INSERT INTO connectors VALUES (?, 'acme', 'main', ?)", vec![id, one_place]),
        (
            "INSERT INTO jobs (id, partner, report_type, status, created_at, record)
             VALUES (?, 'acme', 'contracts.v1', 'succeeded', 1, '{}')",
            vec![deliveries[0].job.to_string()],
        ),
        // One that can't be read is no reason to refuse the file.
        ("INSERT INTO connectors VALUES (?, 'acme', 'bad', '{')", vec!["c-0123456789abcdef0".to_owned()]),
    ];
    for (number, delivery) in deliveries.iter().enumerate() {
        let (id, record) = (delivery.id.to_string(), serde_json::to_string(delivery).unwrap());
        rows.push((
            "INSERT INTO deliveries (id, job, partner, status, record) VALUES (?, ?, 'acme', 'pending', ?)",
            vec![id.clone(), delivery.job.to_string(), record],
        ));
        let task = id.replace("dlv_", "tsk_");
        rows.push(if number == 0 {
            ("INSERT INTO dead_tasks VALUES (1, ?, 'deliver', ?, 3, 'given up', 1)", vec![task, id])
        } else {
            ("INSERT INTO tasks (id, kind, subject, ready_at) VALUES (?, 'deliver', ?, 1)", vec![task, id])
        });
    }
    for (sql, values) in rows {
        let query = values.into_iter().fold(sqlx::query(sql), |query, value| query.bind(value));
        query.execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn deliveries_that_waited_in_the_second_version_stand_in_their_lane() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ports = crate::sqlite().await;
    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector_id("acme", "main"); 4];
    let job = ports.admit(asked).await;
    let job = ports.succeed(&job).await;
    let deliveries = ports.ledger.deliveries(&job.id).await.unwrap();
    assert_eq!(deliveries.len(), 4);
    second_version(&path, &deliveries).await;

    let ports = crate::opened(&path).await;
    for delivery in &deliveries[1..3] {
        let lease = ports.claim(&WorkKind::ALL).await;
        assert_eq!(lease.work, Work::Deliver(delivery.id.clone()));
        assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None, "the connector has one place");
        ports.queue.complete(&lease).await.unwrap();
    }
    // What comes back from the dead stands in it too, and so does what is started in the words of this version.
    let dead = ports.queue.dead(1).await.unwrap().remove(0);
    assert!(ports.queue.revive(&dead.task).await.unwrap());
    let transfer = NewTransfer { connections: 1, ..new_transfer(&connector_id("acme", "main"), 1) };
    ports.start_transfer(&transfer).await;
    for _ in 0..3 {
        let lease = ports.claim(&WorkKind::ALL).await;
        assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
        ports.queue.complete(&lease).await.unwrap();
    }
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
}

#[tokio::test]
async fn what_the_first_version_wrote_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let asked = Admission { idempotency: Some(("k".to_owned(), "aa".to_owned())), ..admission("acme") };
    first_version(&path, &asked).await;
    let ports = crate::opened(&path).await;

    let acme = ports.records.partner(&partner("acme")).await.unwrap().unwrap();
    let certificate: RecipientCertificate = "-----BEGIN PGP PUBLIC KEY BLOCK-----".to_owned().into();
    assert_eq!((&acme.certificates, &acme.identities), (&vec![certificate], &vec![]));
    assert_eq!(acme.limits, PartnerLimits { active_reports: 3, ..PartnerLimits::default() });
    let connectors = ports.records.connectors(Some(&acme.id)).await.unwrap();
    assert_eq!((connectors[0].id.clone(), connectors[0].candidates.len()), (connector_id("acme", "main"), 0));
    let key = ports.records.api_key(&"aaaaaaaaaaaa".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(key.scopes, Scope::all());

    // And goes on in the words of this version.
    let edit = |mut partner: sealpost_core::partner::Partner| {
        partner.identities.push(identity("okta", "client"));
        Ok(partner)
    };
    let edited = ports.records.edit_partner(&acme.id, &edit).await.unwrap();
    assert_eq!(ports.records.partner_of(&identity("okta", "client")).await.unwrap(), edited);
    let replayed = ports.ledger.admit(asked.clone()).await.unwrap();
    assert!(matches!(replayed, Admitted::Replayed(job) if job.id == asked.id));
    let lease = ports.claim(&WorkKind::ALL).await;
    assert_eq!(lease.work, Work::Produce(asked.id));

    drop(ports);
    SqliteLedger::open(&path).await.unwrap();
    assert_eq!(crate::file::pragma(&path, "PRAGMA integrity_check").await, "ok");
}
