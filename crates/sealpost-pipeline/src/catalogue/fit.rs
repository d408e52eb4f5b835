//! Whether a format can have a report type's columns. It is told to whoever asks for the report: one that was admitted would fail at every
//! attempt.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use sealpost_core::error::{Code, Error, FieldError, Result, codes};
use sealpost_core::port::{Format, FormatEntry};
use sealpost_core::report::ReportType;
use serde_json::{Map, Value as Json};

use super::Catalogue;

/// What each format said, by its name.
type Said = HashMap<&'static str, Result<()>>;

/// What formats without options said to the columns of each report type. Most reports are asked for like that, and neither changes while
/// the process runs, so each pair is looked at once.
#[derive(Debug, Default)]
pub(super) struct Fits(RwLock<HashMap<String, Said>>);

impl Fits {
    fn without_options(&self, report: &ReportType, entry: &FormatEntry) -> Result<()> {
        if report.columns.is_empty() {
            return Ok(());
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = known.get(report.id.as_str()).and_then(|said| said.get(entry.name)) {
            return said.clone();
        }
        drop(known);
        let format = (entry.build)(&Map::new())?;
        let said = fits(report, &*format);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(report.id.to_string()).or_default().insert(entry.name, said.clone());
        said
    }
}

impl Catalogue {
    /// Checks the options of a format, and that it can have the report type's columns, as far as they are known by now.
    ///
    /// # Errors
    /// `SP-REQUEST-005` for the options; `SP-REQUEST-001` where the format could not have the columns without them either.
    pub(crate) fn check_format(
        &self,
        report: &ReportType,
        entry: &FormatEntry,
        options: &Map<String, Json>,
    ) -> Result<()> {
        let refused = |code: &'static Code, pointer: &str, error: &Error| {
            let detail = format!("{} can't have the columns of {}", entry.name, report.id);
            Error::new(code, detail).with_fields(vec![FieldError::new(pointer, error.detail())])
        };
        let without_options = || {
            let said = self.fits.without_options(report, entry);
            said.map_err(|error| refused(&codes::request::INVALID, "/format", &error))
        };
        // Every format can do without options.
        if options.is_empty() {
            return without_options();
        }
        let format = (entry.build)(options)?;
        let Err(error) = fits(report, &*format) else { return Ok(()) };
        without_options()?;
        Err(refused(&codes::request::FORMAT_OPTION, "/format_options", &error))
    }
}

/// That every format which a report type names can have its columns. What it offers by naming none is told to whoever asks for it.
///
/// # Errors
/// In words.
pub(super) fn check_named(report: &ReportType, formats: &[FormatEntry]) -> Result<(), String> {
    let settings = &report.settings;
    for entry in formats {
        if settings.default_format == entry.name || settings.formats.iter().any(|name| name == entry.name) {
            let said = (entry.build)(&Map::new()).and_then(|format| fits(report, &*format));
            said.map_err(|error| format!("the format `{}`: {}", entry.name, error.detail()))?;
        }
    }
    Ok(())
}

/// Yes, where nobody knows the columns yet: then the first attempt tells.
fn fits(report: &ReportType, format: &dyn Format) -> Result<()> {
    if report.columns.is_empty() { Ok(()) } else { format.check(&report.columns) }
}
