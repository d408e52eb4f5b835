//! Secrets that partners hand in: each stays in the vault as long as something needs it, and no longer.

use reqwest::{Method, StatusCode};
use sealpost_pipeline::Policy;
use serde_json::{Value as Json, json};

use crate::rig::{Rig, id, json_of};
use crate::self_service::{PASSWORD, all, destination, holds};

#[tokio::test]
async fn a_rejected_destination_leaves_no_secret_behind() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let ask = |name: &str| json_of(rig.post(&rig.acme, "/v1/destinations", &destination(name)));
    let (status, change) = ask("second").await;
    assert_eq!((status, &change["wanted"]["host"]), (StatusCode::ACCEPTED, &json!("sftp.acme.example")), "{change}");
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1, "it waits in the vault");
    let path = format!("/admin/v1/changes/{}:reject", change["id"].as_str().unwrap());
    let (status, rejected) = json_of(rig.operate(Method::POST, &path).json(&json!({"reason": "who is this?"}))).await;
    assert_eq!((status, &rejected["status"]), (StatusCode::OK, &json!("rejected")));
    assert!(!rejected.to_string().contains("vault"), "{rejected}");
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());

    let (_, change) = ask("second").await;
    assert_eq!(
        json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/changes/{}", change["id"].as_str().unwrap()))).await.0,
        StatusCode::OK
    );
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
    // One that waits already: the second password is not kept.
    ask("third").await;
    assert_eq!(ask("third").await.1["code"], "SP-REQUEST-035");
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1);
}

#[tokio::test]
async fn what_waits_for_approval_goes_with_its_partner() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let (status, _) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1, "it waits in the vault");
    let (status, problem) = json_of(rig.operate(Method::DELETE, "/admin/v1/partners/acme")).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
}

#[tokio::test]
async fn a_change_that_waits_keeps_the_login_that_it_needs() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let decide = |change: &Json, verb: &str| {
        json_of(rig.operate(Method::POST, &format!("/admin/v1/changes/{}:{verb}", id(change))))
    };
    let (_, made) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    assert_eq!(decide(&made, "approve").await.0, StatusCode::OK);
    // Without a login: it stays as it is.
    let path = format!("/v1/destinations/{}", made["destination"].as_str().unwrap());
    let wish = json!({"host": "sftp.acme.example", "user": "reports", "directory": "elsewhere"});
    let (status, change) = json_of(rig.ask(&rig.acme, Method::PUT, &path).json(&wish)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{change}");

    let (_, shown) = json_of(rig.operate(Method::GET, "/admin/v1/partners/acme")).await;
    let mut connectors = shown["connectors"].clone();
    connectors.as_object_mut().unwrap().remove("second");
    let (status, answer) = rig.change_acme(json!({"connectors": connectors, "deliver_to": ["main"]})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1, "it may be approved");
    assert_eq!(decide(&change, "reject").await.0, StatusCode::OK);
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
}
