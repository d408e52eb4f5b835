//! The operation that a request asks for, and the scope that it needs: by the table of what the OpenAPI document describes and the
//! table of scopes, so that what is described is what is checked.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Method;
use sealpost_core::identity::Scope;

use crate::parameters::Parameters;
use crate::scopes;

mod table;

/// An operation of the partner plane that needs credentials.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Its id in the document.
    pub(crate) id: &'static str,
    /// Method and path as in the document: `POST /v1/reports`.
    pub(crate) name: String,
    /// Its path as in the document.
    pub(crate) path: &'static str,
    /// Its method.
    pub(crate) method: Method,
    /// What it takes beside its path and body.
    pub(crate) parameters: &'static Parameters,
    /// The scope that a caller needs.
    pub(crate) scope: Scope,
}

/// What a method and path stand for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An operation.
    Operation(&'static Operation),
    /// A path that has other methods only, as `Allow` lists them.
    OtherMethods(String),
    /// A path where only verbs are described, without one of them: `{id}:verb`.
    NoVerb,
    /// Nothing that the document knows: closed to everyone.
    Unknown,
}

static OPERATIONS: LazyLock<Operations> = LazyLock::new(Operations::of_table);

/// All operations, in the document's order.
pub(crate) fn all() -> &'static [Operation] {
    &OPERATIONS.all
}

/// What a request asks for. `route` is the router's pattern, `path` the request's own.
pub(crate) fn asked(method: &Method, route: &str, path: &str) -> Asked {
    OPERATIONS.find(method, route, path)
}

struct Operations {
    all: Vec<Operation>,
    places: Vec<Place>,
    /// Indices into `places` by [`pattern`].
    by_pattern: HashMap<String, usize>,
    /// The same by the document's own words, which mostly are the router's: nothing has to be put together then.
    by_words: HashMap<String, usize>,
}

/// What may be asked for at one path: indices into [`Operations::all`].
#[derive(Default)]
struct Place {
    without_verb: Vec<usize>,
    /// By the verb: `{id}:verb`.
    verbs: HashMap<String, Vec<usize>>,
}

impl Operations {
    fn of_table() -> Self {
        let operations = table::ROWS.iter().filter_map(|row| {
            Some(Operation {
                scope: scopes::of(row.id)?,
                id: row.id,
                name: format!("{} {}", row.method, row.path),
                path: row.path,
                method: row.method.clone(),
                parameters: &row.parameters,
            })
        });
        let all: Vec<Operation> = operations.collect();
        let (mut places, mut by_pattern, mut by_words) = (Vec::<Place>::new(), HashMap::new(), HashMap::new());
        for (index, operation) in all.iter().enumerate() {
            let (words, verb) = split(operation.path);
            let place = *by_pattern.entry(pattern(&words)).or_insert_with(|| {
                places.push(Place::default());
                places.len() - 1
            });
            by_words.insert(words, place);
            let place = &mut places[place];
            match verb {
                Some(verb) => place.verbs.entry(verb).or_default().push(index),
                None => place.without_verb.push(index),
            }
        }
        Self { all, places, by_pattern, by_words }
    }

    fn find(&'static self, method: &Method, route: &str, path: &str) -> Asked {
        // axum answers HEAD with the endpoint of GET.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let Some(place) = self.by_words.get(route).or_else(|| self.by_pattern.get(&pattern(route))) else {
            return Asked::Unknown;
        };
        let place = &self.places[*place];
        // The router can't match `{id}:verb`; the endpoint of `{id}` looks for the verb itself, in the decoded segment.
        let verb = if place.verbs.is_empty() { None } else { verb(path) };
        let candidates = verb.and_then(|verb| place.verbs.get(&verb)).unwrap_or(&place.without_verb);
        if candidates.is_empty() {
            return Asked::NoVerb;
        }
        let operations = candidates.iter().map(|index| &self.all[*index]);
        match operations.clone().find(|operation| operation.method == *method) {
            Some(operation) => Asked::Operation(operation),
            None => {
                let methods: Vec<&str> = operations
                    .map(
                        |operation| {
                            if operation.method == Method::GET { "GET,HEAD" } else { operation.method.as_str() }
                        },
                    )
                    .collect();
                Asked::OtherMethods(methods.join(","))
            }
        }
    }
}

/// A path of the document without its verb, and the verb: `{id}:verb`.
fn split(path: &str) -> (String, Option<String>) {
    match path.rsplit_once("}:") {
        Some((before, verb)) => (format!("{before}}}"), Some(verb.to_owned())),
        None => (path.to_owned(), None),
    }
}

/// A path whatever its parameters are called.
fn pattern(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// What stands behind the last colon of the last segment, decoded as the endpoints see it.
fn verb(path: &str) -> Option<String> {
    let last = path.rsplit('/').next()?;
    let decoded = percent_encoding::percent_decode_str(last).decode_utf8().ok()?;
    decoded.rsplit_once(':').map(|(_, verb)| verb.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(method: &Method, route: &str, path: &str) -> String {
        match asked(method, route, path) {
            Asked::Operation(operation) => operation.id.to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_one_operation() {
        for (method, route, path, expected) in [
            (Method::GET, "/v1/reports", "/v1/reports", "listReports"),
            (Method::HEAD, "/v1/reports/{id}/file", "/v1/reports/x/file", "fetchReportFile"),
            (Method::POST, "/v1/reports", "/v1/reports", "createReport"),
            (Method::POST, "/v1/reports:preview", "/v1/reports:preview", "previewReport"),
            (Method::DELETE, "/v1/reports/{name}", "/v1/reports/01x", "deleteReport"),
            // A colon that means nothing here.
            (Method::GET, "/v1/reports/{id}", "/v1/reports/a:b", "showReport"),
        ] {
            assert_eq!(id(&method, route, path), expected);
        }
    }

    #[test]
    fn what_is_not_described_is_no_operation() {
        assert_eq!(asked(&Method::GET, "/v1/secret", "/v1/secret"), Asked::Unknown);
        assert_eq!(asked(&Method::GET, "/healthz", "/healthz"), Asked::Unknown);
        let Asked::OtherMethods(methods) = asked(&Method::PATCH, "/v1/reports", "/v1/reports") else {
            panic!("PATCH has no operation")
        };
        assert_eq!(methods, "GET,HEAD,POST");
        let route = "/v1/webhooks/{id}/notifications/{notification}";
        for path in ["/v1/webhooks/whk_x/notifications/msg_y", "/v1/webhooks/whk_x/notifications/msg_y:replya"] {
            assert_eq!(asked(&Method::POST, route, path), Asked::NoVerb);
        }
    }

    #[test]
    fn every_operation_is_found_at_its_own_path() {
        for operation in all() {
            let route =
                operation.path.rsplit_once("}:").map_or(operation.path.to_owned(), |(before, _)| format!("{before}}}"));
            for colon in [":", "%3A", "%3a"] {
                let path = operation.path.replace("}:", &format!("}}{colon}")).replace(['{', '}'], "");
                assert_eq!(id(&operation.method, &route, &path), operation.id, "{path}");
            }
        }
    }
}
