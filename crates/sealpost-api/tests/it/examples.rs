//! The documents' examples: every operation has them, and they are what the schemas say.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
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

/// Two types of one name are one schema in a document: whichever comes last describes both.
#[test]
fn every_schema_has_a_name_of_its_own() {
    fn visit(folder: &Path, names: &mut BTreeMap<String, Vec<String>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, names);
            } else if let Some(text) = path.to_str().filter(|path| path.ends_with(".rs")) {
                for name in schema_names(&std::fs::read_to_string(text).unwrap()) {
                    names.entry(name).or_default().push(text.to_owned());
                }
            }
        }
    }
    let mut names = BTreeMap::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    assert!(names.len() > 50, "{names:?}");
    names.retain(|_, places| places.len() > 1);
    assert!(names.is_empty(), "give one of each a `#[schema(as = …)]`: {names:#?}");
}

/// The names of the types that derive `ToSchema`, as the documents have them.
fn schema_names(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric()).collect::<String>();
    let (mut names, mut renamed, mut is_schema) = (Vec::new(), None, false);
    for line in text.lines() {
        is_schema |= line.starts_with("#[derive(") && line.contains("ToSchema");
        if let Some((_, name)) = line.split_once("#[schema(as = ") {
            renamed = Some(word(name));
        }
        let declared = line.split_once("struct ").or_else(|| line.split_once("enum "));
        if let Some((_, name)) = declared.filter(|(before, _)| before.is_empty() || before.starts_with("pub")) {
            let name = renamed.take().unwrap_or_else(|| word(name));
            names.extend(std::mem::take(&mut is_schema).then_some(name));
        }
    }
    names
}
