//! What partners change about themselves: policies, refusals, approval, isolation, the audit trail, and no secret anywhere.

use std::path::Path;

use reqwest::{Method, StatusCode};
use sealpost_core::connector::UserSecret;
use sealpost_core::id::ConnectorId;
use sealpost_pipeline::{Policy, SelfService};
use sealpost_seal::{KeyKind, KeyRequest};
use serde_json::{Value as Json, json};

use crate::rig::{Partner, Rig, json_of};

pub(crate) const PASSWORD: &str = "hunter2-canary-password";
const UNKNOWN: &str = "0123456789ABCDEF0123456789ABCDEF01234567";

pub(crate) fn all(policy: Policy) -> SelfService {
    SelfService { certificates: policy, destinations: policy, host_keys: policy, ..SelfService::default() }
}

fn new_key() -> sealpost_seal::GeneratedKey {
    let request = KeyRequest {
        user_id: "New <new@acme.example>",
        kind: KeyKind::Ed25519,
        now: jiff::Timestamp::now(),
        valid_for: None,
        passphrase: None,
    };
    sealpost_seal::generate(&request).unwrap()
}

async fn fingerprints(rig: &Rig, partner: &Partner) -> Vec<String> {
    let (status, list) = json_of(rig.get(partner, "/v1/keys")).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    list["keys"].as_array().unwrap().iter().map(|key| key["fingerprint"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn destination(name: &str) -> Json {
    json!({
        "name": name, "host": "sftp.acme.example", "user": "reports", "directory": "incoming",
        "login": {"method": "password", "password": PASSWORD},
    })
}

async fn actions(rig: &Rig, partner: &str) -> Vec<String> {
    let (status, audit) =
        json_of(rig.operate(Method::GET, &format!("/admin/v1/audit?partner={partner}&limit=100"))).await;
    assert_eq!(status, StatusCode::OK, "{audit}");
    assert_eq!(audit["next_cursor"], Json::Null);
    audit["entries"].as_array().unwrap().iter().rev().map(|one| one["action"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn holds(folder: &Path, canary: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds(&path, canary));
        } else if std::fs::read(&path).unwrap().windows(canary.len()).any(|window| window == canary.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn what_the_operator_keeps_to_itself_is_refused() {
    let rig = Rig::self_serving(all(Policy::Off)).await;
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/destinations")).await;
    let id = list["destinations"][0]["id"].as_str().unwrap().to_owned();
    let own = fingerprints(&rig, &rig.acme).await.remove(0);
    let host_key = json!({"fingerprint": "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A"});
    for request in [
        rig.post(&rig.acme, "/v1/keys", &json!({"certificate": new_key().public})),
        rig.ask(&rig.acme, Method::DELETE, &format!("/v1/keys/{own}")),
        rig.post(&rig.acme, "/v1/destinations", &destination("second")),
        rig.ask(&rig.acme, Method::DELETE, &format!("/v1/destinations/{id}")),
        rig.post(&rig.acme, &format!("/v1/destinations/{id}/host-keys"), &host_key),
    ] {
        let (status, problem) = json_of(request).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-038")), "{problem}");
    }
    // Nothing was kept on the way to the refusal.
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
    assert_eq!(json_of(rig.get(&rig.acme, "/v1/changes")).await.1["changes"], json!([]));
}

#[tokio::test]
async fn a_certificate_is_added_replaced_with_overlap_and_retired() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let old = fingerprints(&rig, &rig.acme).await.remove(0);
    let cut_over = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
    let body = json!({"certificate": new_key().public, "replaces": old.to_lowercase(), "cut_over": cut_over});
    let answer = rig.post(&rig.acme, "/v1/keys", &body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let new: Json = answer.json().await.unwrap();
    assert_eq!((&new["in_use"], &new["use_until"], &new["awaits_proof"]), (&json!(true), &Json::Null, &json!(false)));
    assert_eq!(json_of(rig.get(&rig.acme, &location)).await.1, new);
    let (_, before) = json_of(rig.get(&rig.acme, &format!("/v1/keys/{old}"))).await;
    assert_eq!((&before["in_use"], &before["use_until"]), (&json!(true), &json!(cut_over)));

    // The one that stays can't be retired; the other can, and then it is gone.
    let (status, problem) = json_of(rig.ask(&rig.acme, Method::DELETE, &location)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-040")), "{problem}");
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let (status, change) = json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/keys/{old}?at={at}"))).await;
    assert_eq!((status, &change["status"]), (StatusCode::OK, &json!("applied")), "{change}");
    let (_, before) = json_of(rig.get(&rig.acme, &format!("/v1/keys/{old}"))).await;
    assert_eq!(before["use_until"], json!(at));
    let (status, _) = json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/keys/{old}"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(fingerprints(&rig, &rig.acme).await, [new["fingerprint"].as_str().unwrap()]);
    let done = actions(&rig, "acme").await;
    let about: Vec<&str> = done.iter().map(String::as_str).filter(|one| one.starts_with("certificate")).collect();
    assert_eq!(about, ["certificate.add", "certificate.retire", "certificate.retire"]);
}

#[tokio::test]
async fn certificates_that_are_refused_say_why_and_where() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let key = new_key();
    let secret = key.secret.expose_text().unwrap().to_owned();
    let add = |body: Json| json_of(rig.post(&rig.acme, "/v1/keys", &body));
    let far = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 91);
    let own = fingerprints(&rig, &rig.acme).await.remove(0);
    for (body, code, pointer) in [
        (json!({"certificate": "nonsense"}), "SP-SEAL-001", "/certificate"),
        (json!({"certificate": secret}), "SP-SEAL-002", "/certificate"),
        (json!({"certificate": format!("{}{secret}", key.public)}), "SP-SEAL-002", "/certificate"),
        (json!({"certificate": key.public, "replaces": UNKNOWN}), "SP-REQUEST-001", "/replaces"),
        (json!({"certificate": key.public, "cut_over": far}), "SP-REQUEST-001", "/cut_over"),
        (json!({"certificate": key.public, "replaces": own, "cut_over": far}), "SP-REQUEST-001", "/cut_over"),
        (
            json!({"certificate": key.public, "replaces": own, "cut_over": "2020-01-01T00:00:00Z"}),
            "SP-REQUEST-001",
            "/cut_over",
        ),
        (json!({"certificate": 1}), "SP-REQUEST-001", "/certificate"),
        (json!({"certificat": key.public}), "SP-REQUEST-001", "/certificat"),
    ] {
        let (status, problem) = add(body).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::BAD_REQUEST, Some(code)), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(!problem.to_string().contains("PRIVATE KEY BLOCK-----\\n"), "{problem}");
    }
    // Of the private key nothing was kept, but that it came is known.
    let line = secret.lines().find(|line| line.len() > 40).unwrap();
    assert!(holds(rig.folder.path(), line).is_empty());
    assert_eq!(actions(&rig, "acme").await.iter().filter(|one| *one == "certificate.refuse").count(), 2);

    // Ten at most; the same one twice is one.
    for _ in 0..9 {
        assert_eq!(add(json!({"certificate": new_key().public})).await.0, StatusCode::CREATED);
    }
    let (status, problem) = add(json!({"certificate": key.public})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-037")), "{problem}");
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/keys")).await;
    assert_eq!(list["keys"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_change_waits_for_approval_and_is_decided_once() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let body = json!({"certificate": new_key().public});
    let answer = rig.post(&rig.acme, "/v1/keys", &body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let change: Json = answer.json().await.unwrap();
    assert_eq!((&change["status"], &change["action"]), (&json!("pending"), &json!("certificate.add")));
    assert!(change.get("partner").is_none() && change.get("decided_by").is_none(), "{change}");
    assert_eq!(fingerprints(&rig, &rig.acme).await.len(), 1);
    // The same thing again has to wait.
    let (status, problem) = json_of(rig.post(&rig.acme, "/v1/keys", &body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-035")));

    // Another partner sees and does nothing with it.
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(json_of(rig.ask(&rig.globex, method, &location)).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(json_of(rig.get(&rig.globex, "/v1/changes")).await.1["changes"], json!([]));

    let path = format!("/admin{location}");
    let (_, waiting) = json_of(rig.operate(Method::GET, "/admin/v1/changes?partner=acme&status=pending")).await;
    assert_eq!(waiting["changes"][0]["partner"], "acme");
    assert_eq!(json_of(rig.operate(Method::POST, &path)).await.0, StatusCode::NOT_FOUND, "a verb is needed");
    let reason = json!({"reason": "confirmed by phone"});
    let (status, done) = json_of(rig.operate(Method::POST, &format!("{path}:approve")).json(&reason)).await;
    assert_eq!((status, &done["status"]), (StatusCode::OK, &json!("applied")), "{done}");
    assert_eq!(fingerprints(&rig, &rig.acme).await.len(), 2);
    let (_, seen) = json_of(rig.get(&rig.acme, &location)).await;
    assert_eq!((&seen["status"], &seen["reason"]), (&json!("applied"), &json!("confirmed by phone")));
    for verb in ["approve", "reject"] {
        let (status, problem) = json_of(rig.operate(Method::POST, &format!("{path}:{verb}"))).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-015")));
    }
    assert_eq!(json_of(rig.ask(&rig.acme, Method::DELETE, &location)).await.0, StatusCode::CONFLICT);
    let done = actions(&rig, "acme").await;
    assert_eq!(done[done.len() - 3..], ["change.ask", "change.approve", "certificate.add"]);
}

#[tokio::test]
async fn a_change_is_checked_again_when_it_is_approved() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let own = fingerprints(&rig, &rig.acme).await.remove(0);
    let (_, add) = json_of(rig.post(&rig.acme, "/v1/keys", &json!({"certificate": new_key().public}))).await;
    let approve = |change: &Json| {
        json_of(rig.operate(Method::POST, &format!("/admin/v1/changes/{}:approve", change["id"].as_str().unwrap())))
    };
    assert_eq!(approve(&add).await.0, StatusCode::OK);
    let added = add["fingerprint"].as_str().unwrap();
    let retire = |fingerprint: &str| json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/keys/{fingerprint}")));
    // Each alone would be well.
    let ((_, one), (_, other)) = (retire(&own).await, retire(added).await);
    assert_eq!((&one["status"], &other["status"]), (&json!("pending"), &json!("pending")));
    assert_eq!(approve(&one).await.0, StatusCode::OK);
    let (status, problem) = approve(&other).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-040")), "{problem}");
    let (_, still) = json_of(rig.get(&rig.acme, &format!("/v1/changes/{}", other["id"].as_str().unwrap()))).await;
    assert_eq!(still["status"], "pending");
    assert_eq!(fingerprints(&rig, &rig.acme).await, [added]);
    let (status, gone) =
        json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/changes/{}", other["id"].as_str().unwrap()))).await;
    assert_eq!((status, &gone["status"]), (StatusCode::OK, &json!("withdrawn")));
}

#[tokio::test]
async fn destinations_are_made_changed_and_removed_and_their_secrets_go_with_them() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let (status, made) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    assert_eq!((status, &made["login"][0]["method"]), (StatusCode::CREATED, &json!("password")), "{made}");
    assert_eq!((&made["host_keys"], &made["receives_reports"]), (&json!([]), &json!(true)));
    assert!(!made.to_string().contains(PASSWORD) && !made.to_string().contains("vault"), "{made}");
    let path = format!("/v1/destinations/{}", made["id"].as_str().unwrap());
    assert_eq!(json_of(rig.get(&rig.acme, &path)).await.1, made);
    let kept = holds(rig.folder.path(), PASSWORD);
    assert_eq!(kept.len(), 1, "in the vault alone, not in the ledger: {kept:?}");
    assert!(kept[0].contains("/vault/acme/second/"), "{kept:?}");
    let (status, problem) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-041")));

    // Without a login it stays as it is, but a password is for the account that it was given for.
    let put = |body: Json| json_of(rig.ask(&rig.acme, Method::PUT, &path).json(&body));
    let (status, same) = put(json!({"host": "sftp.acme.example", "user": "reports", "receives_reports": false})).await;
    assert_eq!((status, &same["receives_reports"], &same["directory"]), (StatusCode::OK, &json!(false), &json!("")));
    for elsewhere in
        [json!({"host": "evil.example", "user": "reports"}), json!({"host": "sftp.acme.example", "user": "x"})]
    {
        let (status, problem) = put(elsewhere).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!("/login")),
            "{problem}"
        );
    }
    let (status, problem) = put(json!({"name": "third", "host": "a.example", "user": "x"})).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/name")));
    let generated = json!({"host": "sftp.acme.example", "user": "reports", "login": {"method": "generated_key"}});
    let (status, changed) = put(generated).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        changed["login"],
        json!([{"method": "generated_key", "public_key": "ssh-ed25519 AAAA sealpost acme/second"}])
    );
    assert!(holds(rig.folder.path(), PASSWORD).is_empty(), "the old password is forgotten");
    assert_eq!(holds(rig.folder.path(), "PRIVATE-CANARY").len(), 1);

    let (status, _) = json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(json_of(rig.get(&rig.acme, &path)).await.0, StatusCode::NOT_FOUND);
    assert!(holds(rig.folder.path(), "PRIVATE-CANARY").is_empty());
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/destinations")).await;
    assert_eq!(list["destinations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_operator_has_set_up_is_not_lost_by_a_change() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/destinations")).await;
    let id: ConnectorId = list["destinations"][0]["id"].as_str().unwrap().parse().unwrap();
    let records = &rig.pipeline.parts().records;
    let before = records.connector(&id).await.unwrap().unwrap();
    let put = |body: Json| json_of(rig.ask(&rig.acme, Method::PUT, &format!("/v1/destinations/{id}")).json(&body));
    let (host, port) = (before.settings.host.clone(), before.settings.port);

    // User and key in one secret: there is no login that could stay as it is.
    let mut of_secret = before.clone();
    of_secret.settings.user = String::new();
    of_secret.settings.login = Vec::new();
    of_secret.settings.user_secret = Some(UserSecret { secret: "file:sftp".parse().unwrap(), stages: Vec::new() });
    records.put_connector(&of_secret).await.unwrap();
    let (status, problem) = put(json!({"host": host, "port": port, "user": "x", "directory": "in2"})).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/login")), "{problem}");
    assert_eq!(records.connector(&id).await.unwrap(), Some(of_secret));

    // The transfer service's own connector stays with server, user and login.
    let mut of_service = before.clone();
    of_service.settings.aws_connector = Some("c-0123456789abcdef0".parse().unwrap());
    records.put_connector(&of_service).await.unwrap();
    let user = &before.settings.user;
    let (status, changed) = put(json!({"host": host, "port": port, "user": user, "directory": "in2"})).await;
    assert_eq!((status, &changed["directory"]), (StatusCode::OK, &json!("in2")), "{changed}");
    let after = records.connector(&id).await.unwrap().unwrap();
    assert_eq!(after.settings.aws_connector, of_service.settings.aws_connector);
}

#[tokio::test]
async fn destinations_that_can_not_be() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    for (member, value, code, pointer) in [
        ("host", json!("127.0.0.1"), "SP-REQUEST-036", "/host"),
        ("host", json!("10.1.2.3"), "SP-REQUEST-036", "/host"),
        ("host", json!("169.254.169.254"), "SP-REQUEST-036", "/host"),
        ("host", json!("168.63.129.16"), "SP-REQUEST-036", "/host"),
        ("host", json!("[::1]"), "SP-REQUEST-036", "/host"),
        ("host", json!("::ffff:192.168.0.1"), "SP-REQUEST-036", "/host"),
        ("host", json!("localhost"), "SP-REQUEST-036", "/host"),
        ("host", json!("printer.local."), "SP-REQUEST-036", "/host"),
        ("host", json!("sftp://acme.example"), "SP-REQUEST-001", "/host"),
        ("host", json!("a\nb"), "SP-REQUEST-001", "/host"),
        ("port", json!(0), "SP-REQUEST-001", "/port"),
        ("user", json!(""), "SP-REQUEST-001", "/user"),
        ("name", json!("A/B"), "SP-REQUEST-001", "/name"),
        ("name", Json::Null, "SP-REQUEST-001", "/name"),
        ("directory", json!("a/../b"), "SP-REQUEST-001", "/directory"),
        ("existing_file", json!("ask"), "SP-REQUEST-001", "/existing_file"),
        ("login", Json::Null, "SP-REQUEST-001", "/login"),
        ("login", json!({"method": "password"}), "SP-REQUEST-001", "/login"),
        ("login", json!({"method": "password", "pass": PASSWORD}), "SP-REQUEST-001", "/login"),
        ("login", json!(PASSWORD), "SP-REQUEST-001", "/login"),
        ("host_keys", json!([]), "SP-REQUEST-001", "/host_keys"),
        ("limits", json!({}), "SP-REQUEST-001", "/limits"),
        ("public_only", json!(false), "SP-REQUEST-001", "/public_only"),
    ] {
        let mut body = destination("second");
        body[member] = value;
        let (status, problem) = json_of(rig.post(&rig.acme, "/v1/destinations", &body)).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::BAD_REQUEST, Some(code)), "{member}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(!problem.to_string().contains(PASSWORD), "{problem}");
    }
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
}

#[tokio::test]
async fn nothing_of_another_partner_is_there() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let (_, list) = json_of(rig.get(&rig.globex, "/v1/destinations")).await;
    let theirs = list["destinations"][0]["id"].as_str().unwrap();
    let key = fingerprints(&rig, &rig.globex).await.remove(0);
    let api_key = rig.globex.key.split('_').nth(1).unwrap();
    let host_key = json!({"fingerprint": "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A"});
    let query = "fingerprint=SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A";
    let wish = json!({"host": "evil.example", "user": "x", "login": {"method": "generated_key"}});
    for (method, path, body) in [
        (Method::GET, format!("/v1/keys/{key}"), None),
        (Method::DELETE, format!("/v1/keys/{key}"), None),
        (Method::POST, format!("/v1/keys/{key}:challenge"), None),
        (Method::POST, format!("/v1/keys/{key}:prove"), Some(json!({"answer": "x"}))),
        (Method::GET, format!("/v1/destinations/{theirs}"), None),
        (Method::PUT, format!("/v1/destinations/{theirs}"), Some(wish)),
        (Method::DELETE, format!("/v1/destinations/{theirs}"), None),
        (Method::POST, format!("/v1/destinations/{theirs}:test"), None),
        (Method::POST, format!("/v1/destinations/{theirs}/host-keys"), Some(host_key)),
        (Method::DELETE, format!("/v1/destinations/{theirs}/host-keys?{query}"), None),
        (Method::DELETE, format!("/v1/api-keys/{api_key}"), None),
        (Method::POST, format!("/v1/api-keys/{api_key}:rotate"), None),
    ] {
        let mut request = rig.ask(&rig.acme, method.clone(), &path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let (status, problem) = json_of(request).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::NOT_FOUND, &json!("SP-REQUEST-008")),
            "{method} {path}: {problem}"
        );
    }
    assert_eq!(json_of(rig.get(&rig.globex, "/v1/destinations")).await.1, list);
    assert_eq!(fingerprints(&rig, &rig.globex).await, [key]);
    assert_eq!(json_of(rig.get(&rig.globex, "/v1/changes")).await.1["changes"], json!([]));
}

#[tokio::test]
async fn api_keys_can_do_no_more_than_what_made_them() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let make = |key: &str, body: Json| {
        json_of(rig.client.post(format!("{}/v1/api-keys", rig.public)).bearer_auth(key).json(&body))
    };
    let (status, made) = make(&rig.acme.key, json!({"label": "keys", "scopes": ["reports:read", "keys:write"]})).await;
    assert_eq!((status, &made["status"]), (StatusCode::CREATED, &json!("active")), "{made}");
    let narrow = made["key"].as_str().unwrap().to_owned();
    let (status, problem) = make(&narrow, json!({"scopes": ["reports:read", "reports:write"]})).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/scopes/1")), "{problem}");
    let (status, reader) = make(&narrow, json!({"scopes": ["reports:read"]})).await;
    assert_eq!(status, StatusCode::CREATED);
    let reader = reader["key"].as_str().unwrap().to_owned();
    let (status, problem) = make(&reader, json!({"scopes": ["reports:read"]})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("SP-REQUEST-028")));
    // A key that may do more can't be taken over by rotating it, but it can be revoked.
    let rotate = |key: &str, id: &str, body: Json| {
        json_of(rig.client.post(format!("{}/v1/api-keys/{id}:rotate", rig.public)).bearer_auth(key).json(&body))
    };
    let main = rig.acme.key.split('_').nth(1).unwrap();
    let (status, problem) = rotate(&narrow, main, json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("SP-REQUEST-028")), "{problem}");

    let (status, rotated) = rotate(&rig.acme.key, made["id"].as_str().unwrap(), json!({"overlap_hours": 1})).await;
    assert_eq!((status, &rotated["scopes"]), (StatusCode::CREATED, &made["scopes"]), "{rotated}");
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/api-keys")).await;
    let old = list["api_keys"].as_array().unwrap().iter().find(|key| key["id"] == made["id"]).unwrap().clone();
    let left =
        old["expires_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().duration_since(jiff::Timestamp::now());
    assert!((3500..=3600).contains(&left.as_secs()), "{old}");
    assert!(!list.to_string().contains(&narrow) && !list.to_string().contains("sha256"));
    let (_, now) = rotate(&rig.acme.key, rotated["id"].as_str().unwrap(), json!({"overlap_hours": 0})).await;
    let (status, problem) = make(rotated["key"].as_str().unwrap(), json!({"scopes": ["reports:read"]})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("SP-REQUEST-010")), "{problem}");
    let (status, problem) = rotate(&rig.acme.key, rotated["id"].as_str().unwrap(), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-015")), "{problem}");
    let path = format!("/v1/api-keys/{}", now["id"].as_str().unwrap());
    for _ in 0..2 {
        let (status, revoked) = json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await;
        assert_eq!((status, &revoked["status"]), (StatusCode::OK, &json!("revoked")));
    }
    assert!(holds(rig.folder.path(), &narrow).is_empty(), "no key is kept");
    let done = actions(&rig, "acme").await;
    let about: Vec<&str> = done.iter().map(String::as_str).filter(|one| one.starts_with("api_key")).collect();
    let expected = ["create", "create", "create", "create", "rotate", "create", "rotate", "revoke"];
    assert_eq!(about, expected.map(|one| format!("api_key.{one}")));
}

