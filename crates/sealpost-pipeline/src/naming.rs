//! File names from the partner's template.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{Admission, CompressionEntry, FormatEntry};
use sealpost_core::sealed::FileName;

/// The words of a template, for messages and docs.
pub const WORDS: [&str; 7] = ["partner", "report", "date", "time", "sequence", "id", "extension"];

/// The whole extension of a sealed file: `csv.gz.pgp`, `csv.asc`.
#[must_use]
pub fn extension(format: &FormatEntry, compression: &CompressionEntry, armor: bool) -> String {
    let sealed = if armor { "asc" } else { "pgp" };
    [format.extension, compression.extension, sealed]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(".")
}

/// Fills a partner's template for an admission. Sequence numbers count per partner and report type, so a name without `{id}`
/// and without `{report}` and `{sequence}` together could come twice: the template check refuses it.
///
/// # Errors
/// `SP-STORE-008` where the template or the outcome is no file name.
pub fn file_name(admission: &Admission, sequence: u64) -> Result<FileName> {
    let zone = time_zone(&admission.time_zone)?;
    let local = admission.now.to_zoned(zone);
    fill(&admission.name_template, |word| {
        Some(match word {
            "partner" => admission.request.partner.to_string(),
            "report" => admission.request.report_type.to_string(),
            "date" => local.date().to_string(),
            "time" => local.strftime("%H%M%S").to_string(),
            "sequence" => format!("{sequence:06}"),
            "id" => admission.id.to_string(),
            "extension" => admission.extension.clone(),
            _ => return None,
        })
    })?
    .parse()
}

/// Checks a template when a partner is saved.
///
/// # Errors
/// `SP-STORE-008` for an unknown word, a name that isn't one, or names that could come twice.
pub fn check_template(template: &str) -> Result<()> {
    let sample = fill(template, |word| WORDS.contains(&word).then(|| "x".to_owned()))?;
    sample.parse::<FileName>()?;
    let has = |word: &str| template.contains(word);
    if has("{id}") || (has("{sequence}") && has("{report}")) {
        return Ok(());
    }
    let detail = format!(
        "`{template}` must have {{id}}, or {{report}} and {{sequence}}, so that no name comes twice: each report type \
         has sequence numbers of its own"
    );
    Err(Error::new(&codes::store::NAME, detail))
}

/// A zone by its name: `UTC`, `+02:00` or an IANA name.
///
/// # Errors
/// `SP-CONFIG-001` for an unknown one.
pub fn time_zone(name: &str) -> Result<TimeZone> {
    zone_of(name, jiff::tz::db())
}

fn zone_of(name: &str, database: &TimeZoneDatabase) -> Result<TimeZone> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let fixed = jiff::fmt::strtime::parse("%:z", name).ok().and_then(|parsed| parsed.offset()).map(TimeZone::fixed);
    fixed.or_else(|| database.get(name).ok()).ok_or_else(|| {
        // Each database has this one, so without it there is none. Slim containers are like that.
        let detail = if database.get("Etc/UTC").is_err() {
            format!("`{name}`: this machine has no time zone database: install tzdata, or write `UTC` or `+02:00`")
        } else {
            format!("unknown time zone `{name}`; write `UTC`, `+02:00` or an IANA name")
        };
        Error::new(&codes::config::INVALID, detail)
    })
}

fn fill(template: &str, word: impl Fn(&str) -> Option<String>) -> Result<String> {
    let mut name = String::with_capacity(2 * template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        name.push_str(before);
        let (key, tail) = after
            .split_once('}')
            .ok_or_else(|| Error::new(&codes::store::NAME, format!("`{template}`: `{{` without `}}`")))?;
        let value = word(key).ok_or_else(|| {
            Error::new(
                &codes::store::NAME,
                format!("`{template}`: unknown word `{key}`; known are {}", WORDS.join(", ")),
            )
        })?;
        name.push_str(&value);
        rest = tail;
    }
    name.push_str(rest);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_checked_before_they_are_used() {
        for good in ["{report}_{date}_{sequence}.{extension}", "{partner}-{id}.{extension}", "{sequence}.{id}"] {
            assert!(check_template(good).is_ok(), "{good}");
        }
        for bad in [
            "{report}.{extension}",
            // Two report types have the same numbers.
            "{partner}_{date}_{sequence}.{extension}",
            "{reprot}_{sequence}_{id}",
            "../{report}_{sequence}",
            "{report}_{sequence",
            ".{report}_{sequence}",
            "a/{id}",
        ] {
            assert!(check_template(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn zones_by_name_and_offset() {
        for good in ["UTC", "+02:00", "-05:30", "Europe/Berlin"] {
            assert!(time_zone(good).is_ok(), "{good}");
        }
        let error = time_zone("Mars/Base").expect_err("no zone of this planet");
        assert!(error.detail().contains("unknown"), "{error}");
    }

    #[test]
    fn a_machine_without_zones_is_told_to_get_them() {
        let database = TimeZoneDatabase::none();
        for good in ["UTC", "+02:00"] {
            assert!(zone_of(good, &database).is_ok(), "{good}");
        }
        let error = zone_of("Europe/Berlin", &database).expect_err("there is none");
        assert!(error.detail().contains("install tzdata"), "{error}");
    }
}
