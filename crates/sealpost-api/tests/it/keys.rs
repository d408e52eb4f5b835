//! API keys: several per partner, expiring, revoked.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use sealpost_core::identity::Scope;
use sealpost_core::partner::ApiKey;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::rig::{Rig, json_of};

const KEYS: &str = "/admin/v1/partners/acme/keys";

async fn status_with(rig: &Rig, key: &str) -> (StatusCode, Json) {
    json_of(rig.client.get(format!("{}/v1/reports", rig.public)).header("x-api-key", key)).await
}

#[tokio::test]
async fn a_key_is_shown_once_works_beside_others_and_can_be_revoked() {
    let rig = Rig::idle().await;
    let (status, made) = json_of(rig.operate(Method::POST, KEYS).json(&json!({"label": "night run"}))).await;
    assert_eq!(status, StatusCode::CREATED);
    let key = made["key"].as_str().unwrap();
    assert_eq!(status_with(&rig, key).await.0, StatusCode::OK);

    let (_, list) = json_of(rig.operate(Method::GET, KEYS)).await;
    assert_eq!(list["keys"].as_array().unwrap().len(), 2);
    assert!(!list.to_string().contains(key) && !list.to_string().contains("sha256"), "{list}");

    let id = made["id"].as_str().unwrap();
    for _ in 0..2 {
        let (status, revoked) = json_of(rig.operate(Method::DELETE, &format!("{KEYS}/{id}"))).await;
        assert_eq!((status, &revoked["status"]), (StatusCode::OK, &json!("revoked")));
    }
    let (status, problem) = status_with(&rig, key).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("SP-REQUEST-010")));
    assert_eq!(status_with(&rig, &rig.acme.key).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let rig = Rig::idle().await;
    let text = "sp_abcdefghijkm_0123456789";
    let key = ApiKey {
        id: "abcdefghijkm".parse().unwrap(),
        partner: "acme".parse().unwrap(),
        sha256: hex::encode(Sha256::digest(text)),
        label: String::new(),
        scopes: Scope::all(),
        created_at: Timestamp::UNIX_EPOCH,
        expires_at: Some(Timestamp::UNIX_EPOCH),
        revoked_at: None,
    };
    rig.pipeline.parts().records.put_api_key(&key).await.unwrap();
    let (status, problem) = status_with(&rig, text).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("SP-REQUEST-010")));
    let (_, list) = json_of(rig.operate(Method::GET, KEYS)).await;
    assert!(list["keys"].as_array().unwrap().iter().any(|key| key["status"] == "expired"));
}

#[tokio::test]
async fn keys_that_can_not_be_made() {
    let rig = Rig::idle().await;
    for (body, pointer) in [
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        (json!({"expires_at": "soon"}), "/expires_at"),
        (json!({"label": "x".repeat(201)}), "/label"),
        (json!({"lable": "x"}), "/lable"),
    ] {
        let (status, problem) = json_of(rig.operate(Method::POST, KEYS).json(&body)).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)), "{problem}");
    }
    let nobody = "/admin/v1/partners/nobody/keys";
    for request in [
        rig.operate(Method::POST, nobody),
        rig.operate(Method::GET, nobody),
        rig.operate(Method::DELETE, &format!("{nobody}/abcdefghijkm")),
    ] {
        assert_eq!(json_of(request).await.0, StatusCode::NOT_FOUND);
    }
}

/// Keys that said nothing were given it, before nobody was.
#[tokio::test]
async fn a_key_with_a_scope_that_nothing_needs_works_and_can_be_rotated() {
    let rig = Rig::idle().await;
    let text = "sp_abcdefghijkm_0123456789";
    let before = ApiKey {
        id: "abcdefghijkm".parse().unwrap(),
        partner: "acme".parse().unwrap(),
        sha256: hex::encode(Sha256::digest(text)),
        label: String::new(),
        scopes: [Scope::all(), vec![Scope::SchedulesWrite]].concat(),
        created_at: Timestamp::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
    };
    rig.pipeline.parts().records.put_api_key(&before).await.unwrap();
    let (status, reports) = status_with(&rig, text).await;
    assert_eq!(status, StatusCode::OK, "{reports}");
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/api-keys")).await;
    assert!(list.to_string().contains("abcdefghijkm") && !list.to_string().contains("schedules"), "{list}");

    // By one that has what operations need, and gives no more.
    let (status, new) = json_of(rig.post(&rig.acme, "/v1/api-keys/abcdefghijkm:rotate", &json!({}))).await;
    assert_eq!((status, &new["scopes"]), (StatusCode::CREATED, &json!(Scope::all())), "{new}");
    let (_, list) = json_of(rig.operate(Method::GET, KEYS)).await;
    let stored = list["keys"].as_array().unwrap().iter().find(|key| key["id"] == new["id"]).unwrap();
    assert_eq!(stored["scopes"], json!(Scope::all()));

    // Whoever still names it is not refused.
    let named = json!({"scopes": ["reports:read", "schedules:write"]});
    let (status, made) = json_of(rig.post(&rig.acme, "/v1/api-keys", &named)).await;
    assert_eq!((status, &made["scopes"]), (StatusCode::CREATED, &json!(["reports:read"])), "{made}");

    // A key that may do nothing else may do nothing, and gets no successor.
    let idle = ApiKey { id: "abcdefghijkn".parse().unwrap(), scopes: vec![Scope::SchedulesWrite], ..before };
    rig.pipeline.parts().records.put_api_key(&idle).await.unwrap();
    let nothing = json!({"scopes": ["schedules:write"]});
    for refused in [
        json_of(rig.post(&rig.acme, "/v1/api-keys", &nothing)).await,
        json_of(rig.post(&rig.acme, "/v1/api-keys/abcdefghijkn:rotate", &json!({}))).await,
        json_of(rig.operate(Method::POST, KEYS).json(&nothing)).await,
    ] {
        let (status, problem) = refused;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!("/scopes")),
            "{problem}"
        );
    }
}
