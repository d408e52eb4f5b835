//! Every operation of the partner API's document, called by one partner with the ids of another. The list comes from the
//! document, so an endpoint can't be forgotten: one whose ids this file can't make fails the test.

use sealpost_testkit::gpg::KeySpec;
use sealpost_testkit::server::free_port;
use serde_json::{Value as Json, json};

use crate::world::{Caller, World};

const ROWS: &str = "CREATE TABLE bikes (id INTEGER PRIMARY KEY, partner TEXT NOT NULL);
     INSERT INTO bikes VALUES (1, 'acme'), (2, 'bravo');";

/// What self-service and webhooks need.
const SETTINGS: &str = "lease_s = 5\nproduce_pause_s = 0
[webhooks]\nsigning_secret = \"file:secrets/webhooks\"\nallow_private = true\nallow_http = true
[self_service]\ncertificates = \"allowed\"\ndestinations = \"allowed\"\nhost_keys = \"allowed\"
vault = \"file:data/secrets\"\nallow_private_destinations = true\n";

/// Ids of one partner's things: the beginning of a path, the parameter's name there, the id.
type Ids = Vec<(&'static str, &'static str, String)>;

async fn must(caller: &Caller, method: &str, path: &str, body: Option<Json>) -> Json {
    let (status, answer) = caller.call(method, path, body).await.expect("an answer");
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

/// Makes one of everything that has an id.
async fn things(world: &World, caller: &Caller) -> Ids {
    let text = |value: &Json, name: &str| value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned();
    let report = text(&must(caller, "POST", "/v1/reports", Some(json!({"report_type": "bikes.v1"}))).await, "id");
    caller.ended(&report).await;
    let url = format!("http://127.0.0.1:{}/hook", free_port());
    let webhook = text(&must(caller, "POST", "/v1/webhooks", Some(json!({"url": url}))).await, "id");
    let ping = text(&must(caller, "POST", &format!("/v1/webhooks/{webhook}:ping"), None).await, "id");
    let wish = json!({"name": "further", "host": "127.0.0.1", "user": "u", "login": {"method": "generated_key"}});
    let destination = text(&must(caller, "POST", "/v1/destinations", Some(wish)).await, "id");
    let scopes = json!({"scopes": ["reports:read"], "label": "narrow"});
    let api_key = text(&must(caller, "POST", "/v1/api-keys", Some(scopes)).await, "id");
    // The world gives both partners one certificate; this one is acme's alone.
    let spec = KeySpec { email: "further@example.com", ..KeySpec::default() };
    let wish = json!({"certificate": world.gpg.export(&world.gpg.generate(&spec))});
    let fingerprint = text(&must(caller, "POST", "/v1/keys", Some(wish)).await, "fingerprint");
    let change = text(&must(caller, "GET", "/v1/changes", None).await["changes"][0], "id");
    vec![
        ("/v1/report-types/", "id", "acme-only.v1".to_owned()),
        ("/v1/reports/", "id", report),
        ("/v1/webhooks/{id}/notifications/", "notification", ping),
        ("/v1/webhooks/", "id", webhook),
        ("/v1/keys/", "id", fingerprint),
        ("/v1/destinations/", "id", destination),
        ("/v1/api-keys/", "id", api_key),
        ("/v1/changes/", "id", change),
    ]
}

/// The path with every parameter replaced.
fn path(template: &str, ids: &Ids) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("a closed parameter");
        let found = ids.iter().find(|(start, parameter, _)| template.starts_with(start) && *parameter == name);
        let found = found.unwrap_or_else(|| panic!("tell this test how to make a {{{name}}} of {template}"));
        path = path + before + &found.2;
        rest = after;
    }
    path + rest
}

/// The same ids with another ending, which nothing has.
fn nobodys(ids: &Ids) -> Ids {
    let other = |id: &str| {
        let turned = |last: char| if last == '0' { '1' } else { '0' };
        let (head, last) = id.split_at(id.len() - 1);
        format!("{head}{}", turned(last.chars().next().expect("a character")))
    };
    ids.iter().map(|(start, name, id)| (*start, *name, other(id))).collect()
}

