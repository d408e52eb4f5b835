//! The path that the router knows, out of the one that the client asked for: without the stage, and without the path that a
//! custom domain maps to the API. Both are the base path that links have to have.

use serde_json::Value as Json;

use super::event::text;

/// Where an event wants to go.
pub(super) struct Place {
    /// The path that the router knows.
    pub(super) path: String,
    /// What stands before it in the URL that the client asked for; empty for nothing.
    pub(super) base: String,
}

/// The place of an event. `base_path` is what an operator says stands before the path. `None` where the event has no path.
pub(super) fn of(event: &Json, is_v2: bool, base_path: &str) -> Option<Place> {
    let asked = if is_v2 { text(event, "/rawPath") } else { text(event, "/path") }?;
    let path = below(asked, base_path).unwrap_or(asked);
    let stage = stage(event, is_v2).and_then(|stage| below(path, stage));
    let path = stage.unwrap_or(path);
    let path = of_route(event, is_v2, path).unwrap_or(path);
    // REST APIs leave the stage out of `path`; this one is the client's.
    let whole = text(event, "/requestContext/path").filter(|_| !is_v2).unwrap_or(asked);
    Some(Place { path: path.to_owned(), base: before(whole, path).unwrap_or_default().to_owned() })
}

/// What stands before a path in the whole one. Segments are counted, since only one of the two may be percent-encoded.
fn before<'a>(whole: &'a str, path: &str) -> Option<&'a str> {
    let whole = whole.trim_end_matches('/');
    let surplus = segments(whole).checked_sub(segments(path.trim_end_matches('/')))?;
    let end = whole.match_indices('/').nth(surplus).map_or(whole.len(), |(at, _)| at);
    whole.get(..end)
}

fn segments(path: &str) -> usize {
    path.matches('/').count()
}

/// The stage, where the path begins with it: with HTTP APIs, whichever payload they send, but not by a custom domain, whose
/// mapping stands for it, and not with REST APIs.
fn stage(event: &Json, is_v2: bool) -> Option<&str> {
    let is_http_api = is_v2 || text(event, "/version") == Some("1.0");
    let own_domain = text(event, "/requestContext/domainName").is_some_and(|domain| !domain.contains(".execute-api."));
    text(event, "/requestContext/stage").filter(|stage| is_http_api && !own_domain && *stage != "$default")
}

/// The end of the path that the gateway's route matched, where the route says how long that is: what is before it is the
/// domain's mapping.
fn of_route<'a>(event: &Json, is_v2: bool, path: &'a str) -> Option<&'a str> {
    let route = if is_v2 { text(event, "/routeKey")?.split_once(' ')?.1 } else { text(event, "/resource")? };
    let wanted = match route.rsplit_once("/{").and_then(|(before, last)| Some((before, last.strip_suffix("+}")?))) {
        Some((before, name)) => {
            let greedy = event["pathParameters"][name].as_str()?;
            segments(before) + 1 + segments(greedy.trim_end_matches('/'))
        }
        None => segments(route),
    };
    let surplus = segments(path.trim_end_matches('/')).checked_sub(wanted).filter(|surplus| *surplus > 0)?;
    let (start, _) = path.match_indices('/').nth(surplus)?;
    path.get(start..)
}

