//! Examples of requests and answers, put together from what the types say: a type's own example first, else its
//! members'. A list shows one of its items, so that an item is written down once.

use serde_json::{Map, Value as Json, json};

/// References within references; the documents have fewer.
const DEPTH: u32 = 12;

/// Gives every schema its whole example, and every JSON body of every operation one.
pub(super) fn complete(document: &mut Json) {
    let schemas = document["components"]["schemas"].clone();
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let example = of(&schemas, schema, 0);
        let place = &mut document["components"]["schemas"][name];
        if let Some(members) = place.as_object_mut().filter(|members| members.contains_key("properties")) {
            // The keyword of JSON Schema 2020-12; `example` is OpenAPI's older word.
            members.remove("example");
            members.insert("examples".to_owned(), json!([example]));
        }
    }
    let patches = patches();
    for operation in super::operations(document) {
        let id = operation["operationId"].clone();
        let body = operation.pointer_mut("/requestBody/content/application~1json");
        body.into_iter().for_each(|media| give(&schemas, media));
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            let Some(media) = response.pointer_mut("/content/application~1json") else { continue };
            give(&schemas, media);
            for (_, _, patch) in patches.iter().filter(|(of, at, _)| id == *of && status == at) {
                for (member, value) in patch.as_object().into_iter().flatten() {
                    media["example"][member] = value.clone();
                }
            }
        }
    }
}

/// Where an operation's answer differs from its type's example: operation, status, members.
fn patches() -> Vec<(&'static str, &'static str, Json)> {
    let queued = json!({
        "status": "queued", "started_at": null, "finished_at": null, "expires_at": null, "attempts": 0,
        "progress": {"stage": "queued", "rows": 0, "bytes": 0, "bytes_sent": 0}, "row_count": null, "file": null,
        "deliveries": [], "links": {
            "self": "/v1/reports/rep_01kavs0h9yq4m4d2tkv1c7rbn5", "file": null,
            "deliveries": "/v1/reports/rep_01kavs0h9yq4m4d2tkv1c7rbn5/deliveries",
            "timeline": "/v1/reports/rep_01kavs0h9yq4m4d2tkv1c7rbn5/timeline"
        }
    });
    let of = |other: &Json, members: Json| {
        let mut patch = other.clone();
        for (member, value) in members.as_object().into_iter().flatten() {
            patch[member] = value.clone();
        }
        patch
    };
    let running = json!({
        "status": "running", "started_at": "2026-02-01T06:00:00.1Z", "attempts": 1, "cancel_requested": true,
        "progress": {"stage": "producing", "rows": 12_000, "bytes": 262_144, "bytes_sent": 0}
    });
    let stopping = of(&queued, running);
    let done = json!({"stage": "done", "rows": 0, "bytes": 0, "bytes_sent": 0});
    let cancelled =
        of(&queued, json!({"status": "cancelled", "finished_at": "2026-02-01T06:00:00.1Z", "progress": done}));
    let waiting = json!({"deliveries": [{
        "id": "dlv_01kavs0k2mq4m4d2tkv1c7rbn5", "report": "rep_01kavs0h9yq4m4d2tkv1c7rbn5", "status": "pending",
        "connector": "c-0123456789abcdef0", "file_name": "contracts.v1_2026-02-01_000042.csv.pgp", "size": 1_048_576,
        "bytes_sent": 0, "attempts": 0, "remote_path": null, "receipt": null, "failure": null, "retry_at": null,
        "created_at": "2026-02-02T09:00:00Z", "started_at": null, "finished_at": null
    }]});
    vec![
        ("createReport", "202", queued.clone()),
        ("deleteReport", "200", cancelled.clone()),
        ("deleteReport", "202", stopping.clone()),
        ("redeliverReport", "202", waiting.clone()),
        ("createReportOfPartner", "202", queued),
        ("deleteReportOfAny", "200", cancelled),
        ("deleteReportOfAny", "202", stopping),
        ("redeliverReportOfAny", "202", waiting),
    ]
}

fn give(schemas: &Json, media: &mut Json) {
    if media.get("example").is_none() && media.get("examples").is_none() {
        media["example"] = of(schemas, &media["schema"], 0);
    }
}

/// The example of a schema.
fn of(schemas: &Json, schema: &Json, depth: u32) -> Json {
    if depth > DEPTH {
        return Json::Null;
    }
    let own = schema.get("example").or_else(|| schema.pointer("/examples/0"));
    if let Some(name) = schema["$ref"].as_str().and_then(|text| text.strip_prefix("#/components/schemas/")) {
        return own.cloned().unwrap_or_else(|| of(schemas, &schemas[name], depth + 1));
    }
    let is_object = schema.get("properties").is_some() || schema.get("allOf").is_some();
    match own {
        Some(own) if is_object => whole(schemas, schema, own, depth),
        Some(own) => own.clone(),
        None if is_object => whole(schemas, schema, &json!({}), depth),
        None => made_up(schemas, schema, depth),
    }
}

/// An object's example: what it says itself, then the members that it leaves out. Where it says something, only those
/// that it must have.
fn whole(schemas: &Json, schema: &Json, own: &Json, depth: u32) -> Json {
    let mut members: Map<String, Json> = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if let Json::Object(part) = of(schemas, part, depth + 1) {
            members.extend(part);
        }
    }
    let says_something = own.as_object().is_some_and(|own| !own.is_empty());
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        match own.get(name) {
            Some(value) => drop(members.insert(name.clone(), value.clone())),
            None if says_something && !required.contains(&name.as_str()) => {}
            None => drop(members.insert(name.clone(), of(schemas, property, depth + 1))),
        }
    }
    members.into()
}

fn made_up(schemas: &Json, schema: &Json, depth: u32) -> Json {
    if let Some(first) = schema.pointer("/enum/0").or_else(|| schema.get("const")).or_else(|| schema.get("default")) {
        return first.clone();
    }
    let alternatives = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Json::as_array);
    if let Some(one) = alternatives.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        return of(schemas, one, depth + 1);
    }
    // A value that may be null: the other type.
    let kind = match &schema["type"] {
        Json::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match (kind.as_str(), schema["format"].as_str()) {
        (Some("array"), _) => json!([of(schemas, &schema["items"], depth + 1)]),
        (Some("object"), _) => json!({}),
        (Some("boolean"), _) => json!(false),
        (Some("integer" | "number"), _) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        (Some("string"), Some("date-time")) => json!("2026-02-01T06:00:00Z"),
        (Some("string"), _) => json!("text"),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_says_what_it_has_and_gets_what_it_must_have() {
        let schemas = json!({
            "Item": {"type": "object", "required": ["id", "size"], "example": {"id": "a"},
                "properties": {"id": {"type": "string"}, "size": {"type": "integer", "example": 7}, "note": {"type": "string"}}},
        });
        let item = json!({"$ref": "#/components/schemas/Item"});
        assert_eq!(of(&schemas, &item, 0), json!({"id": "a", "size": 7}));
        let list = json!({"properties": {"items": {"type": "array", "items": item}, "next": {"type": ["string", "null"], "example": null}}});
        assert_eq!(of(&schemas, &list, 0), json!({"items": [{"id": "a", "size": 7}], "next": null}));
    }

    #[test]
    fn flattened_types_are_put_together() {
        let schemas = json!({"About": {"properties": {"id": {"type": "string", "example": "k"}}}});
        let both =
            json!({"allOf": [{"$ref": "#/components/schemas/About"}, {"properties": {"key": {"example": "s"}}}]});
        assert_eq!(of(&schemas, &both, 0), json!({"id": "k", "key": "s"}));
    }
}
