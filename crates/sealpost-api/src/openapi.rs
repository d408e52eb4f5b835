//! The OpenAPI 3.1 documents, made from the endpoints' own attributes and types.
//!
//! What is the same for many operations — problem answers, the request id — is added here once, so that an endpoint
//! lists only what is its own.

use std::sync::OnceLock;

use axum::response::Response;
use http::HeaderMap;
use serde_json::{Map, Value as Json, json};
use utoipa::OpenApi;

use crate::problem::{self, ProblemBody};
use crate::{admin, conditional, health, report_types, reports};

/// The partner plane.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sealpost partner API",
        version = "1.0.0",
        description = "Ask for reports about your own rows, follow them, fetch the encrypted file or have it sent to your SFTP server.\n\nEvery answer has `x-request-id`; every error is a problem body (RFC 9457) with a stable `code`. See `/docs/errors`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server.")),
    tags(
        (name = "report types", description = "What you may ask for."),
        (name = "reports", description = "Ask, follow, fetch, cancel, deliver again."),
        (name = "health", description = "For load balancers."),
    ),
    paths(
        report_types::list::list, report_types::show::show, report_types::xsd::xsd,
        reports::create::create, reports::preview::preview, reports::list::list, reports::show::show,
        reports::file::file, reports::delete::delete, reports::deliveries::list, reports::redeliver::redeliver,
        reports::timeline::timeline,
        health::healthz, health::readyz,
    ),
    components(schemas(ProblemBody)),
)]
struct Public;

/// The operator plane.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sealpost admin API",
        version = "1.0.0",
        description = "Partners, connectors, API keys, the reports of all partners, the queue. For operators, on a listener of its own.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server.")),
    tags(
        (name = "partners", description = "Who may ask for what, and how it is sealed and sent."),
        (name = "keys", description = "API keys of partners."),
        (name = "connectors", description = "How partners' servers are reached."),
        (name = "catalogue", description = "Report types."),
        (name = "reports", description = "Reports of all partners."),
        (name = "queue", description = "What waits, and what was given up."),
        (name = "health", description = "For supervisors and Prometheus."),
    ),
    paths(
        admin::partners::list::list, admin::partners::show::show, admin::partners::put::put,
        admin::partners::remove::remove, admin::partners::ask::create, admin::partners::ask::preview,
        admin::certificates::list, admin::keys::list::list, admin::keys::issue::issue, admin::keys::revoke::revoke,
        admin::connectors::list::list, admin::connectors::show::show, admin::connectors::test::test,
        admin::report_types::list,
        admin::reports::list, admin::reports::show, admin::reports::delete, admin::reports::timeline,
        admin::reports::deliveries, admin::reports::redeliver,
        admin::queue::show, admin::queue::revive,
        admin::metrics::metrics, health::healthz, health::readyz,
    ),
    components(schemas(ProblemBody)),
)]
struct Admin;

/// `GET /openapi.json` of the partner plane.
pub(crate) async fn public(headers: HeaderMap) -> Response {
    static DOCUMENT: OnceLock<Json> = OnceLock::new();
    conditional::json_or_not_modified(&headers, DOCUMENT.get_or_init(public_document))
}

/// `GET /openapi.json` of the operator plane.
pub(crate) async fn admin(headers: HeaderMap) -> Response {
    static DOCUMENT: OnceLock<Json> = OnceLock::new();
    conditional::json_or_not_modified(&headers, DOCUMENT.get_or_init(admin_document))
}

/// The OpenAPI document of the partner plane.
#[must_use]
pub fn public_document() -> Json {
    let key = json!({"type": "http", "scheme": "bearer", "bearerFormat": "sp_…", "description": "An API key."});
    let header = json!({"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same API key."});
    complete(Public::openapi(), &[("bearer", key), ("api_key", header)])
}

/// The OpenAPI document of the operator plane.
#[must_use]
pub fn admin_document() -> Json {
    let token = json!({"type": "http", "scheme": "bearer", "description": "The admin token of the configuration."});
    complete(Admin::openapi(), &[("admin_token", token)])
}

/// Adds what is common to all operations.
fn complete(document: utoipa::openapi::OpenApi, schemes: &[(&str, Json)]) -> Json {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["security"] = schemes.iter().map(|(name, _)| json!({*name: []})).collect();
    let components = &mut document["components"];
    components["securitySchemes"] =
        schemes.iter().map(|(name, scheme)| ((*name).to_owned(), scheme.clone())).collect::<Map<_, _>>().into();
    components["headers"] = json!({"RequestId": {
        "description": "The id of this request, for the operator. `x-amzn-RequestId` has it too.",
        "schema": {"type": "string"}
    }});
    components["responses"] = COMMON
        .iter()
        .map(|(status, name, description)| ((*name).to_owned(), problem_response(status, description)))
        .collect::<Map<_, _>>()
        .into();
    for path in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for operation in path.as_object_mut().into_iter().flat_map(Map::values_mut).filter(|value| value.is_object()) {
            complete_operation(operation);
        }
    }
    document
}

