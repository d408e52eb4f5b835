//! The operations of the partner plane that need credentials, as the OpenAPI document has them.
//!
//! The document has a quarter of a megabyte and takes milliseconds to be made, which the first request of a process would wait
//! for; a test holds the two together. An operation without a row is closed to everyone.

use http::Method;

use crate::parameters::{Parameters, Place};

/// An operation as it is described.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its id.
    pub(crate) id: &'static str,
    /// Its method.
    pub(crate) method: Method,
    /// Its path.
    pub(crate) path: &'static str,
    /// What it takes beside its path and body.
    pub(crate) parameters: Parameters,
}

const NONE: Parameters = Parameters { has_query: false, required: &[] };
const QUERY: Parameters = Parameters { has_query: true, required: &[] };
const FINGERPRINT: Parameters = Parameters { has_query: true, required: &[(Place::Query, "fingerprint")] };

const fn row(id: &'static str, method: Method, path: &'static str, parameters: Parameters) -> Row {
    Row { id, method, path, parameters }
}

/// In the document's order.
pub(crate) static ROWS: &[Row] = &[
    row("listApiKeys", Method::GET, "/v1/api-keys", NONE),
    row("createApiKey", Method::POST, "/v1/api-keys", NONE),
    row("revokeApiKey", Method::DELETE, "/v1/api-keys/{id}", NONE),
    row("rotateApiKey", Method::POST, "/v1/api-keys/{id}:rotate", NONE),
    row("listChanges", Method::GET, "/v1/changes", QUERY),
    row("showChange", Method::GET, "/v1/changes/{id}", NONE),
    row("withdrawChange", Method::DELETE, "/v1/changes/{id}", NONE),
    row("listDestinations", Method::GET, "/v1/destinations", NONE),
    row("createDestination", Method::POST, "/v1/destinations", NONE),
    row("showDestination", Method::GET, "/v1/destinations/{id}", NONE),
    row("replaceDestination", Method::PUT, "/v1/destinations/{id}", NONE),
    row("removeDestination", Method::DELETE, "/v1/destinations/{id}", NONE),
    row("trustHostKey", Method::POST, "/v1/destinations/{id}/host-keys", NONE),
    row("distrustHostKey", Method::DELETE, "/v1/destinations/{id}/host-keys", FINGERPRINT),
    row("testDestination", Method::POST, "/v1/destinations/{id}:test", NONE),
    row("listOpenPgpKeys", Method::GET, "/v1/keys", NONE),
    row("addOpenPgpKey", Method::POST, "/v1/keys", NONE),
    row("showOpenPgpKey", Method::GET, "/v1/keys/{id}", NONE),
    row("retireOpenPgpKey", Method::DELETE, "/v1/keys/{id}", QUERY),
    row("challengeOpenPgpKey", Method::POST, "/v1/keys/{id}:challenge", NONE),
    row("proveOpenPgpKey", Method::POST, "/v1/keys/{id}:prove", NONE),
    row("listReportTypes", Method::GET, "/v1/report-types", NONE),
    row("showReportType", Method::GET, "/v1/report-types/{id}", NONE),
    row("fetchReportTypeXsd", Method::GET, "/v1/report-types/{id}/schema.xsd", NONE),
    row("listReports", Method::GET, "/v1/reports", QUERY),
    row("createReport", Method::POST, "/v1/reports", NONE),
    row("showReport", Method::GET, "/v1/reports/{id}", NONE),
    row("deleteReport", Method::DELETE, "/v1/reports/{id}", NONE),
    row("listDeliveries", Method::GET, "/v1/reports/{id}/deliveries", NONE),
    row("redeliverReport", Method::POST, "/v1/reports/{id}/deliveries", NONE),
    row("followReport", Method::GET, "/v1/reports/{id}/events", NONE),
    row("fetchReportFile", Method::GET, "/v1/reports/{id}/file", NONE),
    row("showTimeline", Method::GET, "/v1/reports/{id}/timeline", NONE),
    row("previewReport", Method::POST, "/v1/reports:preview", NONE),
    row("showUsage", Method::GET, "/v1/usage", NONE),
    row("listWebhooks", Method::GET, "/v1/webhooks", NONE),
    row("createWebhook", Method::POST, "/v1/webhooks", NONE),
    row("showWebhook", Method::GET, "/v1/webhooks/{id}", NONE),
    row("removeWebhook", Method::DELETE, "/v1/webhooks/{id}", NONE),
    row("changeWebhook", Method::PATCH, "/v1/webhooks/{id}", NONE),
    row("listNotifications", Method::GET, "/v1/webhooks/{id}/notifications", QUERY),
    row("replayNotification", Method::POST, "/v1/webhooks/{id}/notifications/{notification}:replay", NONE),
    row("pingWebhook", Method::POST, "/v1/webhooks/{id}:ping", NONE),
    row("replayFailedNotifications", Method::POST, "/v1/webhooks/{id}:replay-failed", NONE),
    row("rotateWebhookSecret", Method::POST, "/v1/webhooks/{id}:rotate-secret", NONE),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// What the document says of an operation, as a row says it.
    fn described(document: &Json) -> Vec<String> {
        let mut rows = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("a path item") {
                if operation["security"] == json!([{}]) {
                    continue;
                }
                let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
                let required = |place: &str| {
                    let there = parameters.iter().filter(|one| one["in"] == place && one["required"] == json!(true));
                    there.filter_map(|one| one["name"].as_str()).collect::<Vec<_>>()
                };
                rows.push(words(
                    operation["operationId"].as_str().expect("an operation id"),
                    &method.to_uppercase(),
                    path,
                    parameters.iter().any(|one| one["in"] == "query"),
                    &required("query"),
                    &required("header"),
                ));
            }
        }
        rows
    }

    fn words(id: &str, method: &str, path: &str, has_query: bool, query: &[&str], header: &[&str]) -> String {
        format!("{id}: {method} {path}, query: {has_query}, required: {query:?} and of the header {header:?}")
    }

    #[test]
    fn every_operation_has_a_row_that_says_what_the_document_says() {
        let rows = ROWS.iter().map(|row| {
            let required = |wanted: Place| {
                let there = row.parameters.required.iter().filter(|(place, _)| *place == wanted);
                there.map(|(_, name)| *name).collect::<Vec<_>>()
            };
            let (query, header) = (required(Place::Query), required(Place::Header));
            words(row.id, row.method.as_str(), row.path, row.parameters.has_query, &query, &header)
        });
        assert_eq!(rows.collect::<Vec<_>>(), described(&crate::public_document()));
    }
}
