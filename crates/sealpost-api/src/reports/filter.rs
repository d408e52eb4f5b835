//! Which reports to list: filters and the cursor.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealpost_core::error::Result;
use sealpost_core::id::{JobId, PartnerId};
use sealpost_core::job::JobStatus;
use sealpost_core::port::JobFilter;

use crate::query::Query;

const DEFAULT_LIMIT: u32 = 20;
const MOST: u32 = 100;
const KNOWN: [&str; 6] = ["status", "report_type", "created_from", "created_to", "limit", "cursor"];

/// The filter that a partner's query string asks for.
pub(crate) fn of_partner(query: &Query, partner: PartnerId) -> Result<JobFilter> {
    Ok(JobFilter { partner: Some(partner), ..read(query, &KNOWN)? })
}

/// The filter that an operator's query string asks for: also by partner.
pub(crate) fn of_operator(query: &Query) -> Result<JobFilter> {
    read(query, &[&KNOWN[..], &["partner"]].concat())
}

fn read(query: &Query, known: &[&str]) -> Result<JobFilter> {
    let mut reader = query.read(known);
    let mut statuses = Vec::new();
    for text in reader.all("status") {
        match JobStatus::ALL.into_iter().find(|status| status.as_str() == text) {
            Some(status) => statuses.push(status),
            None => {
                let known: Vec<&str> = JobStatus::ALL.iter().map(|status| status.as_str()).collect();
                reader.wrong("status", format!("unknown status; known are {}", known.join(", ")));
            }
        }
    }
    let words = |error: sealpost_core::Error| error.detail().to_owned();
    let filter = JobFilter {
        partner: if known.contains(&"partner") {
            reader.one("partner", |text| text.parse().map_err(words))
        } else {
            None
        },
        statuses,
        report_type: reader.one("report_type", |text| text.parse().map_err(words)),
        created_from: reader.instant("created_from"),
        created_to: reader.instant("created_to"),
        after: reader.one("cursor", |text| from_cursor(text).ok_or_else(|| "not a cursor of this list".to_owned())),
        limit: reader.one("limit", limit).unwrap_or(DEFAULT_LIMIT),
    };
    if let (Some(from), Some(to)) = (filter.created_from, filter.created_to)
        && from > to
    {
        reader.wrong("created_from", "must not be after `created_to`");
    }
    reader.end()?;
    Ok(filter)
}

fn limit(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("expected 1 to {MOST}"))
}

/// Opaque on purpose: what it holds may change.
pub(crate) fn to_cursor(last: &JobId) -> String {
    URL_SAFE_NO_PAD.encode(last.as_str())
}

fn from_cursor(text: &str) -> Option<JobId> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_nothing_else_is_one() {
        let id = JobId::fresh();
        assert_eq!(from_cursor(&to_cursor(&id)), Some(id));
        for bad in ["", "rep_1", "%%", "AAAA"] {
            assert_eq!(from_cursor(bad), None, "{bad}");
        }
    }
}
