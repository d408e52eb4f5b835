//! Cursors of lists whose entries have ids: opaque on purpose, since what they hold may change.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealpost_core::error::{Error, Result, codes};

use crate::problem::in_query;
use crate::query::Reader;

const DEFAULT_LIMIT: u32 = 20;
const MOST: u32 = 100;

/// The cursor behind the entry with this id.
pub(crate) fn to_cursor(id: impl AsRef<str>) -> String {
    URL_SAFE_NO_PAD.encode(id.as_ref())
}

/// The id in the parameter `cursor`.
pub(crate) fn after<T: FromStr>(reader: &mut Reader<'_>) -> Option<T> {
    let read = |text: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?.parse().ok();
    reader.one("cursor", |text| read(text).ok_or_else(|| "not a cursor of this list".to_owned()))
}

/// The parameter `limit`.
pub(crate) fn limit(reader: &mut Reader<'_>) -> u32 {
    let read = |text: &str| text.parse().ok().filter(|number| (1..=MOST).contains(number));
    let limit = reader.one("limit", |text| read(text).ok_or_else(|| format!("expected 1 to {MOST}")));
    limit.unwrap_or(DEFAULT_LIMIT)
}

/// What a ledger says of a page: the only part of a checked filter that it can refuse is a cursor of another list.
pub(crate) fn page<T>(outcome: Result<T>, has_cursor: bool) -> Result<T> {
    outcome.map_err(|error| {
        if has_cursor && error.is(&codes::request::INVALID) {
            let field = in_query("cursor", "not a cursor of this list");
            Error::new(&codes::request::INVALID, "a query parameter is not valid").with_fields(vec![field])
        } else {
            error
        }
    })
}
