//! The life of a report: asked for, followed, delivered, fetched, delivered again, deleted.

use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use sealpost_core::sealed::SealedKey;
use serde_json::{Value as Json, json};

use crate::rig::{Partner, ROWS, Rig, Wish, header, id, json_of};

#[tokio::test]
async fn a_report_is_admitted_produced_delivered_and_shown_in_one_shape() {
    let rig = Rig::working().await;
    let body = json!({"report_type": "contracts.v1", "format": "ndjson", "parameters": {"from": "2026-01-01"}});
    let answer = rig.post(&rig.acme, "/v1/reports", &body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let location = header(&answer, "location");
    assert!(!header(&answer, "retry-after").is_empty());
    assert_eq!(header(&answer, "x-request-id"), header(&answer, "x-amzn-requestid"));
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let created: Json = answer.json().await.unwrap();
    assert_eq!(location, created["links"]["self"].as_str().unwrap());
    assert_eq!(created["parameters"], json!({"from": "2026-01-01", "to": "2100-01-01"}));

    let report = rig.done(&rig.acme, id(&created)).await;
    let keys = |value: &Json| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&created), keys(&report));
    assert_eq!(report["status"], "succeeded");
    assert_eq!(report["row_count"], ROWS);
    assert_eq!(report["failure"], Json::Null);
    let delivery = &report["deliveries"][0];
    assert_eq!(delivery["status"], "delivered");
    assert_eq!(delivery["receipt"]["sha256"], report["file"]["sha256"]);
    assert_eq!(delivery["remote_path"], format!("incoming/{}", report["file"]["name"].as_str().unwrap()));
    assert_eq!(report["progress"]["bytes_sent"], report["file"]["size"]);

    let (_, timeline) = json_of(rig.get(&rig.acme, report["links"]["timeline"].as_str().unwrap())).await;
    let events: Vec<String> = timeline["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| format!("{}.{}", event["subject"].as_str().unwrap(), event["event"].as_str().unwrap()))
        .collect();
    assert_eq!(events[..3], ["report.admitted", "report.started", "report.stored"]);
    assert_eq!(events.last().unwrap(), "delivery.delivered");
    assert!(!timeline.to_string().contains("\"worker\""), "the name of our machine is not for partners");
}

#[tokio::test]
async fn polling_costs_nothing_while_nothing_changes() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let path = format!("/v1/reports/{}", id(&report));
    let first = rig.get(&rig.acme, &path).send().await.unwrap();
    let tag = header(&first, "etag");
    assert!(!header(&first, "retry-after").is_empty(), "it is not finished");
    let again = rig.get(&rig.acme, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.text().await.unwrap(), "");
    rig.ask(&rig.acme, Method::DELETE, &path).send().await.unwrap();
    let changed = rig.get(&rig.acme, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(header(&changed, "etag"), tag);
    assert_eq!(header(&changed, "retry-after"), "", "nothing more happens");
}

