//! Two partners: neither sees, fetches, changes or receives anything of the other.

use std::process::Command;

use serde_json::json;

use crate::world::{Caller, World};

fn world() -> World {
    let world = World::with_sqlite(
        "CREATE TABLE salaries (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, name TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO salaries SELECT i, CASE WHEN i % 2 THEN 'acme' ELSE 'bravo' END, 'employee-of-' || CASE WHEN i % 2 THEN 'acme' ELSE 'bravo' END FROM n;",
    );
    world.report_type(
        "salaries.v1",
        "title = \"Salaries\"\n",
        "SELECT id, name FROM salaries WHERE partner = :partner_scope",
    );
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partner_receives_its_own_rows_in_its_own_folder() {
    let world = world();
    for id in ["acme", "bravo"] {
        world.partner(id, id);
    }
    world.apply();
    let _serving = world.serve().await;
    for (id, other) in [("acme", "bravo"), ("bravo", "acme")] {
        let caller = Caller::new(&world, &world.api_key(id));
        // Trying to be someone else by parameter is refused before any work.
        let cheat = json!({ "report_type": "salaries.v1", "parameters": { "partner_scope": other } });
        let (status, problem) = caller.call("POST", "/v1/reports", Some(cheat)).await.expect("an answer");
        assert_eq!(
            (status, problem["errors"][0]["pointer"].as_str()),
            (400, Some("/parameters/partner_scope")),
            "{problem}"
        );
        let (_, created) =
            caller.call("POST", "/v1/reports", Some(json!({ "report_type": "salaries.v1" }))).await.expect("an answer");
        let report = caller.ended(created["id"].as_str().expect("an id")).await;
        let file = world.inbox(id).join(report["file"]["name"].as_str().expect("a name"));
        let plain = String::from_utf8(world.decrypt(&file)).expect("UTF-8");
        assert_eq!(plain.matches(&format!("employee-of-{id}")).count(), 500);
        assert!(!plain.contains(other));
        assert_eq!(world.names(id).len(), 1);
        assert!(world.path("data/store").join(id).is_dir());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_partner_is_reachable_by_any_endpoint() {
    let world = world();
    for id in ["acme", "bravo"] {
        world.partner(id, id);
    }
    world.apply();
    let _serving = world.serve().await;
    let acme = Caller::new(&world, &world.api_key("acme"));
    let bravo = Caller::new(&world, &world.api_key("bravo"));
    let (_, created) =
        acme.call("POST", "/v1/reports", Some(json!({ "report_type": "salaries.v1" }))).await.expect("an answer");
    let id = created["id"].as_str().expect("an id").to_owned();
    acme.ended(&id).await;
    let missing = "rep_00000000000000000000000000";
    for (method, path, body) in [
        ("GET", "", None),
        ("GET", "/file", None),
        ("GET", "/timeline", None),
        ("POST", "/deliveries", Some(json!({}))),
        ("DELETE", "", None),
    ] {
        let (status, theirs) =
            bravo.call(method, &format!("/v1/reports/{id}{path}"), body.clone()).await.expect("an answer");
        let (_, nobodys) = bravo.call(method, &format!("/v1/reports/{missing}{path}"), body).await.expect("an answer");
        assert_eq!(status, 404, "{method} {path}: {theirs}");
        // The answer must not tell whether the report exists.
        for member in ["code", "title", "message", "status"] {
            assert_eq!(theirs[member], nobodys[member], "{method} {path} {member}");
        }
    }
    let (_, list) = bravo.call("GET", "/v1/reports", None).await.expect("an answer");
    assert!(!list.to_string().contains(&id), "{list}");
    let (status, report) = acme.call("GET", &format!("/v1/reports/{id}"), None).await.expect("an answer");
    assert_eq!((status, report["status"].as_str()), (200, Some("succeeded")), "the other partner changed it");
    // A partner's key opens nothing of the operators' plane, whatever the path.
    let client = reqwest::Client::new();
    for path in ["/admin/v1/partners", "/admin/v1/reports", "/admin/v1/connectors"] {
        let answer = client
            .get(format!("{}{path}", world.admin_url()))
            .bearer_auth(world.api_key("bravo"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
        let (status, _) = bravo.call("GET", path, None).await.expect("an answer");
        assert!(matches!(status, 403 | 404), "{path} on the partners' listener: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_leaks_a_foreign_row_stores_nothing() {
    let world = world();
    world.report_type(
        "leaky.v1",
        "title = \"Leaky\"\n[scope]\ncolumn = \"partner\"\n",
        "SELECT id, partner, name FROM salaries WHERE partner = :partner_scope OR id = 500 ORDER BY id DESC",
    );
    world.partner("acme", "acme");
    world.apply();
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let (_, created) =
        caller.call("POST", "/v1/reports", Some(json!({ "report_type": "leaky.v1" }))).await.expect("an answer");
    let report = caller.ended(created["id"].as_str().expect("an id")).await;
    assert_eq!(
        (report["status"].as_str(), report["failure"]["code"].as_str()),
        (Some("failed"), Some("SP-SOURCE-014")),
        "{report}"
    );
    assert!(world.names("acme").is_empty());
}

/// A signed call by AWS's own client, at one of our listeners; prints whether it was answered.
const SIGNED: &str = "
import boto3, botocore, sys
endpoint, key, secret = sys.argv[1:4]
settings = botocore.config.Config(retries={'total_max_attempts': 1})
client = boto3.client('transfer', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id=key, aws_secret_access_key=secret, config=settings)
try:
    client.list_connectors()
    print('answered')
except botocore.exceptions.ClientError as error:
    print('refused', error.response['ResponseMetadata']['HTTPStatusCode'])
";

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_the_transfer_api_opens_no_other_plane_and_theirs_do_not_open_it() {
    let mut world = world();
    world.transfers();
    world.partner("acme", "acme");
    world.apply();
    let access = world.json(&["access-key", "issue", "--role", "admin"]);
    let part = |name: &str| access[name].as_str().expect("text").to_owned();
    let (id, secret) = (part("access_key_id"), part("secret_access_key"));
    let _serving = world.serve().await;
    let signed = |endpoint: String| {
        let output =
            Command::new("python3").args(["-c", SIGNED, &endpoint, &id, &secret]).output().expect("run python3");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(!said.is_empty(), "{endpoint}: {}", String::from_utf8_lossy(&output.stderr));
        said
    };
    assert_eq!(signed(world.transfer_url()), "answered");
    for endpoint in [world.api_url(), world.admin_url()] {
        let said = signed(endpoint.clone());
        assert!(said.starts_with("refused 4"), "{endpoint}: {said}");
    }

    let client = reqwest::Client::new();
    for credential in [world.api_key("acme"), "an-admin-token-for-tests".to_owned()] {
        let call = client.post(world.transfer_url()).header("x-amz-target", "TransferService.ListConnectors");
        let call = call.header("content-type", "application/x-amz-json-1.1").body("{}").bearer_auth(&credential);
        let answer = call.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let said = answer.text().await.expect("a body");
        assert!((400..500).contains(&status) && said.contains("MissingAuthenticationToken"), "{status} {said}");
        for path in ["/v1/reports", "/admin/v1/partners"] {
            let call = client.get(format!("{}{path}", world.transfer_url())).bearer_auth(&credential);
            let status = call.send().await.expect("an answer").status().as_u16();
            assert!((400..500).contains(&status), "{path}: {status}");
        }
    }
}
