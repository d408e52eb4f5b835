//! Query strings: every problem at once, and a parameter that we don't know is refused.

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::Timestamp;
use sealpost_core::error::{Error, FieldError, codes};
use url::form_urlencoded;

use crate::problem::{Problem, in_query};

/// The parameters of a query string, in order.
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect()))
    }
}

impl Query {
    /// Starts reading.
    pub(crate) fn read(&self, known: &[&str]) -> Reader<'_> {
        let mut problems = Vec::new();
        for (name, _) in self.0.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let name: String = name.chars().take(80).collect();
            problems.push(in_query(&name, format!("unknown parameter; known are {}", known.join(", "))));
        }
        Reader { query: self, problems }
    }

    /// The same query with another cursor.
    pub(crate) fn with_cursor(&self, cursor: &str) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(self.0.iter().filter(|(name, _)| name != "cursor"));
        text.append_pair("cursor", cursor).finish()
    }
}

/// Reads parameters and collects what is wrong with them.
pub(crate) struct Reader<'a> {
    query: &'a Query,
    problems: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    /// The values of a parameter that may be repeated or hold several, separated by commas.
    pub(crate) fn all(&self, name: &str) -> Vec<&'a str> {
        let values = self.query.0.iter().filter(|(known, _)| known == name);
        values.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// The value of a parameter that may come once, read by `read`.
    pub(crate) fn one<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let mut values = self.query.0.iter().filter(|(known, _)| known == name);
        let (_, value) = values.next()?;
        if values.next().is_some() {
            self.wrong(name, "given more than once");
            return None;
        }
        match read(value) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.wrong(name, detail);
                None
            }
        }
    }

    /// An instant.
    pub(crate) fn instant(&mut self, name: &str) -> Option<Timestamp> {
        self.one(name, |text| {
            // In a query string a `+` that was not escaped arrives as a space.
            let expected = "expected an instant with offset such as 2026-01-31T00:00:00Z (write `+` as %2B)";
            text.parse().map_err(|_| expected.to_owned())
        })
    }

    /// Notes that something is wrong.
    pub(crate) fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        self.problems.push(in_query(name, detail));
    }

    /// Ends reading.
    pub(crate) fn end(self) -> Result<(), Error> {
        match self.problems.len() {
            0 => Ok(()),
            1 => Err(Error::new(&codes::request::INVALID, "a query parameter is not valid").with_fields(self.problems)),
            count => Err(Error::new(&codes::request::INVALID, format!("{count} query parameters are not valid"))
                .with_fields(self.problems)),
        }
    }
}