/// Problems that many operations have in common: status, name, description.
const COMMON: [(&str, &str, &str); 11] = [
    ("400", "BadRequest", "The request is not valid; `errors` names every field that is wrong."),
    ("401", "Unauthorized", "No, wrong, expired or revoked credentials."),
    ("403", "Forbidden", "The credentials do not allow this."),
    ("404", "NotFound", "No such thing, or not yours."),
    ("408", "RequestTimeout", "The body did not arrive in time."),
    ("413", "ContentTooLarge", "The body has more than 1 MiB."),
    ("415", "UnsupportedMediaType", "The body is not `application/json`."),
    ("431", "HeadersTooLarge", "Request line and headers have more than 10,240 bytes."),
    ("500", "InternalError", "A defect of ours; tell the operator the request id."),
    ("503", "Unavailable", "Something that we need can't be reached; try again after `Retry-After`."),
    ("504", "Timeout", "The answer took too long; try again, with the same `Idempotency-Key` if there was one."),
];

fn complete_operation(operation: &mut Json) {
    let is_open = operation["security"] == json!([{}]);
    let parameter_in = |place: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == place))
    };
    let (path, query, header) = (parameter_in("path"), parameter_in("query"), parameter_in("header"));
    let has_body = operation.get("requestBody").is_some();
    // A body that may be left out is not one that may be `null`.
    if let Some(body) = operation.pointer_mut("/requestBody")
        && let Some(schema) = body.pointer_mut("/content/application~1json/schema")
        && let Some(solid) = schema
            .pointer("/oneOf")
            .and_then(Json::as_array)
            .and_then(|all| all.iter().find(|one| one.get("$ref").is_some()))
    {
        *schema = solid.clone();
        body["required"] = json!(false);
    }
    let Some(responses) = operation.get_mut("responses").and_then(Json::as_object_mut) else { return };
    for (status, name, _) in COMMON {
        let applies = match status {
            "400" => has_body || query || header,
            "401" | "403" | "503" => !is_open,
            "404" => path,
            "408" | "413" | "415" => has_body,
            _ => true,
        };
        if applies && !responses.contains_key(status) {
            responses.insert(status.to_owned(), json!({"$ref": format!("#/components/responses/{name}")}));
        }
    }
    for (status, response) in responses.iter_mut().filter(|(_, response)| response.get("$ref").is_none()) {
        if status.starts_with(['4', '5']) {
            let description = response["description"].as_str().unwrap_or_default().to_owned();
            *response = problem_response(status, &description);
        } else {
            response["headers"]["x-request-id"] = json!({"$ref": "#/components/headers/RequestId"});
            // OpenAPI 3.1 describes raw bytes by the absence of a schema.
            if let Some(content) = response.pointer_mut("/content/application~1octet-stream") {
                *content = json!({});
            }
        }
    }
    responses.sort_keys();
}

fn problem_response(status: &str, description: &str) -> Json {
    let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
    if status == "401" {
        headers["WWW-Authenticate"] = json!({"description": "How to authenticate.", "schema": {"type": "string"}});
    }
    if matches!(status, "408" | "429" | "500" | "503" | "504") {
        headers["Retry-After"] =
            json!({"description": "Seconds after which to try again.", "schema": {"type": "integer"}});
    }
    json!({
        "description": description,
        "headers": headers,
        "content": {problem::MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The route map and the document are written separately; this holds them together.
    #[test]
    fn every_operation_is_described_in_full() {
        for document in [public_document(), admin_document()] {
            assert_eq!(document["openapi"], "3.1.0");
            let mut ids = std::collections::BTreeSet::new();
            for (path, item) in document["paths"].as_object().expect("paths") {
                for (method, operation) in item.as_object().expect("a path item") {
                    let place = format!("{method} {path}");
                    let id = operation["operationId"].as_str().expect("an operation id").to_owned();
                    assert!(ids.insert(id), "{place}: the id is used twice");
                    assert!(operation["summary"].is_string(), "{place} has no summary");
                    let responses = operation["responses"].as_object().expect("responses");
                    assert!(responses.keys().any(|status| status.starts_with('2')), "{place}");
                    assert!(responses.contains_key("500"), "{place}");
                }
            }
        }
    }
}