#[tokio::test]
async fn an_api_key_does_not_outlive_the_one_that_made_it() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let make = |key: &str, body: Json| {
        json_of(rig.client.post(format!("{}/v1/api-keys", rig.public)).bearer_auth(key).json(&body))
    };
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let later = tomorrow + jiff::SignedDuration::from_secs(1);
    let body = json!({"scopes": ["keys:write"], "expires_at": tomorrow});
    let short = make(&rig.acme.key, body.clone()).await.1["key"].as_str().unwrap().to_owned();
    for wish in [json!({"scopes": ["keys:write"]}), json!({"scopes": ["keys:write"], "expires_at": later})] {
        let (status, problem) = make(&short, wish).await;
        let place = &problem["errors"][0]["pointer"];
        assert_eq!((status, place), (StatusCode::BAD_REQUEST, &json!("/expires_at")), "{problem}");
    }
    let (status, made) = make(&short, body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    // Nor by rotating one that has no end.
    let (_, endless) = make(&rig.acme.key, json!({"scopes": ["keys:write"]})).await;
    let path = format!("{}/v1/api-keys/{}:rotate", rig.public, endless["id"].as_str().unwrap());
    let (status, problem) = json_of(rig.client.post(path).bearer_auth(&short).json(&json!({}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
}

#[tokio::test]
async fn there_are_twenty_api_keys_at_most() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let make = || json_of(rig.post(&rig.acme, "/v1/api-keys", &json!({"scopes": ["reports:read"]})));
    for _ in 1..20 {
        assert_eq!(make().await.0, StatusCode::CREATED);
    }
    let (status, problem) = make().await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-037")));
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/api-keys")).await;
    let path = format!("/v1/api-keys/{}", list["api_keys"][0]["id"].as_str().unwrap());
    assert_eq!(json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await.0, StatusCode::OK);
    assert_eq!(make().await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn there_are_twenty_destinations_at_most() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let asked = (0..30)
        .map(|number| json_of(rig.post(&rig.acme, "/v1/destinations", &destination(&format!("further-{number}")))));
    let mut made = 0;
    for (status, answer) in futures::future::join_all(asked).await {
        if status == StatusCode::CREATED {
            made += 1;
        } else {
            assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-037")), "{answer}");
        }
    }
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/destinations")).await;
    assert_eq!((made, list["destinations"].as_array().unwrap().len()), (19, 20), "beside `main`");
    // Of what was refused nothing waits, and nothing is kept.
    assert_eq!(json_of(rig.get(&rig.acme, "/v1/changes?status=pending")).await.1["changes"], json!([]));
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), made);
}

#[tokio::test]
async fn a_document_leaves_alone_what_it_does_not_name() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    json_of(rig.post(&rig.acme, "/v1/keys", &json!({"certificate": new_key().public}))).await;
    json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    let path = "/admin/v1/partners/acme";
    let (_, before) = json_of(rig.operate(Method::GET, path)).await;
    let document = json!({"name": "Acme Inc", "scope": "1", "grants": [{"report": "contracts.v1"}]});
    let (status, changed) = json_of(rig.operate(Method::PUT, path).json(&document)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    let (_, after) = json_of(rig.operate(Method::GET, path)).await;
    for member in ["certificates", "identities", "connectors", "deliver_to"] {
        assert_eq!(before[member], after[member], "{member}");
    }
    assert_eq!(after["name"], "Acme Inc");
    // What it names is made so, and the plan says what goes.
    let mut document = after.clone();
    document["connectors"].as_object_mut().unwrap().remove("second");
    document["deliver_to"] = json!(["main"]);
    let (_, planned) = json_of(rig.operate(Method::PUT, &format!("{path}?plan=true")).json(&document)).await;
    let removed = json!({"action": "remove", "subject": "connector acme/second", "members": []});
    assert!(planned["changes"].as_array().unwrap().contains(&removed), "{planned}");
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1);
    json_of(rig.operate(Method::PUT, path).json(&document)).await;
    assert!(holds(rig.folder.path(), PASSWORD).is_empty(), "with the connector goes its secret");
    assert!(actions(&rig, "acme").await.contains(&"destination.remove".to_owned()));
}

