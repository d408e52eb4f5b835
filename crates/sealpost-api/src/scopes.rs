//! Which scope each operation of the partner plane needs: one table, for the document and for whoever checks it.

use sealpost_core::identity::Scope;

/// Operation ids with the scope that a caller needs. Operations that need no credentials have no row.
pub(crate) static OPERATION_SCOPES: &[(&str, Scope)] = &[
    ("listReportTypes", Scope::ReportsRead),
    ("showReportType", Scope::ReportsRead),
    ("fetchReportTypeXsd", Scope::ReportsRead),
    ("createReport", Scope::ReportsWrite),
    // It stores nothing and shows only what a report would.
    ("previewReport", Scope::ReportsRead),
    ("listReports", Scope::ReportsRead),
    ("showReport", Scope::ReportsRead),
    ("fetchReportFile", Scope::ReportsRead),
    ("deleteReport", Scope::ReportsWrite),
    ("listDeliveries", Scope::ReportsRead),
    ("redeliverReport", Scope::ReportsWrite),
    ("showTimeline", Scope::ReportsRead),
    ("followReport", Scope::ReportsRead),
    ("showUsage", Scope::ReportsRead),
    ("listWebhooks", Scope::ReportsRead),
    ("createWebhook", Scope::DestinationsWrite),
    ("showWebhook", Scope::ReportsRead),
    ("changeWebhook", Scope::DestinationsWrite),
    ("removeWebhook", Scope::DestinationsWrite),
    ("pingWebhook", Scope::DestinationsWrite),
    ("rotateWebhookSecret", Scope::DestinationsWrite),
    ("replayFailedNotifications", Scope::DestinationsWrite),
    ("listNotifications", Scope::ReportsRead),
    ("replayNotification", Scope::DestinationsWrite),
    ("listOpenPgpKeys", Scope::ReportsRead),
    ("showOpenPgpKey", Scope::ReportsRead),
    ("addOpenPgpKey", Scope::KeysWrite),
    ("retireOpenPgpKey", Scope::KeysWrite),
    ("challengeOpenPgpKey", Scope::KeysWrite),
    ("proveOpenPgpKey", Scope::KeysWrite),
    ("listDestinations", Scope::ReportsRead),
    ("showDestination", Scope::ReportsRead),
    ("createDestination", Scope::DestinationsWrite),
    ("replaceDestination", Scope::DestinationsWrite),
    ("removeDestination", Scope::DestinationsWrite),
    ("testDestination", Scope::DestinationsWrite),
    ("trustHostKey", Scope::DestinationsWrite),
    ("distrustHostKey", Scope::DestinationsWrite),
    ("listApiKeys", Scope::ReportsRead),
    ("createApiKey", Scope::KeysWrite),
    ("revokeApiKey", Scope::KeysWrite),
    ("rotateApiKey", Scope::KeysWrite),
    ("listChanges", Scope::ReportsRead),
    ("showChange", Scope::ReportsRead),
    // The endpoint asks for `keys:write` beside, where the change is about certificates.
    ("withdrawChange", Scope::DestinationsWrite),
];

/// The scope that an operation needs; `None` for one that needs no credentials, or is not of the partner plane.
pub(crate) fn of(operation: &str) -> Option<Scope> {
    OPERATION_SCOPES.iter().find(|(id, _)| *id == operation).map(|(_, scope)| *scope)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn every_operation_that_needs_credentials_has_exactly_one_row() {
        let document = crate::public_document();
        let operations = document["paths"].as_object().expect("paths").values().flat_map(|item| {
            let operations = item.as_object().expect("a path item").values();
            operations.filter(|one| one["security"] != json!([{}])).filter_map(|one| one["operationId"].as_str())
        });
        let described: BTreeSet<&str> = operations.collect();
        let listed: BTreeSet<&str> = OPERATION_SCOPES.iter().map(|(id, _)| *id).collect();
        assert_eq!(listed.len(), OPERATION_SCOPES.len(), "an operation has two rows");
        assert_eq!(described, listed);
    }

    #[test]
    fn every_scope_that_is_given_is_needed_by_an_operation() {
        for scope in Scope::ALL {
            assert!(OPERATION_SCOPES.iter().any(|(_, needed)| *needed == scope), "nothing needs {scope}");
        }
    }

    #[test]
    fn what_changes_something_needs_more_than_reading() {
        let document = crate::public_document();
        for item in document["paths"].as_object().expect("paths").values() {
            for (method, operation) in item.as_object().expect("a path item") {
                let id = operation["operationId"].as_str().expect("an operation id");
                let Some(scope) = of(id) else { continue };
                let reads = method == "get" || id.starts_with("preview");
                assert_eq!(scope == Scope::ReportsRead, reads, "{method} {id}");
                assert_eq!(operation["x-required-scope"], Json::from(scope.as_str()), "{id}");
            }
        }
    }
}
