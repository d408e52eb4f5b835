//! The documents' examples: every operation has them, and they are what the schemas say.

use std::io::Write;
use std::process::{Command, Stdio};

/// By an independent validator: `pip install openapi-spec-validator` brings `jsonschema`. It prints what is missing or
/// wrong, one per line.
const JUDGE: &str = r##"
import json, sys
import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

document = json.load(sys.stdin)
registry = Registry().with_resource("urn:document", Resource.from_contents(document, default_specification=DRAFT202012))

def resolved(thing):
    while "$ref" in thing:
        place = document
        for name in thing["$ref"][2:].split("/"):
            place = place[name.replace("~1", "/").replace("~0", "~")]
        thing = place
    return thing

def absolute(schema):
    if isinstance(schema, dict):
        return {name: "urn:document" + value if name == "$ref" else absolute(value) for name, value in schema.items()}
    return [absolute(item) for item in schema] if isinstance(schema, list) else schema

def check(place, schema, examples):
    if not examples:
        print(f"{place} has no example")
    validator = jsonschema.Draft202012Validator(
        absolute(schema), registry=registry, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    for example in examples:
        for error in validator.iter_errors(example):
            print(f"{place}: {error.json_path}: {error.message}")

def examples_of(media):
    return [media["example"]] if "example" in media else [one["value"] for one in media.get("examples", {}).values()]

for path, item in document["paths"].items():
    for method, operation in item.items():
        place = f"{method} {path}"
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                check(f"{place} {parameter['name']}", parameter["schema"], [parameter["example"]])
        for media in operation.get("requestBody", {}).get("content", {}).values():
            check(f"{place} request", media["schema"], examples_of(media))
        for status, response in operation["responses"].items():
            content = resolved(response).get("content", {})
            if status[0] in "45" and "application/problem+json" not in content:
                print(f"{place} {status} is no problem")
            for kind, media in content.items():
                # The encrypted file and the stream of events have no schema.
                if kind not in ("application/octet-stream", "text/event-stream"):
                    check(f"{place} {status}", media["schema"], examples_of(media))

for name, schema in document["components"]["schemas"].items():
    if "examples" in schema:
        check(name, {"$ref": f"#/components/schemas/{name}"}, schema["examples"])
"##;

#[test]
fn every_operation_shows_what_is_sent_and_answered() {
    for document in [sealpost_api::public_document(), sealpost_api::admin_document()] {
        let mut python = Command::new("python3")
            .args(["-c", JUDGE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(found.is_empty(), "{}\n{found}", document["info"]["title"]);
    }
}

/// Codes that descriptions name exist, and belong to the status that they stand at.
#[test]
fn codes_in_descriptions_have_the_status_that_they_stand_at() {
    for document in [sealpost_api::public_document(), sealpost_api::admin_document()] {
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                for (status, response) in operation["responses"].as_object().unwrap() {
                    let description = response["description"].as_str().unwrap_or_default();
                    for code in description.split('`').filter(|word| word.starts_with("SP-")) {
                        let example = &response["content"]["application/problem+json"]["examples"][code]["value"];
                        assert_eq!(example["status"].to_string(), *status, "{} {code}", operation["operationId"]);
                    }
                }
            }
        }
    }
}
