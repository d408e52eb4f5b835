//! The URL map: every path of both planes, in one place.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::Uri;
use http::header::{self, HeaderValue};
use sealpost_core::error::{Error, codes};

use crate::around::{Around, Next};
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;
use crate::{
    admin, api_keys, changes, destinations, docs, edge, guard, health, keys, openapi, report_types, reports, throttle,
    usage, webhooks,
};

/// The partner plane.
pub fn public(state: State) -> Router {
    let guarded = state.clone();
    let guard = move |request: Request, next: Next| guard::guard(guarded.clone(), request, next);
    let partners = Router::new()
        .route("/v1/report-types", get(report_types::list::list))
        .route("/v1/report-types/{id}", get(report_types::show::show))
        .route("/v1/report-types/{id}/schema.xsd", get(report_types::xsd::xsd))
        .route("/v1/reports", get(reports::list::list).post(reports::create::create))
        .route("/v1/reports:preview", post(reports::preview::preview))
        .route("/v1/reports/{id}", get(reports::show::show).delete(reports::delete::delete))
        .route("/v1/reports/{id}/events", get(reports::events::events))
        .route("/v1/reports/{id}/file", get(reports::file::file))
        .route("/v1/reports/{id}/timeline", get(reports::timeline::timeline))
        .route("/v1/reports/{id}/deliveries", get(reports::deliveries::list).post(reports::redeliver::redeliver))
        .route("/v1/usage", get(usage::usage))
        // `{id}:challenge`, `{id}:prove`, `{id}:test`, `{id}:rotate`: see webhooks below.
        .route("/v1/keys", get(keys::list::list).post(keys::add::add))
        .route("/v1/keys/{id}", get(keys::show::show).delete(keys::retire::retire).post(keys::act::act))
        .route("/v1/destinations", get(destinations::list::list).post(destinations::create::create))
        .route(
            "/v1/destinations/{id}",
            get(destinations::show::show)
                .put(destinations::replace::replace)
                .delete(destinations::remove::remove)
                .post(destinations::test::test),
        )
        .route(
            "/v1/destinations/{id}/host-keys",
            post(destinations::host_keys::trust).delete(destinations::host_keys::distrust),
        )
        .route("/v1/api-keys", get(api_keys::list::list).post(api_keys::create::create))
        .route("/v1/api-keys/{id}", delete(api_keys::revoke::revoke).post(api_keys::rotate::rotate))
        .route("/v1/changes", get(changes::list::list))
        .route("/v1/changes/{id}", get(changes::show::show).delete(changes::withdraw::withdraw))
        .route("/v1/webhooks", get(webhooks::list::list).post(webhooks::create::create))
        // `{id}`, and `{id}:verb`: the router has no parameters that end within a segment.
        .route(
            "/v1/webhooks/{id}",
            get(webhooks::show::show)
                .patch(webhooks::change::change)
                .delete(webhooks::remove::remove)
                .post(webhooks::act::act),
        )
        .route("/v1/webhooks/{id}/notifications", get(webhooks::notifications::list))
        // `{notification}:replay`
        .route("/v1/webhooks/{id}/notifications/{notification}", post(webhooks::replay::replay))
        .route_layer(Around(guard));
    let anyone = open().route("/openapi.json", get(openapi::public));
    finish(partners.merge(anyone).with_state(state), Plane::Partner)
}

/// The operator plane.
pub fn admin(state: State) -> Router {
    let operators = Router::new()
        .route("/admin/v1/partners", get(admin::partners::list::list))
        .route(
            "/admin/v1/partners/{id}",
            get(admin::partners::show::show).put(admin::partners::put::put).delete(admin::partners::remove::remove),
        )
        .route("/admin/v1/partners/{id}/keys", get(admin::keys::list::list).post(admin::keys::issue::issue))
        .route("/admin/v1/partners/{id}/keys/{key}", delete(admin::keys::revoke::revoke))
        .route("/admin/v1/partners/{id}/reports", post(admin::partners::ask::create))
        .route("/admin/v1/partners/{id}/reports:preview", post(admin::partners::ask::preview))
        .route("/admin/v1/connectors", get(admin::connectors::list::list))
        // `{id}`, and `{id}:test`: the router has no parameters that end within a segment.
        .route("/admin/v1/connectors/{id}", get(admin::connectors::show::show).post(admin::connectors::test::test))
        .route("/admin/v1/certificates", get(admin::certificates::list))
        .route("/admin/v1/changes", get(admin::changes::list::list))
        // `{id}:approve`, `{id}:reject`
        .route("/admin/v1/changes/{id}", get(admin::changes::show::show).post(admin::changes::decide::decide))
        .route("/admin/v1/audit", get(admin::audit::list))
        .route("/admin/v1/report-types", get(admin::report_types::list))
        .route("/admin/v1/reports", get(admin::reports::list))
        .route("/admin/v1/reports/{id}", get(admin::reports::show).delete(admin::reports::delete))
        .route("/admin/v1/reports/{id}/timeline", get(admin::reports::timeline))
        .route("/admin/v1/reports/{id}/deliveries", get(admin::reports::deliveries).post(admin::reports::redeliver))
        .route("/admin/v1/partners/{id}/webhooks", get(admin::webhooks::list))
        // `{webhook}:disable`, `{webhook}:enable`
        .route("/admin/v1/partners/{id}/webhooks/{webhook}", post(admin::webhooks::switch::switch))
        .route("/admin/v1/notifications", get(admin::webhooks::notifications::list))
        // `{id}:replay`
        .route("/admin/v1/notifications/{id}", post(admin::webhooks::replay::replay))
        .route("/admin/v1/queue", get(admin::queue::show))
        // `{task}:revive`
        .route("/admin/v1/queue/dead/{task}", post(admin::queue::revive))
        .route_layer(from_fn_with_state(state.clone(), admin::authenticate::authenticate))
        .route_layer(from_fn_with_state(state.clone(), throttle::operator_guesses));
    let anyone = open().route("/metrics", get(admin::metrics::metrics)).route("/openapi.json", get(openapi::admin));
    finish(operators.merge(anyone).with_state(state), Plane::Operator)
}

/// What needs no credentials on either plane.
fn open() -> Router<State> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/docs", get(docs::page))
        .route("/docs/docs.css", get(docs::style))
        .route("/docs/docs.js", get(docs::script))
        .route("/docs/errors", get(docs::errors))
}

fn finish(router: Router, plane: Plane) -> Router {
    let durations = edge::Durations::default();
    let edge = move |request: Request, next: Next| edge::edge(plane, durations.clone(), request, next);
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(move |uri: Uri| wrong_method(plane, uri))
        .layer(Around(edge))
}

async fn unknown_path() -> Problem {
    Error::new(&codes::request::UNKNOWN_PATH, "there is nothing at this path").into()
}

/// The router adds an `Allow` of its own where there is none.
async fn wrong_method(plane: Plane, uri: Uri) -> Response {
    let problem = Problem::from(Error::new(&codes::request::METHOD, "this path has no such method"));
    let mut response = problem.into_response();
    if let Some(allow) = openapi::allowed(plane, uri.path()) {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}
