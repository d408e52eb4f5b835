//! Links: where the values of an answer can be used (OpenAPI 3.1, section 4.8.20).

use serde_json::{Value as Json, json};

/// From an operation's success to another operation, with its parameters.
struct Link {
    from: &'static str,
    to: &'static str,
    parameters: &'static [(&'static str, &'static str)],
}

const fn link(from: &'static str, to: &'static str, parameters: &'static [(&'static str, &'static str)]) -> Link {
    Link { from, to, parameters }
}

const ID: &[(&str, &str)] = &[("id", "$response.body#/id")];
const SAME: &[(&str, &str)] = &[("id", "$request.path.id")];
const FIRST_REPORT: &[(&str, &str)] = &[("id", "$response.body#/reports/0/id")];
const FIRST_TYPE: &[(&str, &str)] = &[("id", "$response.body#/report_types/0/id")];
const FIRST_PARTNER: &[(&str, &str)] = &[("id", "$response.body#/partners/0/id")];
const FIRST_CONNECTOR: &[(&str, &str)] = &[("id", "$response.body#/connectors/0/id")];
const FIRST_KEY: &[(&str, &str)] = &[("id", "$response.body#/keys/0/fingerprint")];
const FIRST_DESTINATION: &[(&str, &str)] = &[("id", "$response.body#/destinations/0/id")];
const NEXT: &[(&str, &str)] = &[("cursor", "$response.body#/next_cursor")];

/// The links of both planes.
const LINKS: &[Link] = &[
    link("listReportTypes", "showReportType", FIRST_TYPE),
    link("listReportTypes", "fetchReportTypeXsd", FIRST_TYPE),
    link("createReport", "showReport", ID),
    link("createReport", "fetchReportFile", ID),
    link("createReport", "listDeliveries", ID),
    link("createReport", "redeliverReport", ID),
    link("createReport", "showTimeline", ID),
    link("createReport", "deleteReport", ID),
    link("listReports", "listReports", NEXT),
    link("listReports", "showReport", FIRST_REPORT),
    link("listReports", "fetchReportFile", FIRST_REPORT),
    link("listReports", "redeliverReport", FIRST_REPORT),
    link("showReport", "fetchReportFile", ID),
    link("showReport", "deleteReport", ID),
    link("redeliverReport", "listDeliveries", SAME),
    link("deleteReport", "showReport", ID),
    link("createWebhook", "showWebhook", ID),
    link("createWebhook", "changeWebhook", ID),
    link("createWebhook", "pingWebhook", ID),
    link("createWebhook", "listNotifications", ID),
    link("createWebhook", "rotateWebhookSecret", ID),
    link("createWebhook", "replayFailedNotifications", ID),
    link("createWebhook", "removeWebhook", ID),
    link("changeWebhook", "showWebhook", SAME),
    link("pingWebhook", "listNotifications", SAME),
    link("pingWebhook", "replayNotification", &[("id", "$request.path.id"), ("notification", "$response.body#/id")]),
    link(
        "listNotifications",
        "listNotifications",
        &[("id", "$request.path.id"), ("cursor", "$response.body#/next_cursor")],
    ),
    link("addOpenPgpKey", "showOpenPgpKey", &[("id", "$response.body#/fingerprint")]),
    link("addOpenPgpKey", "challengeOpenPgpKey", &[("id", "$response.body#/fingerprint")]),
    link("listOpenPgpKeys", "showOpenPgpKey", FIRST_KEY),
    link("listOpenPgpKeys", "challengeOpenPgpKey", FIRST_KEY),
    link("challengeOpenPgpKey", "proveOpenPgpKey", SAME),
    link("createDestination", "showDestination", ID),
    link("createDestination", "replaceDestination", ID),
    link("createDestination", "testDestination", ID),
    link("createDestination", "trustHostKey", ID),
    link("createDestination", "removeDestination", ID),
    link("listDestinations", "showDestination", FIRST_DESTINATION),
    link("listDestinations", "testDestination", FIRST_DESTINATION),
    link("createApiKey", "rotateApiKey", ID),
    link("createApiKey", "revokeApiKey", ID),
    link("listChanges", "showChange", &[("id", "$response.body#/changes/0/id")]),
    link("listPartners", "showPartner", FIRST_PARTNER),
    link("listPartners", "createReportOfPartner", FIRST_PARTNER),
    link("putPartner", "showPartner", SAME),
    link("putPartner", "issueKey", SAME),
    link("putPartner", "createReportOfPartner", SAME),
    link("putPartner", "removePartner", SAME),
    link("issueKey", "listKeys", SAME),
    link("issueKey", "revokeKey", &[("id", "$request.path.id"), ("key", "$response.body#/id")]),
    link("listConnectors", "showConnector", FIRST_CONNECTOR),
    link("listConnectors", "testConnector", FIRST_CONNECTOR),
    link("createReportOfPartner", "showReportOfAny", ID),
    link("createReportOfPartner", "listDeliveriesOfAny", ID),
    link("createReportOfPartner", "redeliverReportOfAny", ID),
    link("createReportOfPartner", "showTimelineOfAny", ID),
    link("createReportOfPartner", "deleteReportOfAny", ID),
    link("listReportsOfAll", "listReportsOfAll", NEXT),
    link("listReportsOfAll", "showReportOfAny", FIRST_REPORT),
    link("listReportsOfAll", "redeliverReportOfAny", FIRST_REPORT),
    link("showQueue", "reviveTask", &[("task", "$response.body#/dead_letters/0/task")]),
];

/// Adds the links to the successes of their operations.
pub(super) fn complete(document: &mut Json) {
    for operation in super::operations(document) {
        let id = operation["operationId"].clone();
        for link in LINKS.iter().filter(|link| id == link.from) {
            let parameters: Json =
                link.parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            // Where something is made at once or waits for an approval, only what was made has the values.
            let is_made = operation["responses"].get("201").is_some();
            for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                if status.starts_with('2') && (!is_made || status == "201") {
                    response["links"][link.to] = json!({"operationId": link.to, "parameters": parameters});
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn links_lead_from_operations_to_operations_and_name_their_parameters() {
        let documents = [crate::public_document(), crate::admin_document()];
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for mut document in documents {
            for operation in super::super::operations(&mut document) {
                let all = operation["parameters"].as_array().cloned().unwrap_or_default();
                let names = all.iter().filter_map(|one| one["name"].as_str()).map(str::to_owned).collect();
                parameters.insert(operation["operationId"].as_str().expect("an id").to_owned(), names);
            }
        }
        for Link { from, to, parameters: given } in LINKS {
            assert!(parameters.contains_key(*from), "{from}");
            let known = parameters.get(*to).unwrap_or_else(|| panic!("{to}"));
            assert!(given.iter().all(|(name, _)| known.iter().any(|one| one == name)), "{from} to {to}");
        }
    }
}
