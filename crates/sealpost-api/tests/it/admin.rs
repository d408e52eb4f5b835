//! The operator plane.

use reqwest::{Method, StatusCode};
use sealpost_api::Limits;
use sealpost_core::identity::Identity;
use serde_json::{Value as Json, json};

use crate::rig::{Rig, header, id, json_of};

#[tokio::test]
async fn partners_are_documents_that_are_planned_applied_and_removed() {
    let rig = Rig::idle().await;
    let path = "/admin/v1/partners/initech";
    let document = json!({"name": "Initech", "scope": "3", "grants": [{"report": "contracts.v1"}]});
    let put = |query: &str, document: &Json| rig.operate(Method::PUT, &format!("{path}{query}")).json(document);

    let (status, planned) = json_of(put("?plan=true", &document)).await;
    assert_eq!((status, &planned["applied"]), (StatusCode::OK, &json!(false)));
    assert_eq!(planned["changes"][0], json!({"action": "create", "subject": "partner initech", "members": []}));
    assert_eq!(json_of(rig.operate(Method::GET, path)).await.0, StatusCode::NOT_FOUND);

    let (_, applied) = json_of(put("", &document)).await;
    assert_eq!((&applied["applied"], &applied["changes"]), (&json!(true), &planned["changes"]));
    let (_, shown) = json_of(rig.operate(Method::GET, path)).await;
    assert_eq!((&shown["name"], &shown["scope"]), (&json!("Initech"), &json!("3")));
    let (_, again) = json_of(put("", &shown)).await;
    assert_eq!(again["changes"][0]["action"], "keep", "what is shown can be put back");

    let (_, list) = json_of(rig.operate(Method::GET, "/admin/v1/partners")).await;
    let names: Vec<&str> =
        list["partners"].as_array().unwrap().iter().map(|partner| partner["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme", "globex", "initech"]);
    assert_eq!(json_of(rig.operate(Method::DELETE, path)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(json_of(rig.operate(Method::DELETE, path)).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn everything_wrong_with_a_document_is_said_at_once() {
    let rig = Rig::idle().await;
    let document = json!({
        "name": "x", "scope": "not a number", "grants": [{"report": "contracts.v1", "formats": ["docx"]}, {"report": "nothing.v1"}],
        "identities": [{"issuer": "mtls", "subject": "9A:8B"}, {"issuer": "elsewhere", "subject": "x"}, {"issuer": "test", "subject": " "}],
        "certificates": ["nonsense"], "files": {"name": "{report}"},
        "connectors": {"main": {"host": "a/b", "user": "", "login": [], "host_keys": ["x"]}}, "deliver_to": ["other"],
    });
    let (status, problem) = json_of(rig.operate(Method::PUT, "/admin/v1/partners/x").json(&document)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("SP-CONFIG-004")));
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    for pointer in [
        "/scope",
        "/grants/0/formats",
        "/grants/1/report",
        "/identities/0/subject",
        "/identities/1/issuer",
        "/identities/2/subject",
        "/certificates/0",
        "/files/name",
        "/deliver_to",
        "/connectors/main/host",
        "/connectors/main/user",
        "/connectors/main/login",
        "/connectors/main/host_keys/0",
    ] {
        assert!(pointers.contains(&pointer), "{pointer} in {pointers:?}");
    }
    let (status, _) =
        json_of(rig.operate(Method::PUT, "/admin/v1/partners/..").json(&json!({"name": "x", "scope": "1"}))).await;
    assert!(status.is_client_error());
    let (status, problem) =
        json_of(rig.operate(Method::PUT, "/admin/v1/partners/x?plan=maybe").json(&json!({"name": "x", "scope": "1"})))
            .await;
    assert_eq!((status, &problem["errors"][0]["parameter"]), (StatusCode::BAD_REQUEST, &json!("plan")));
}

/// What an earlier version took, or what fitted another configuration, does not keep a partner from being changed.
#[tokio::test]
async fn a_partner_can_be_put_back_with_what_would_be_refused_today() {
    let rig = Rig::idle().await;
    let records = &rig.pipeline.parts().records;
    let mut acme = records.partner(&"acme".parse().unwrap()).await.unwrap().unwrap();
    let gone = |subject: &str| Identity { issuer: "gone".to_owned(), subject: subject.to_owned() };
    acme.identities.push(gone("x"));
    records.put_partner(&acme).await.unwrap();
    let mut connector = records.connectors(Some(&acme.id)).await.unwrap().remove(0);
    connector.settings.retry.longest_pause_s = 1e12;
    records.put_connector(&connector).await.unwrap();
    let (status, answer) = rig.change_acme(json!({"enabled": false})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let after = records.partner(&acme.id).await.unwrap().unwrap();
    assert_eq!((after.enabled, after.identities), (false, acme.identities));

    // What is new is judged as ever.
    let name = connector.name.as_str();
    let mut settings = serde_json::to_value(&connector.settings).unwrap();
    settings["retry"]["longest_pause_s"] = json!(1e11);
    let change = json!({"identities": [gone("x"), gone("y")], "connectors": {name: settings}});
    let (status, answer) = rig.change_acme(change).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    let pointers: Vec<&str> =
        answer["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/identities/1/issuer".to_owned(), format!("/connectors/{name}/retry")]);
}

#[tokio::test]
async fn a_partner_with_work_under_way_is_kept() {
    let rig = Rig::idle().await;
    rig.contracts(&rig.acme).await;
    let (status, problem) = json_of(rig.operate(Method::DELETE, "/admin/v1/partners/acme")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-LEDGER-008")));
}

#[tokio::test]
async fn connectors_are_listed_shown_and_tested() {
    let rig = Rig::idle().await;
    let (_, list) = json_of(rig.operate(Method::GET, "/admin/v1/connectors?partner=globex")).await;
    let globex = &list["connectors"][0];
    assert_eq!(globex["settings"]["login"][0]["password"], "env:NONE", "a reference, not a value");
    let (_, all) = json_of(rig.operate(Method::GET, "/admin/v1/connectors")).await;
    assert_eq!(all["connectors"].as_array().unwrap().len(), 2);
    let path = format!("/admin/v1/connectors/{}", id(globex));
    assert_eq!(&json_of(rig.operate(Method::GET, &path)).await.1, globex);
    let (status, test) = json_of(rig.operate(Method::POST, &format!("{path}:test"))).await;
    assert_eq!((status, &test["succeeded"]), (StatusCode::OK, &json!(false)));
    assert_eq!(test["steps"][1]["failure"]["code"], "SP-DELIVER-005");
    for (method, path) in [
        (Method::POST, path.clone()),
        (Method::POST, format!("{path}:reboot")),
        (Method::POST, "/admin/v1/connectors/c-00000000000000000:test".to_owned()),
        (Method::GET, "/admin/v1/connectors/nonsense".to_owned()),
    ] {
        assert_eq!(json_of(rig.operate(method, &path)).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn reports_of_all_partners_with_everything_that_partners_may_not_see() {
    let rig = Rig::working().await;
    let acme = rig.contracts(&rig.acme).await;
    rig.done(&rig.acme, id(&acme)).await;
    let globex = rig.contracts(&rig.globex).await;
    rig.done(&rig.globex, id(&globex)).await;
    let (_, all) = json_of(rig.operate(Method::GET, "/admin/v1/reports")).await;
    let partners: Vec<&str> =
        all["reports"].as_array().unwrap().iter().map(|report| report["partner"].as_str().unwrap()).collect();
    assert_eq!(partners, ["globex", "acme"]);
    let (_, some) = json_of(rig.operate(Method::GET, "/admin/v1/reports?partner=acme&limit=5")).await;
    assert_eq!(id(&some["reports"][0]), id(&acme));
    let path = format!("/admin/v1/reports/{}", id(&acme));
    let (_, timeline) = json_of(rig.operate(Method::GET, &format!("{path}/timeline"))).await;
    assert_eq!(timeline["events"][1]["worker"], "tests");
    let (status, again) = json_of(rig.operate(Method::POST, &format!("{path}/deliveries"))).await;
    assert_eq!((status, &again["deliveries"][0]["report"]), (StatusCode::ACCEPTED, &acme["id"]));
    assert_eq!(
        json_of(rig.operate(Method::GET, &format!("{path}/deliveries"))).await.1["deliveries"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    rig.done(&rig.acme, id(&acme)).await;
    let (_, deleted) = json_of(rig.operate(Method::DELETE, &path)).await;
    assert_eq!(deleted["status"], "expired");
    let answer = rig.operate(Method::GET, &path).send().await.unwrap();
    assert!(!header(&answer, "etag").is_empty());
    let nobody = "/admin/v1/reports/rep_00000000000000000000000000";
    assert_eq!(json_of(rig.operate(Method::GET, nobody)).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_of_a_partner_that_was_removed_can_be_deleted() {
    let rig = Rig::working().await;
    let report = rig.contracts(&rig.acme).await;
    rig.done(&rig.acme, id(&report)).await;
    assert_eq!(json_of(rig.operate(Method::DELETE, "/admin/v1/partners/acme")).await.0, StatusCode::NO_CONTENT);
    let path = format!("/admin/v1/reports/{}", id(&report));
    let (status, deleted) = json_of(rig.operate(Method::DELETE, &path)).await;
    assert_eq!((status, &deleted["status"]), (StatusCode::OK, &json!("expired")), "{deleted}");
}

#[tokio::test]
async fn an_operator_asks_in_a_partners_name() {
    let rig = Rig::idle().await;
    let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
    let (status, report) = json_of(rig.operate(Method::POST, "/admin/v1/partners/acme/reports").json(&body)).await;
    assert_eq!((status, &report["partner"]), (StatusCode::ACCEPTED, &json!("acme")), "{report}");
    let (status, _) = json_of(rig.get(&rig.acme, &format!("/v1/reports/{}", id(&report)))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = json_of(rig.operate(Method::POST, "/admin/v1/partners/nobody/reports").json(&body)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_queue_and_its_dead_letters() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let (_, queue) = json_of(rig.operate(Method::GET, "/admin/v1/queue")).await;
    assert_eq!((&queue["ready"], &queue["dead"]), (&json!(1), &json!(0)));
    let tasks = &rig.pipeline.parts().queue;
    let lease =
        tasks.claim(&sealpost_core::task::WorkKind::ALL, std::time::Duration::from_secs(30)).await.unwrap().unwrap();
    tasks.bury(&lease, "for the test").await.unwrap();
    let (_, queue) = json_of(rig.operate(Method::GET, "/admin/v1/queue")).await;
    let dead = &queue["dead_letters"][0];
    assert_eq!((&queue["ready"], &dead["kind"], &dead["subject"]), (&json!(0), &json!("produce"), &report["id"]));
    let path = format!("/admin/v1/queue/dead/{}:revive", dead["task"].as_str().unwrap());
    assert_eq!(json_of(rig.operate(Method::POST, &path)).await.0, StatusCode::OK);
    assert_eq!(json_of(rig.operate(Method::POST, &path)).await.0, StatusCode::NOT_FOUND);
    let (_, queue) = json_of(rig.operate(Method::GET, "/admin/v1/queue")).await;
    assert_eq!((&queue["ready"], &queue["dead"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn certificates_and_the_catalogue() {
    let rig = Rig::idle().await;
    let (_, list) = json_of(rig.operate(Method::GET, "/admin/v1/certificates")).await;
    let certificates = list["certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 2);
    assert!(
        certificates.iter().all(|one| one["failure"].is_null() && one["fingerprint"].as_str().unwrap().len() == 40)
    );
    let (_, catalogue) = json_of(rig.operate(Method::GET, "/admin/v1/report-types")).await;
    assert_eq!(catalogue["report_types"][0]["granted_to"], json!(["acme", "globex"]));
    assert_eq!(catalogue["report_types"][1]["granted_to"], json!(["globex"]));
}

/// What is in memory is wanted most while the ledger is down.
#[tokio::test]
async fn metrics_are_shown_while_the_ledger_fails() {
    use sqlx::ConnectOptions;
    let rig = Rig::idle().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(rig.folder.path().join("ledger.db"));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("ALTER TABLE dead_tasks RENAME TO away").execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    assert!(rig.pipeline.parts().queue.depth().await.is_err(), "the ledger can't say");
    let answer = rig.client.get(format!("{}/metrics", rig.admin)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(header(&answer, "content-type").starts_with("text/plain"));
}

#[tokio::test]
async fn health_and_metrics_need_no_token_and_without_one_there_is_nothing_else() {
    let rig = Rig::with(None, Limits::default()).await;
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"] {
        let answer = rig.client.get(format!("{}{path}", rig.admin)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs", "/docs/errors", "/docs/docs.css", "/docs/docs.js"] {
        let answer = rig.client.get(format!("{}{path}", rig.public)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let (status, problem) = json_of(rig.operate(Method::GET, "/admin/v1/partners")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("SP-REQUEST-011")));
}
