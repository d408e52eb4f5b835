//! Parameters as the published document describes them: checked for every operation before any work, so that an endpoint can't
//! forget it.

use axum::extract::Request;
use http::HeaderMap;
use sealpost_core::error::{Error, FieldError, codes};
use url::form_urlencoded;

use crate::authenticate::Operation;
use crate::problem;

/// The parameters of an operation that are not in its path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Whether it has any in its query string.
    pub(crate) has_query: bool,
    /// Required ones: where, and its name.
    pub(crate) required: &'static [(Place, &'static str)],
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the query string.
    Query,
    /// In a header.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no operation requires one now; the table's test finds one that does")
    )]
    Header,
}

/// Parameters that the operation requires are there and not blank, and none comes to an operation that has
/// none. (Which others are unknown or wrong an endpoint says itself, all at once.)
pub(crate) fn check(operation: &Operation, request: &Request) -> Result<(), Error> {
    operation.parameters.check(request.uri().query().unwrap_or_default(), request.headers())
}

impl Parameters {
    fn check(&self, query: &str, headers: &HeaderMap) -> Result<(), Error> {
        let given: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let is_there = |place: Place, wanted: &str| match place {
            Place::Query => given.iter().any(|(name, value)| name == wanted && !value.trim().is_empty()),
            Place::Header => headers.get(wanted).is_some_and(|value| !value.as_bytes().trim_ascii().is_empty()),
        };
        let missing = self.required.iter().filter(|(place, name)| !is_there(*place, name));
        let missing: Vec<FieldError> =
            missing.map(|(place, name)| problem::missing(*place == Place::Query, name)).collect();
        if !missing.is_empty() {
            return Err(Error::new(&codes::request::INVALID, "required parameters are missing").with_fields(missing));
        }
        if !self.has_query && !given.is_empty() {
            let unknown = given.iter().take(20).map(|(name, _)| {
                let name: String = name.chars().take(80).collect();
                problem::in_query(&name, "unknown parameter; this operation has none")
            });
            return Err(Error::new(&codes::request::INVALID, "the operation has no query parameters")
                .with_fields(unknown.collect()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::authenticate::operation;

    #[test]
    fn a_limit_can_be_set_for_every_operation_that_needs_credentials_and_for_no_other() {
        let described: BTreeSet<&str> = operation::all().iter().map(|operation| operation.name.as_str()).collect();
        let listed: BTreeSet<&str> = sealpost_pipeline::usage::OPERATIONS.iter().copied().collect();
        assert_eq!(described, listed, "a new endpoint needs a row in `OPERATIONS` (sealpost-pipeline/src/usage.rs)");
    }

    #[test]
    fn required_parameters_are_there_and_not_blank() {
        let required = &[(Place::Query, "q1"), (Place::Header, "x-one")];
        let parameters = Parameters { has_query: true, required };
        let check = |query: &str, header: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-one", http::HeaderValue::from_static(header));
            parameters.check(query, &headers)
        };
        assert!(check("q1=a&q2=b", "x").is_ok());
        for (query, header, wrong) in
            [("", "x", "[q1]"), ("q1=", "x", "[q1]"), ("q1=%20", " ", "[q1, x-one]"), ("q2=a", "x", "[q1]")]
        {
            let error = check(query, header).expect_err("refused");
            let body = problem::ProblemBody::of(&error, crate::plane::Plane::Partner, "");
            let body = serde_json::to_value(body).expect("json");
            assert_eq!(body["message"], format!("Missing required request parameters: {wrong}"), "{query}");
        }
    }

    #[test]
    fn an_operation_without_query_parameters_takes_none() {
        let parameters = Parameters { has_query: false, required: &[] };
        assert!(parameters.check("", &HeaderMap::new()).is_ok());
        let error = parameters.check("debug=1", &HeaderMap::new()).expect_err("refused");
        assert_eq!(error.fields()[0].pointer, "?debug");
    }
}