#[tokio::test]
async fn the_audit_trail_says_who_did_what_and_is_read_page_by_page() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let answer =
        rig.post(&rig.acme, "/v1/api-keys", &json!({"label": "x", "scopes": ["reports:read"]})).send().await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let made: Json = answer.json().await.unwrap();
    let (_, page) = json_of(rig.operate(Method::GET, "/admin/v1/audit?partner=acme&limit=1")).await;
    let entry = &page["entries"][0];
    assert_eq!((&entry["action"], &entry["subject"]), (&json!("api_key.create"), &made["id"]));
    assert_eq!(entry["actor"], json!({"kind": "api_key", "id": rig.acme.key.split('_').nth(1).unwrap()}));
    assert_eq!(entry["request_id"], json!(request_id));
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, next) =
        json_of(rig.operate(Method::GET, &format!("/admin/v1/audit?partner=acme&limit=1&cursor={cursor}"))).await;
    assert_ne!(next["entries"][0]["id"], entry["id"]);
    let (status, problem) = json_of(rig.operate(Method::GET, "/admin/v1/audit?cursor=nonsense")).await;
    assert_eq!((status, &problem["errors"][0]["parameter"]), (StatusCode::BAD_REQUEST, &json!("cursor")));
    // Operators are in it too.
    let path = format!("/admin/v1/partners/acme/keys/{}", made["id"].as_str().unwrap());
    json_of(rig.operate(Method::DELETE, &path)).await;
    let (_, page) = json_of(rig.operate(Method::GET, "/admin/v1/audit?partner=acme&limit=1")).await;
    assert_eq!(page["entries"][0]["actor"], json!({"kind": "operator", "id": "admin"}));
    let (_, others) = json_of(rig.operate(Method::GET, "/admin/v1/audit?partner=globex&limit=100")).await;
    assert!(others["entries"].as_array().unwrap().iter().all(|one| one["partner"] == "globex"));
}