#[tokio::test]
async fn a_queued_report_is_cancelled_and_has_no_file() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let path = format!("/v1/reports/{}", id(&report));
    for _ in 0..2 {
        let (status, cancelled) = json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await;
        assert_eq!((status, &cancelled["status"]), (StatusCode::OK, &json!("cancelled")));
    }
    let (status, problem) = json_of(rig.get(&rig.acme, &format!("{path}/file"))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-015")));
    let (status, _) = json_of(rig.ask(&rig.acme, Method::POST, &format!("{path}/deliveries"))).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

/// An older ledger was restored: the store has what an attempt made of which the ledger does not know any more.
#[tokio::test]
async fn an_object_that_the_ledger_does_not_know_holds_no_report_up() {
    let rig = Rig::idle().await;
    let asked = rig.contracts(&rig.acme).await;
    let parts = rig.pipeline.parts();
    let job = parts.ledger.job_of_any_partner(&id(&asked).parse().unwrap()).await.unwrap().unwrap();
    let key = SealedKey { partner: job.request.partner, job: job.id, attempt: 1, file_name: job.file_name };
    let mut upload = parts.store.create(key).await.unwrap();
    upload.write("made before".into()).await.unwrap();
    upload.finish().await.unwrap();
    rig.work();
    let report = rig.done(&rig.acme, id(&asked)).await;
    assert_eq!((&report["status"], &report["attempts"]), (&json!("succeeded"), &json!(1)), "{report:#}");
    assert_eq!(report["row_count"], ROWS);
    let delivery = &report["deliveries"][0];
    assert_eq!(delivery["status"], "delivered", "{report:#}");
    assert_eq!(delivery["receipt"]["sha256"], report["file"]["sha256"]);
    assert_eq!(files(&rig.folder.path().join("store")).len(), 1);
}

/// Files anywhere below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_grant_that_is_withdrawn_counts_for_reports_that_wait() {
    let rig = Rig::idle().await;
    let ask = async |partner: &Partner, format: &str| {
        let body = json!({"report_type": "contracts.v1", "format": format});
        json_of(rig.post(partner, "/v1/reports", &body)).await.1
    };
    let (format, whole, other) =
        (ask(&rig.acme, "ndjson").await, ask(&rig.globex, "ndjson").await, ask(&rig.globex, "xml").await);
    let (status, _) = rig.change_acme(json!({"grants": [{"report": "contracts.v1", "formats": ["csv"]}]})).await;
    assert_eq!(status, StatusCode::OK);
    let (_, mut globex) = json_of(rig.operate(Method::GET, "/admin/v1/partners/globex")).await;
    globex["grants"] = json!([{"report": "employees.v1"}]);
    let (status, _) = json_of(rig.operate(Method::PUT, "/admin/v1/partners/globex").json(&globex)).await;
    assert_eq!(status, StatusCode::OK);
    // Whoever asked the database would fail otherwise.
    std::fs::rename(rig.folder.path().join("source.db"), rig.folder.path().join("away")).unwrap();
    rig.work();
    for (partner, report, of) in [
        (&rig.acme, &format, "format ndjson of contracts.v1"),
        (&rig.globex, &whole, "report type contracts.v1"),
        (&rig.globex, &other, "report type contracts.v1"),
    ] {
        let report = rig.done(partner, id(report)).await;
        let failure = &report["failure"];
        assert_eq!((&report["status"], &failure["code"]), (&json!("failed"), &json!("SP-REQUEST-003")), "{report:#}");
        assert_eq!((&failure["detail"], &failure["side"]), (&json!(of), &json!("caller")));
        assert_eq!((&report["file"], &report["deliveries"]), (&Json::Null, &json!([])));
        let (_, timeline) = json_of(rig.get(partner, report["links"]["timeline"].as_str().unwrap())).await;
        assert_eq!(timeline["events"][2]["event"], "failed", "at once: {timeline:#}");
    }
    assert_eq!(files(&rig.folder.path().join("store")), Vec::<PathBuf>::new());
}

/// Names are given at admission, and tell what is inside.
#[tokio::test]
async fn a_report_that_waits_is_wrapped_as_its_name_says() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let (status, answer) = rig.change_acme(json!({"seal": {"compression": "gzip", "armor": true}})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    rig.work();
    let made = async |report: &Json| {
        let report = rig.done(&rig.acme, id(report)).await;
        let path = report["links"]["file"].as_str().unwrap();
        let sealed = rig.get(&rig.acme, path).send().await.unwrap().bytes().await.unwrap();
        let mut inside = Vec::new();
        sealpost_seal::decrypt(&sealed[..], &rig.acme.secret, None, &mut inside).unwrap();
        (report["file"]["name"].as_str().unwrap().to_owned(), sealed, inside)
    };
    let (name, sealed, inside) = made(&report).await;
    assert!(name.ends_with(".ndjson.pgp"), "{name}");
    assert!(!sealed.starts_with(b"-----BEGIN PGP") && inside.starts_with(b"{"));
    let (name, sealed, inside) = made(&rig.contracts(&rig.acme).await).await;
    assert!(name.ends_with(".ndjson.gz.asc"), "{name}");
    assert!(sealed.starts_with(b"-----BEGIN PGP") && inside.starts_with(&[0x1f, 0x8b]));
}

#[tokio::test]
async fn the_same_bytes_are_delivered_again_until_the_file_is_deleted() {
    let rig = Rig::working().await;
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    let path = format!("/v1/reports/{}", id(&report));
    let connector = report["deliveries"][0]["connector"].clone();
    for request in [
        rig.ask(&rig.acme, Method::POST, &format!("{path}/deliveries")),
        rig.post(&rig.acme, &format!("{path}/deliveries"), &json!({"connector": connector})),
    ] {
        let (status, answer) = json_of(request).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        assert_eq!(answer["deliveries"].as_array().unwrap().len(), 1);
    }
    let report = rig.done(&rig.acme, id(&report)).await;
    let deliveries = report["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 3);
    assert!(deliveries.iter().all(|delivery| delivery["receipt"]["sha256"] == report["file"]["sha256"]));
    let (_, listed) = json_of(rig.get(&rig.acme, &format!("{path}/deliveries"))).await;
    assert_eq!(listed["deliveries"], report["deliveries"]);

    let (status, problem) =
        json_of(rig.post(&rig.acme, &format!("{path}/deliveries"), &json!({"connector": "main"}))).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/connector")));

    let (status, deleted) = json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await;
    assert_eq!((status, &deleted["status"]), (StatusCode::OK, &json!("expired")));
    assert_eq!((&deleted["file"]["available"], &deleted["links"]["file"]), (&json!(false), &Json::Null));
    let (status, problem) = json_of(rig.get(&rig.acme, &format!("{path}/file"))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::GONE, &json!("SP-REQUEST-017")));
    let (status, _) = json_of(rig.ask(&rig.acme, Method::POST, &format!("{path}/deliveries"))).await;
    assert_eq!(status, StatusCode::GONE);
}

