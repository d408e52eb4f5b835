//! Two partners try each other's ids at every endpoint: the answer is the one for an id that never existed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use sealpost_core::id::JobId;
use serde_json::{Value as Json, json};

use crate::rig::{Rig, id, json_of};

/// Everything of a problem that a prober could tell two answers apart by. The id that was asked for is echoed.
fn essence(mut problem: Json, asked: &str) -> String {
    // A HEAD has no body.
    if let Some(id) = problem.get_mut("request_id") {
        *id = Json::Null;
    }
    problem.to_string().replace(asked, "ID")
}

#[tokio::test]
async fn ids_of_others_do_not_exist() {
    let rig = Rig::working().await;
    let acme = rig.contracts(&rig.acme).await;
    let acme = rig.done(&rig.acme, id(&acme)).await;
    let globex = rig.contracts(&rig.globex).await;
    let globex = rig.done(&rig.globex, id(&globex)).await;
    let nobody = JobId::fresh().to_string();

    for (caller, theirs) in [(&rig.globex, id(&acme)), (&rig.acme, id(&globex))] {
        for (method, suffix) in [
            (Method::GET, ""),
            (Method::HEAD, ""),
            (Method::DELETE, ""),
            (Method::GET, "/file"),
            (Method::HEAD, "/file"),
            (Method::GET, "/timeline"),
            (Method::GET, "/deliveries"),
            (Method::POST, "/deliveries"),
        ] {
            let ask = |report: &str| json_of(rig.ask(caller, method.clone(), &format!("/v1/reports/{report}{suffix}")));
            let (status, foreign) = ask(theirs).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {suffix}");
            let (status, missing) = ask(&nobody).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
            assert_eq!(essence(foreign, theirs), essence(missing, &nobody), "{method} {suffix}");
        }
    }
    // Nothing was done to them.
    for (owner, report) in [(&rig.acme, &acme), (&rig.globex, &globex)] {
        assert_eq!(&rig.done(owner, id(report)).await, report);
    }
}

#[tokio::test]
async fn lists_and_cursors_stay_at_home() {
    let rig = Rig::idle().await;
    let acme = rig.contracts(&rig.acme).await;
    rig.contracts(&rig.acme).await;
    let (_, page) = json_of(rig.get(&rig.acme, "/v1/reports?limit=1")).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let nobody = URL_SAFE_NO_PAD.encode(JobId::fresh().as_str());
    let (status, foreign) = json_of(rig.get(&rig.globex, &format!("/v1/reports?cursor={cursor}"))).await;
    let (_, missing) = json_of(rig.get(&rig.globex, &format!("/v1/reports?cursor={nobody}"))).await;
    assert_eq!((status, &foreign["errors"][0]["parameter"]), (StatusCode::BAD_REQUEST, &json!("cursor")));
    assert_eq!(essence(foreign, "-"), essence(missing, "-"));
    let (status, problem) = json_of(rig.get(&rig.globex, "/v1/reports?partner=acme")).await;
    assert_eq!((status, &problem["errors"][0]["parameter"]), (StatusCode::BAD_REQUEST, &json!("partner")));
    assert!(acme.get("partner").is_none());
}

#[tokio::test]
async fn connectors_of_others_are_no_destination() {
    let rig = Rig::working().await;
    let acme = rig.contracts(&rig.acme).await;
    let acme = rig.done(&rig.acme, id(&acme)).await;
    let globex = rig.contracts(&rig.globex).await;
    let globex = rig.done(&rig.globex, id(&globex)).await;
    let path = format!("/v1/reports/{}/deliveries", id(&acme));
    let theirs = &globex["deliveries"][0]["connector"];
    let (status, foreign) = json_of(rig.post(&rig.acme, &path, &json!({"connector": theirs}))).await;
    let (_, missing) = json_of(rig.post(&rig.acme, &path, &json!({"connector": "c-00000000000000000"}))).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(essence(foreign, "-"), essence(missing, "-"));
}

#[tokio::test]
async fn report_types_of_others_do_not_exist() {
    let rig = Rig::idle().await;
    for path in ["/v1/report-types/employees.v1", "/v1/report-types/employees.v1/schema.xsd"] {
        let (status, foreign) = json_of(rig.get(&rig.acme, path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (_, missing) = json_of(rig.get(&rig.acme, &path.replace("employees", "nothing"))).await;
        assert_eq!(essence(foreign, "-"), essence(missing, "-"));
    }
}

#[tokio::test]
async fn a_key_of_one_plane_does_not_open_the_other() {
    let rig = Rig::idle().await;
    for path in [
        "/admin/v1/partners",
        "/admin/v1/partners/acme",
        "/admin/v1/reports",
        "/admin/v1/queue",
        "/admin/v1/partners/acme/keys",
    ] {
        let (status, _) = json_of(rig.client.get(format!("{}{path}", rig.admin)).bearer_auth(&rig.acme.key)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        let (status, _) = json_of(rig.client.get(format!("{}{path}", rig.admin))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        let (status, _) = json_of(rig.client.get(format!("{}{path}", rig.public)).bearer_auth(crate::rig::TOKEN)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}
