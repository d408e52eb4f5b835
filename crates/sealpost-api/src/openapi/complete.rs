//! What is the same for many operations: problem answers, the request id, security, scopes. An endpoint lists only what
//! is its own.

use serde_json::{Map, Value as Json, json};

use super::problems::{self, BAD_BODY, BAD_QUERY, COMMON};
use super::{examples, links, operations};
use crate::plane::Plane;
use crate::scopes;

/// Completes a document. `schemes` are the plane's credentials, any one of which opens it.
pub(super) fn complete(document: utoipa::openapi::OpenApi, plane: Plane, schemes: &[(&str, Json)]) -> Json {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["security"] = security(schemes, &[]);
    let components = &mut document["components"];
    components["securitySchemes"] =
        schemes.iter().map(|(name, scheme)| ((*name).to_owned(), scheme.clone())).collect::<Map<_, _>>().into();
    components["headers"] = problems::headers();
    let responses = COMMON.iter().map(|row| (row.name.to_owned(), row.response(plane)));
    components["responses"] = responses.collect::<Map<_, _>>().into();
    for operation in operations(&mut document) {
        scope(operation, schemes);
        body_may_be_left_out(operation);
        parameters_are_text(operation);
        answers(operation, plane);
    }
    whole_numbers(&mut document);
    examples::complete(&mut document);
    links::complete(&mut document);
    drop_unused_responses(&mut document);
    document
}

/// Any one of the schemes. Since OpenAPI 3.1 every kind of scheme may name the roles that are needed.
fn security(schemes: &[(&str, Json)], roles: &[&str]) -> Json {
    schemes.iter().map(|(name, _)| json!({*name: roles})).collect()
}

/// Names the scope that an operation needs.
fn scope(operation: &mut Json, schemes: &[(&str, Json)]) {
    let needed = operation["operationId"].as_str().and_then(scopes::of);
    if let Some(needed) = needed {
        operation["security"] = security(schemes, &[needed.as_str()]);
        operation["x-required-scope"] = json!(needed.as_str());
    }
}

/// A body that may be left out is not one that may be `null`.
fn body_may_be_left_out(operation: &mut Json) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    let Some(schema) = body.pointer_mut("/content/application~1json/schema") else { return };
    let alternatives = schema.pointer("/oneOf").and_then(Json::as_array);
    if let Some(solid) = alternatives.and_then(|all| all.iter().find(|one| one.get("$ref").is_some())) {
        *schema = solid.clone();
        body["required"] = json!(false);
    }
}

/// A parameter that may be left out is not one that may be `null`: neither a path, a query string nor a header can say
/// that.
fn parameters_are_text(operation: &mut Json) {
    let parameters = operation.get_mut("parameters").and_then(Json::as_array_mut);
    for schema in parameters.into_iter().flatten().filter_map(|parameter| parameter.get_mut("schema")) {
        let kinds = schema["type"].as_array().into_iter().flatten();
        let solid: Vec<&Json> = kinds.filter(|kind| *kind != "null").collect();
        if let [kind] = solid.as_slice() {
            schema["type"] = (*kind).clone();
        }
    }
}

/// OpenAPI's `int32` and `int64` have a sign; where there is none, the range is said instead.
fn whole_numbers(value: &mut Json) {
    if let Some(members) = value.as_object_mut() {
        let most = match members.get("format").and_then(Json::as_str) {
            Some("int32") => Some(u64::from(u32::MAX)),
            Some("int64") => Some(u64::MAX),
            _ => None,
        };
        if let Some(most) = most
            && members.get("minimum").and_then(Json::as_f64).is_some_and(|least| least >= 0.0)
        {
            members.remove("format");
            members.entry("maximum").or_insert(json!(most));
        }
    }
    match value {
        Json::Object(members) => members.values_mut().for_each(whole_numbers),
        Json::Array(items) => items.iter_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Adds the problems that the operation can have, and to each answer what all of its kind have.
fn answers(operation: &mut Json, plane: Plane) {
    let is_open = operation["security"] == json!([{}]);
    let parameter_in = |place: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == place))
    };
    let (path, query) = (parameter_in("path"), parameter_in("query"));
    let has_body = operation.get("requestBody").is_some();
    let Some(responses) = operation.get_mut("responses").and_then(Json::as_object_mut) else { return };
    for row in &COMMON {
        let applies = match (row.status, row.name) {
            (_, BAD_BODY) => has_body,
            // On the partner plane an operation without parameters refuses any.
            (_, BAD_QUERY) => (query || (!is_open && plane == Plane::Partner)) && !has_body,
            ("401" | "403" | "429" | "503", _) => !is_open,
            ("404", _) => path,
            ("408" | "413" | "415", _) => has_body,
            _ => true,
        };
        if applies && !responses.contains_key(row.status) {
            responses.insert(row.status.to_owned(), json!({"$ref": format!("#/components/responses/{}", row.name)}));
        }
    }
    for (status, response) in responses.iter_mut().filter(|(_, response)| response.get("$ref").is_none()) {
        if status.starts_with(['4', '5']) {
            let description = response["description"].as_str().unwrap_or_default().to_owned();
            *response = problems::own_response(status, &description, plane, has_body, is_open);
        } else {
            response["headers"]["x-request-id"] = json!({"$ref": "#/components/headers/RequestId"});
            if plane == Plane::Partner && !is_open {
                response["headers"]["RateLimit"] = json!({"$ref": "#/components/headers/RateLimit"});
                response["headers"]["RateLimit-Policy"] = json!({"$ref": "#/components/headers/RateLimitPolicy"});
            }
            // OpenAPI 3.1 describes raw bytes, and a stream of events, by the absence of a schema.
            for kind in ["application~1octet-stream", "text~1event-stream"] {
                let content = response.pointer_mut(&format!("/content/{kind}")).and_then(Json::as_object_mut);
                content.and_then(|content| content.remove("schema"));
            }
        }
    }
    responses.sort_keys();
}

/// A response that no operation of the plane has is not described.
fn drop_unused_responses(document: &mut Json) {
    let text = document["paths"].to_string();
    if let Some(responses) = document["components"]["responses"].as_object_mut() {
        responses.retain(|name, _| text.contains(&format!("\"#/components/responses/{name}\"")));
    }
}