#[tokio::test]
async fn a_repeated_redelivery_delivers_once() {
    let rig = Rig::working().await;
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, id(&report)).await;
    let path = format!("/v1/reports/{}/deliveries", id(&report));
    let mut made = Vec::new();
    for replayed in [false, true] {
        let request = rig.ask(&rig.acme, Method::POST, &path).header("idempotency-key", "again-1");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.headers().contains_key("idempotent-replayed"), replayed);
        let body: Json = answer.json().await.unwrap();
        made.push(body["deliveries"][0]["id"].clone());
    }
    assert_eq!(made[0], made[1]);
    // To one destination is another request than to all.
    let to = json!({"connector": report["deliveries"][0]["connector"]});
    let (status, problem) = json_of(rig.post(&rig.acme, &path, &to).header("idempotency-key", "again-1")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("SP-REQUEST-014")));
    let (status, _) = json_of(rig.ask(&rig.acme, Method::POST, &path).header("idempotency-key", "")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (_, listed) = json_of(rig.get(&rig.acme, &path)).await;
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_failed_delivery_says_why_and_leaves_the_file_to_be_fetched() {
    let rig = Rig::working().await;
    let report = rig.contracts(&rig.globex).await;
    let report = rig.done(&rig.globex, id(&report)).await;
    assert_eq!(report["status"], "succeeded");
    let failure = &report["deliveries"][0]["failure"];
    assert_eq!((&failure["code"], &failure["side"]), (&json!("SP-DELIVER-005"), &json!("partner")));
    assert!(failure["advice"].as_str().unwrap().contains("credentials"));
    let answer = rig.get(&rig.globex, report["links"]["file"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_preview_shows_shapes_and_stores_nothing() {
    let rig = Rig::idle().await;
    let body = json!({"report_type": "contracts.v1"});
    let (status, preview) = json_of(rig.post(&rig.acme, "/v1/reports:preview", &body)).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    assert_eq!(preview["columns"][0]["name"], "id");
    assert_eq!(preview["rows"][0][1], "xxxx-xxxxxx-9");
    assert_eq!(preview["more"], true);
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/reports")).await;
    assert_eq!(list["reports"], json!([]));
}

#[tokio::test]
async fn the_catalogue_shows_what_is_granted_and_how_to_ask() {
    let rig = Rig::idle().await;
    let (_, acme) = json_of(rig.get(&rig.acme, "/v1/report-types")).await;
    let types = acme["report_types"].as_array().unwrap();
    assert_eq!(types.len(), 1);
    assert_eq!(types[0]["parameters"]["properties"]["from"]["format"], "date");
    assert_eq!(types[0]["default_format"], "csv");
    assert!(types[0]["formats"].as_array().unwrap().iter().all(|format| format["options"]["type"] == "object"));
    let (_, globex) = json_of(rig.get(&rig.globex, "/v1/report-types/contracts.v1")).await;
    let formats: Vec<&str> =
        globex["formats"].as_array().unwrap().iter().map(|format| format["name"].as_str().unwrap()).collect();
    assert_eq!(formats, ["ndjson", "xml"]);
    assert_eq!(globex["default_format"], Json::Null);
    let xsd = rig.get(&rig.globex, globex["formats"][1]["schema"].as_str().unwrap()).send().await.unwrap();
    assert_eq!((xsd.status(), header(&xsd, "content-type").as_str()), (StatusCode::OK, "application/xml"));
    assert!(xsd.text().await.unwrap().contains("schema"));
    let (status, _) = json_of(rig.get(&rig.globex, "/v1/report-types/employees.v1/schema.xsd")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "it is not offered as XML");
}

#[tokio::test]
async fn an_xsd_is_not_made_of_columns_that_nobody_knows() {
    let rig = Rig::wishing(Wish { is_database_away: true, ..Wish::default() }).await;
    let path = "/v1/report-types/contracts.v1";
    let (status, shown) = json_of(rig.get(&rig.acme, path)).await;
    assert_eq!((status, &shown["columns"]), (StatusCode::OK, &json!([])), "what needs no columns goes on");
    let path = format!("{path}/schema.xsd");
    let (status, problem) = json_of(rig.get(&rig.acme, &path)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("SP-SOURCE-001")), "{problem}");
    assert_eq!(problem["retryable"], true);

    std::fs::rename(rig.folder.path().join("away.db"), rig.folder.path().join("source.db")).unwrap();
    let xsd = rig.get(&rig.acme, &path).send().await.unwrap();
    assert_eq!(xsd.status(), StatusCode::OK);
    assert!(xsd.text().await.unwrap().contains("name=\"employee\""));
}