#[tokio::test]
async fn a_preview_estimates_rows_and_size() {
    let rig = Rig::working().await;
    for (partner, rows, exact) in [(&rig.acme, u64::from(crate::rig::ROWS), false), (&rig.globex, 3, true)] {
        let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
        let (status, preview) = json_of(rig.post(partner, "/v1/reports:preview", &body)).await;
        assert_eq!(status, StatusCode::OK, "{preview}");
        assert_eq!((&preview["estimated_rows"], &preview["exact"]), (&json!(rows), &json!(exact)), "{preview}");
        let report = rig.contracts(partner).await;
        let report = rig.done(partner, report["id"].as_str().unwrap()).await;
        let path = format!("/v1/reports/{}/file", report["id"].as_str().unwrap());
        let sealed = rig.get(partner, &path).send().await.unwrap().bytes().await.unwrap();
        let mut plain = Vec::new();
        sealpost_seal::decrypt(&sealed[..], &partner.secret, None, &mut plain).unwrap();
        let (size, guess) = (plain.len() as u64, preview["estimated_size"].as_u64().unwrap());
        if exact {
            assert_eq!(guess, size);
        } else {
            assert!(guess > size / 10 * 9 && guess < size / 10 * 11, "{guess} instead of {size}");
        }
    }
}