/// A body that the operation takes: the document's own example.
fn body(operation: &Json, document: &Json) -> Option<Json> {
    let content = &operation["requestBody"]["content"]["application/json"];
    let schema = &content["schema"];
    let named = schema["$ref"].as_str().and_then(|name| document.pointer(name.strip_prefix('#')?));
    let several = content["examples"].as_object().and_then(|all| all.values().next()).map(|one| &one["value"]);
    let found = [Some(&content["example"]), several, named.map(|schema| &schema["example"]), Some(&schema["example"])];
    let example = found.into_iter().flatten().find(|one| !one.is_null());
    if operation["requestBody"]["required"] == true {
        assert!(example.is_some(), "{} has no example of its body", operation["operationId"]);
    }
    example.cloned()
}

/// What a prober could tell two answers apart by; ids that were asked for are echoed.
fn essence(mut answer: Json, ids: &Ids) -> String {
    if let Some(id) = answer.get_mut("request_id") {
        *id = Json::Null;
    }
    ids.iter().fold(answer.to_string(), |text, (_, _, id)| text.replace(id, "ID"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_of_the_document_reaches_things_of_another_partner() {
    let mut world = World::with_sqlite(ROWS);
    world.write("secrets/webhooks", "an-operators-secret-for-webhooks-of-the-tests");
    world.worker(SETTINGS);
    let sql = "SELECT id FROM bikes WHERE partner = :partner_scope";
    world.report_type("bikes.v1", "title = \"Bikes\"\n", sql);
    world.partner("bravo", "bravo");
    world.report_type("acme-only.v1", "title = \"Acme only\"\n", sql);
    world.partner("acme", "acme");
    world.apply();
    let _serving = world.serve().await;
    let acme = Caller::new(&world, &world.api_key("acme"));
    let bravo = Caller::new(&world, &world.api_key("bravo"));
    let theirs = things(&world, &acme).await;
    let nothing = nobodys(&theirs);
    let document = must(&acme, "GET", "/openapi.json", None).await;
    let before = snapshot(&acme, &theirs).await;

    let (mut with_ids, mut lists) = (0, 0);
    for (template, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path item").iter().filter(|(_, one)| one.is_object()) {
            if operation["security"] == json!([{}]) {
                continue;
            }
            let (method, body) = (method.to_uppercase(), body(operation, &document));
            let place = format!("{method} {template}");
            if template.contains('{') {
                with_ids += 1;
                let mut asked = path(template, &theirs);
                let mut missing = path(template, &nothing);
                if place == "DELETE /v1/destinations/{id}/host-keys" {
                    let query = "?fingerprint=SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A";
                    asked.push_str(query);
                    missing.push_str(query);
                }
                let (status, foreign) = bravo.call(&method, &asked, body.clone()).await.expect("an answer");
                let (_, nobody) = bravo.call(&method, &missing, body).await.expect("an answer");
                assert!(matches!(status, 404 | 409), "{place}: {status} {foreign}");
                assert_eq!(essence(foreign, &theirs), essence(nobody, &nothing), "{place}");
            } else if method == "GET" {
                lists += 1;
                let (_, answer) = bravo.call(&method, template, None).await.expect("an answer");
                let text = answer.to_string();
                for (start, _, id) in &theirs {
                    assert!(!text.contains(id.as_str()), "{place} shows {id} of {start}");
                }
            }
        }
    }
    assert!(with_ids >= 20 && lists >= 7, "the document has become smaller: {with_ids} and {lists}");
    assert_eq!(snapshot(&acme, &theirs).await, before, "the other partner changed something");
}

/// Everything of a partner, as the partner sees it.
async fn snapshot(caller: &Caller, ids: &Ids) -> Vec<Json> {
    let mut seen = Vec::new();
    for (start, name, id) in ids.iter().filter(|(_, name, _)| *name != "notification") {
        // API keys are in their list only.
        let path = if *start == "/v1/api-keys/" { "/v1/api-keys".to_owned() } else { format!("{start}{id}") };
        let mut answer = must(caller, "GET", &path, None).await;
        // Whether a key is used is told to the second, and asking uses it.
        if let Some(keys) = answer["api_keys"].as_array_mut() {
            keys.iter_mut().for_each(|key| key["last_used_at"] = Json::Null);
        }
        assert!(answer.is_object(), "{name} {path}");
        seen.push(answer);
    }
    seen
}
