//! An engine that can't do everything is asked before anything is kept for it.

use reqwest::{Method, StatusCode};
use sealpost_pipeline::Policy;
use serde_json::{Value as Json, json};

use crate::rig::{Rig, json_of};
use crate::self_service::{PASSWORD, all, destination, holds};

#[tokio::test]
async fn a_destination_that_the_engine_can_not_do_is_refused_when_it_is_asked_for() {
    for policy in [Policy::Approval, Policy::Allowed] {
        let rig = Rig::self_serving(all(policy)).await;
        let (_, before) = json_of(rig.get(&rig.acme, "/v1/destinations")).await;
        let path = format!("/v1/destinations/{}", before["destinations"][0]["id"].as_str().unwrap());
        let unfit = |name: &str, login: Json| {
            let mut wish = destination(name);
            (wish["directory"], wish["login"]) = (json!("unfit"), login);
            wish
        };
        let password = || destination("x")["login"].clone();
        for request in [
            rig.post(&rig.acme, "/v1/destinations", &unfit("second", password())),
            rig.post(&rig.acme, "/v1/destinations", &unfit("second", json!({"method": "generated_key"}))),
            rig.ask(&rig.acme, Method::PUT, &path).json(&unfit("main", password())),
        ] {
            let (status, problem) = json_of(request).await;
            assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-038")), "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains("unfit on purpose"), "{problem}");
        }
        // Nothing is kept of it, and nothing waits.
        assert!(holds(rig.folder.path(), PASSWORD).is_empty() && holds(rig.folder.path(), "PRIVATE-CANARY").is_empty());
        assert_eq!(json_of(rig.get(&rig.acme, "/v1/changes")).await.1["changes"], json!([]));
        assert_eq!(json_of(rig.get(&rig.acme, "/v1/destinations")).await.1, before);
    }
}

/// It is judged as it would be: with the service's own connector, where that stays.
#[tokio::test]
async fn a_change_is_judged_with_what_the_operator_has_set_up() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let records = &rig.pipeline.parts().records;
    let mut main = records.connectors(Some(&"acme".parse().unwrap())).await.unwrap().remove(0);
    main.settings.aws_connector = Some("c-0123456789abcdef0".parse().unwrap());
    records.put_connector(&main).await.unwrap();
    let path = format!("/v1/destinations/{}", main.id);
    let put = |body: Json| json_of(rig.ask(&rig.acme, Method::PUT, &path).json(&body));
    let (host, user) = (&main.settings.host, &main.settings.user);
    let (status, changed) = put(json!({"host": host, "user": user, "directory": "unfit"})).await;
    assert_eq!((status, &changed["directory"]), (StatusCode::OK, &json!("unfit")), "{changed}");
    // With another login it does not stay.
    let login = destination("x")["login"].clone();
    let (status, problem) = put(json!({"host": host, "user": user, "directory": "unfit", "login": login})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-038")), "{problem}");
    assert!(records.connector(&main.id).await.unwrap().unwrap().settings.aws_connector.is_some());
}

#[tokio::test]
async fn a_document_that_the_engine_can_not_do_is_refused_and_what_is_there_may_stay() {
    let rig = Rig::idle().await;
    let (_, shown) = json_of(rig.operate(Method::GET, "/admin/v1/partners/acme")).await;
    let mut connectors = shown["connectors"].clone();
    connectors["main"]["directory"] = json!("unfit");
    let (status, problem) = rig.change_acme(json!({"connectors": connectors})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("SP-CONFIG-004")), "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/connectors/main", "{problem}");
    assert_eq!(json_of(rig.operate(Method::GET, "/admin/v1/partners/acme")).await.1, shown);
    // It was taken while another engine was chosen.
    let records = &rig.pipeline.parts().records;
    let mut main = records.connectors(Some(&"acme".parse().unwrap())).await.unwrap().remove(0);
    main.settings.directory = "unfit".to_owned();
    records.put_connector(&main).await.unwrap();
    let (status, answer) = rig.change_acme(json!({"enabled": false})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
