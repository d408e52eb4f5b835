//! The OpenAPI 3.1 documents, made from the endpoints' own attributes and types.
//!
//! What is the same for many operations — problem answers, headers, scopes, examples, links — is added below, so that an
//! endpoint lists only what is its own. A problem of its own names its codes in backticks in its description; the
//! examples are made from them.

mod complete;
mod examples;
mod links;
mod methods;
mod problems;

pub(crate) use methods::allowed;

use std::sync::OnceLock;

use axum::response::Response;
use http::HeaderMap;
use serde_json::{Map, Value as Json, json};
use utoipa::OpenApi;

use crate::base_path::BasePath;
use crate::plane::Plane;
use crate::problem::ProblemBody;
use crate::{
    admin, api_keys, changes, conditional, destinations, health, keys, report_types, reports, usage, webhooks,
};

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
        (name = "keys", description = "Your OpenPGP certificates."),
        (name = "destinations", description = "Your SFTP servers."),
        (name = "API keys", description = "What your programs call with."),
        (name = "changes", description = "What you asked to have changed."),
        (name = "usage", description = "Your limits, and what is left of them."),
        (name = "webhooks", description = "Be told instead of asking."),
        (name = "health", description = "For load balancers."),
    ),
    paths(
        report_types::list::list, report_types::show::show, report_types::xsd::xsd,
        reports::create::create, reports::preview::preview, reports::list::list, reports::show::show,
        reports::file::file, reports::delete::delete, reports::deliveries::list, reports::redeliver::redeliver,
        reports::timeline::timeline, reports::events::events, usage::usage,
        keys::list::list, keys::show::show, keys::add::add, keys::retire::retire, keys::challenge::challenge,
        keys::prove::prove,
        destinations::list::list, destinations::show::show, destinations::create::create, destinations::replace::replace,
        destinations::remove::remove, destinations::test::test, destinations::host_keys::trust,
        destinations::host_keys::distrust,
        api_keys::list::list, api_keys::create::create, api_keys::revoke::revoke, api_keys::rotate::rotate,
        changes::list::list, changes::show::show, changes::withdraw::withdraw,
        webhooks::list::list, webhooks::create::create, webhooks::show::show, webhooks::change::change,
        webhooks::remove::remove, webhooks::ping::ping, webhooks::rotate::rotate, webhooks::replay_failed::replay,
        webhooks::notifications::list, webhooks::replay::replay,
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
        (name = "changes", description = "What partners ask to have changed, and who changed what."),
        (name = "catalogue", description = "Report types."),
        (name = "reports", description = "Reports of all partners."),
        (name = "webhooks", description = "Who is told what, and what could not be told."),
        (name = "queue", description = "What waits, and what was given up."),
        (name = "health", description = "For supervisors and Prometheus."),
    ),
    paths(
        admin::partners::list::list, admin::partners::show::show, admin::partners::put::put,
        admin::partners::remove::remove, admin::partners::ask::create, admin::partners::ask::preview,
        admin::certificates::list, admin::keys::list::list, admin::keys::issue::issue, admin::keys::revoke::revoke,
        admin::connectors::list::list, admin::connectors::show::show, admin::connectors::test::test,
        admin::changes::list::list, admin::changes::show::show, admin::changes::decide::approve,
        admin::changes::decide::reject, admin::audit::list,
        admin::report_types::list,
        admin::reports::list, admin::reports::show, admin::reports::delete, admin::reports::timeline,
        admin::reports::deliveries, admin::reports::redeliver,
        admin::webhooks::list, admin::webhooks::notifications::list, admin::webhooks::replay::replay,
        admin::webhooks::switch::disable, admin::webhooks::switch::enable,
        admin::queue::show, admin::queue::revive,
        admin::metrics::metrics, health::healthz, health::readyz,
    ),
    components(schemas(ProblemBody)),
)]
struct Admin;

/// `GET /openapi.json` of the partner plane.
pub(crate) async fn public(base: BasePath, headers: HeaderMap) -> Response {
    static DOCUMENT: OnceLock<Json> = OnceLock::new();
    let document = DOCUMENT.get_or_init(public_document);
    if base == BasePath::NONE {
        return conditional::json_or_not_modified(&headers, document);
    }
    let mut document = document.clone();
    document["servers"][0]["url"] = Json::from(base.as_str());
    conditional::json_or_not_modified(&headers, &document)
}

/// `GET /openapi.json` of the operator plane.
pub(crate) async fn admin(headers: HeaderMap) -> Response {
    static DOCUMENT: OnceLock<Json> = OnceLock::new();
    conditional::json_or_not_modified(&headers, DOCUMENT.get_or_init(admin_document))
}

/// The OpenAPI document of the partner plane.
#[must_use]
pub fn public_document() -> Json {
    let bearer = json!({
        "type": "http", "scheme": "bearer",
        "description": "An API key (`sp_…`). Where the operator has set up an identity provider also an OAuth 2.0 access token (a JWT) that you get from it with your client credentials. The role beside it is the scope that the key or token needs."
    });
    let header = json!({"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same API key."});
    complete::complete(Public::openapi(), Plane::Partner, &[("bearer", bearer), ("api_key", header)])
}

/// The OpenAPI document of the operator plane.
#[must_use]
pub fn admin_document() -> Json {
    let token = json!({"type": "http", "scheme": "bearer", "description": "The admin token of the configuration."});
    complete::complete(Admin::openapi(), Plane::Operator, &[("admin_token", token)])
}

/// The operations of a document.
fn operations(document: &mut Json) -> impl Iterator<Item = &mut Json> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.filter_map(Json::as_object_mut).flat_map(Map::values_mut).filter(|value| value.is_object())
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
