//! The OpenAPI documents: kept, valid, and true to what is served.

use std::io::Write;
use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use sealpost_core::task::WorkKind;
use serde_json::Value as Json;

use crate::rig::{Rig, json_of};

#[test]
fn the_documents_are_as_they_were() {
    insta::with_settings!({snapshot_path => "../../openapi", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_json_snapshot!("public", sealpost_api::public_document());
        insta::assert_json_snapshot!("admin", sealpost_api::admin_document());
    });
}

/// By an independent validator: `pip install openapi-spec-validator`.
#[test]
fn the_documents_are_valid_openapi() {
    let script = "import json, sys\nfrom openapi_spec_validator import validate\nvalidate(json.load(sys.stdin))";
    for document in [sealpost_api::public_document(), sealpost_api::admin_document()] {
        let mut python =
            Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        python.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn dead_letters_are_of_the_kinds_that_there_are() {
    let document = sealpost_api::admin_document();
    let kind = &document["components"]["schemas"]["DeadLetter"]["properties"]["kind"];
    // Each stands between backticks.
    let named: Vec<&str> = kind["description"].as_str().unwrap().split('`').skip(1).step_by(2).collect();
    assert_eq!(named, WorkKind::ALL.map(WorkKind::as_str));
}

/// Every path and method of the documents is served: none answers that there is no such path or method.
#[tokio::test]
async fn the_documents_describe_what_is_served() {
    let rig = Rig::idle().await;
    let (_, public) = json_of(rig.client.get(format!("{}/openapi.json", rig.public))).await;
    let (_, admin) = json_of(rig.client.get(format!("{}/openapi.json", rig.admin))).await;
    for (document, is_public) in [(public, true), (admin, false)] {
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, _) in item.as_object().unwrap() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let real = path.replace("{id}", "unknown").replace("{key}", "unknown").replace("{task}", "unknown");
                let request = if is_public {
                    rig.ask(&rig.acme, method.clone(), &real)
                } else {
                    rig.operate(method.clone(), &real)
                };
                let (status, answer) = json_of(request).await;
                assert_ne!(answer["code"], "SP-REQUEST-021", "{method} {path}");
                assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            }
        }
    }
}

/// Members of real answers stand in the schemas.
#[tokio::test]
async fn answers_have_the_members_of_their_schemas() {
    let rig = Rig::working().await;
    let report = rig.contracts(&rig.acme).await;
    let report = rig.done(&rig.acme, report["id"].as_str().unwrap()).await;
    let document = sealpost_api::public_document();
    let schemas = &document["components"]["schemas"];
    let delivery = &report["deliveries"][0];
    let (_, types) = json_of(rig.get(&rig.acme, "/v1/report-types/contracts.v1")).await;
    for (name, value) in [
        ("Report", &report),
        ("File", &report["file"]),
        ("Progress", &report["progress"]),
        ("Links", &report["links"]),
        ("Delivery", delivery),
        ("Receipt", &delivery["receipt"]),
        ("ReportType", &types),
        ("Format", &types["formats"][0]),
    ] {
        let known = schemas[name]["properties"].as_object().unwrap_or_else(|| panic!("no schema {name}"));
        for member in value.as_object().unwrap().keys() {
            assert!(known.contains_key(member), "{name} has no `{member}`");
        }
        for member in schemas[name]["required"].as_array().unwrap_or(&Vec::<Json>::new()) {
            assert!(value.get(member.as_str().unwrap()).is_some(), "{name} lacks `{member}`");
        }
    }
}