/// What is left of a path below a prefix of whole segments.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let prefix = prefix.trim_matches('/');
    let rest = path.strip_prefix('/')?.strip_prefix(prefix).filter(|_| !prefix.is_empty())?;
    if rest.is_empty() { Some("/") } else { Some(rest).filter(|rest| rest.starts_with('/')) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path_of(event: &Json, is_v2: bool, base_path: &str) -> Option<String> {
        of(event, is_v2, base_path).map(|place| place.path)
    }

    fn v1(path: &str, resource: &str, parameters: Json) -> Json {
        json!({"path": path, "resource": resource, "httpMethod": "GET", "pathParameters": parameters,
               "requestContext": {"stage": "prod", "domainName": "a1.execute-api.us-east-1.amazonaws.com"}})
    }

    fn v2(path: &str, stage: &str, domain: &str, route: &str) -> Json {
        json!({"version": "2.0", "rawPath": path, "routeKey": route, "pathParameters": {"proxy": "v1/reports", "id": "r"},
               "requestContext": {"stage": stage, "domainName": domain}})
    }

    #[test]
    fn rest_apis_leave_the_stage_out_and_a_mapping_in() {
        let proxy = json!({"proxy": "v1/reports"});
        for (path, resource, parameters, base, expected) in [
            ("/v1/reports", "/{proxy+}", proxy.clone(), "", "/v1/reports"),
            ("/v1/reports/", "/{proxy+}", proxy.clone(), "", "/v1/reports/"),
            ("/sp/v1/reports", "/{proxy+}", proxy.clone(), "", "/v1/reports"),
            ("/a/b/v1/reports", "/v1/reports", json!(null), "", "/v1/reports"),
            ("/sp/v1/reports/rep_1", "/v1/reports/{id}", json!({"id": "rep_1"}), "", "/v1/reports/rep_1"),
            ("/sp/v1/reports/rep_1", "", json!(null), "/sp", "/v1/reports/rep_1"),
            ("/sp/v1/reports", "", json!(null), "sp/", "/v1/reports"),
            ("/spare/v1/reports", "", json!(null), "/sp", "/spare/v1/reports"),
            ("/sp", "", json!(null), "/sp", "/"),
            // A stage of this name is no part of the path here.
            ("/prod/v1/reports", "/prod/v1/reports", json!(null), "", "/prod/v1/reports"),
        ] {
            let event = v1(path, resource, parameters);
            assert_eq!(path_of(&event, false, base).as_deref(), Some(expected), "{path} {resource}");
        }
    }

    #[test]
    fn http_apis_have_the_stage_in_front_except_by_a_custom_domain() {
        let (own, theirs) = ("files.example.com", "a1.execute-api.eu-central-1.amazonaws.com");
        for (path, stage, domain, route, expected) in [
            ("/prod/v1/reports", "prod", theirs, "$default", "/v1/reports"),
            ("/v1/reports", "$default", theirs, "$default", "/v1/reports"),
            ("/v1/v1/reports", "v1", theirs, "$default", "/v1/reports"),
            ("/v1/reports", "v1", own, "$default", "/v1/reports"),
            ("/map/v1/reports", "prod", own, "ANY /{proxy+}", "/v1/reports"),
            ("/map/v1/reports/r", "prod", own, "GET /v1/reports/{id}", "/v1/reports/r"),
            ("/v1/reports", "$default", "x.lambda-url.eu-central-1.on.aws", "$default", "/v1/reports"),
        ] {
            assert_eq!(
                path_of(&v2(path, stage, domain, route), true, "").as_deref(),
                Some(expected),
                "{path} {stage} {route}"
            );
        }
        let payload_1 = json!({"version": "1.0", "path": "/prod/v1/usage", "requestContext": {"stage": "prod", "domainName": theirs}});
        assert_eq!(path_of(&payload_1, false, "").as_deref(), Some("/v1/usage"));
        assert_eq!(path_of(&json!({}), true, ""), None);
    }

    #[test]
    fn what_is_taken_off_is_the_base_of_links() {
        let base_of = |event: &Json, is_v2: bool, base_path: &str| of(event, is_v2, base_path).expect("a path").base;
        let proxy = |path: &str, whole: &str| {
            let (_, below) = path.split_once("/v1/").expect("a path of ours");
            let mut event = v1(path, "/{proxy+}", json!({"proxy": format!("v1/{below}")}));
            event["requestContext"]["path"] = json!(whole);
            event
        };
        for (path, whole, base) in [
            ("/v1/reports", "/prod/v1/reports", "/prod"),
            ("/v1/reports/", "/prod/v1/reports/", "/prod"),
            // A domain of one's own, without and with a mapping.
            ("/v1/reports", "/v1/reports", ""),
            ("/a/b/v1/reports", "/a/b/v1/reports", "/a/b"),
            // One of the two is as the client wrote it.
            ("/v1/keys/x:prove", "/prod/v1/keys/x%3Aprove", "/prod"),
        ] {
            assert_eq!(base_of(&proxy(path, whole), false, ""), base, "{path} {whole}");
        }
        let mut root = v1("/", "/", Json::Null);
        root["requestContext"]["path"] = json!("/prod");
        assert_eq!(base_of(&root, false, ""), "/prod");
        assert_eq!(base_of(&v1("/sp/v1/reports", "", Json::Null), false, "sp/"), "/sp");

        let (own, theirs) = ("files.example.com", "a1.execute-api.eu-central-1.amazonaws.com");
        for (path, stage, domain, route, base) in [
            ("/prod/v1/reports", "prod", theirs, "$default", "/prod"),
            ("/v1/reports", "$default", theirs, "$default", ""),
            ("/v1/v1/reports", "v1", theirs, "$default", "/v1"),
            ("/map/v1/reports", "prod", own, "ANY /{proxy+}", "/map"),
        ] {
            assert_eq!(base_of(&v2(path, stage, domain, route), true, ""), base, "{path} {stage} {route}");
        }
    }
}
