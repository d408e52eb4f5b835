//! The catalogue: a folder with one `<id>.toml` and `<id>.sql` per report type, loaded and checked as a whole.

mod fit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::ReportTypeId;
use sealpost_core::port::{FormatEntry, Source};
use sealpost_core::report::{ReportSettings, ReportType, SCOPE_PARAMETER};

use crate::{Pipeline, naming};

/// How long the columns of a report type that is only shown are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest that a file may be kept, in days: a hundred years. What is longer is a slip of the pen.
const LONGEST_RETENTION_D: u32 = 36_500;

/// All report types, by id.
#[derive(Debug, Default)]
pub struct Catalogue {
    reports: RwLock<BTreeMap<String, Arc<ReportType>>>,
    fits: fit::Fits,
}

impl Catalogue {
    /// Loads a folder. Every problem of every file is reported at once, with file and line.
    ///
    /// A database that is down or busy now is no problem of the catalogue: what needs no database — the API, deliveries, the
    /// operators' commands — goes on, and the report type is described when it is first run. The database is waited for once,
    /// however many report types are its.
    ///
    /// # Errors
    /// `SP-CONFIG-002` for an unreadable folder, `SP-CONFIG-003` with all problems; a source that refuses us (login,
    /// TLS, a missing secret) is reported as such.
    pub async fn load(
        folder: &Path,
        sources: &BTreeMap<String, Arc<dyn Source>>,
        formats: &[FormatEntry],
    ) -> Result<Self> {
        let (mut loaded, mut away) = (Vec::new(), Away::new());
        for file in definitions(folder)? {
            let report = match read_one(&file, sources, formats) {
                Ok((report, source)) => describe(report, &*source, &mut away, &file, formats).await,
                Err(error) => Err(error),
            };
            let refuses = report.as_ref().is_err_and(|error| !is_about_the_files(error));
            loaded.push(report);
            // A source that refuses us would do so for each of its report types.
            if refuses {
                break;
            }
        }
        Self::of_all(folder, loaded)
    }

    /// Reads a folder without asking any database: each report type is described when that is first needed. For processes
    /// that begin often, with a catalogue that was loaded and found good where it was packed.
    ///
    /// # Errors
    /// `SP-CONFIG-002` for an unreadable folder, `SP-CONFIG-003` with all problems that the files have by themselves.
    pub fn read(folder: &Path, sources: &BTreeMap<String, Arc<dyn Source>>, formats: &[FormatEntry]) -> Result<Self> {
        let read = |file: &PathBuf| read_one(file, sources, formats).map(|(report, _)| report);
        Self::of_all(folder, definitions(folder)?.iter().map(read))
    }

    fn of_all(folder: &Path, loaded: impl IntoIterator<Item = Result<ReportType>>) -> Result<Self> {
        let mut reports = BTreeMap::new();
        let mut problems = Vec::new();
        for report in loaded {
            match report {
                Ok(report) => {
                    reports.insert(report.id.to_string(), Arc::new(report));
                }
                Err(error) if is_about_the_files(&error) => problems.push(error),
                Err(error) => return Err(error),
            }
        }
        if problems.is_empty() {
            return Ok(Self { reports: RwLock::new(reports), ..Self::default() });
        }
        let fields: Vec<FieldError> = problems
            .iter()
            .map(|error| {
                FieldError::new("", format!("{} ({}; {})", error.detail(), error.code().title, error.code().id))
            })
            .collect();
        let detail = format!("{} of the report types in {} can't be used", fields.len(), folder.display());
        Err(Error::new(&codes::config::CATALOGUE, detail).with_fields(fields))
    }

    /// A catalogue of these report types, already checked.
    pub fn of(reports: impl IntoIterator<Item = ReportType>) -> Self {
        let reports = reports.into_iter().map(|report| (report.id.to_string(), Arc::new(report))).collect();
        Self { reports: RwLock::new(reports), ..Self::default() }
    }

    /// The report type with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<ReportType>> {
        self.reports.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All report types, by id.
    pub fn iter(&self) -> impl Iterator<Item = Arc<ReportType>> + use<> {
        let reports: Vec<_> = self.reports.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        reports.into_iter()
    }

    /// The report type with its columns, asking the source for them where nobody has yet.
    ///
    /// # Errors
    /// As [`Source::describe`].
    pub(crate) async fn described(&self, report: Arc<ReportType>, source: &dyn Source) -> Result<Arc<ReportType>> {
        if !report.columns.is_empty() {
            return Ok(report);
        }
        let columns = source.describe(&report).await?;
        let report = Arc::new(ReportType { columns, ..(*report).clone() });
        self.reports.write().unwrap_or_else(PoisonError::into_inner).insert(report.id.to_string(), report.clone());
        Ok(report)
    }
}

fn definitions(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", folder.display())).caused_by(error)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

impl Pipeline {
    /// The report type with its columns, to be shown. Without them where its database can't say them now: what needs no
    /// columns goes on.
    pub async fn shown(&self, report: Arc<ReportType>) -> Arc<ReportType> {
        match self.with_columns(report.clone()).await {
            Ok(described) => described,
            Err(error) => {
                crate::log::not_described(&report.id, &error);
                report
            }
        }
    }

    /// The report type with its columns, for what would be wrong without them.
    ///
    /// # Errors
    /// As [`Source::describe`]; `SP-SOURCE-001` where the database takes longer than it is waited for.
    pub async fn with_columns(&self, report: Arc<ReportType>) -> Result<Arc<ReportType>> {
        let source = self.source(&report)?;
        let described = self.parts.catalogue.described(report.clone(), &**source);
        tokio::time::timeout(PATIENCE, described).await.unwrap_or_else(|_| {
            let detail = format!("{}: the source did not say its columns within {} s", report.id, PATIENCE.as_secs());
            Err(Error::new(&codes::source::UNREACHABLE, detail))
        })
    }
}

fn read_one(
    file: &Path,
    sources: &BTreeMap<String, Arc<dyn Source>>,
    formats: &[FormatEntry],
) -> Result<(ReportType, Arc<dyn Source>)> {
    let refuse = |detail: String| Error::new(&codes::config::CATALOGUE, format!("{}: {detail}", file.display()));
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let id: ReportTypeId = stem.parse().map_err(|error: Error| refuse(error.detail().to_owned()))?;
    let settings: ReportSettings = toml::from_str(&read(file)?).map_err(|error| refuse(toml_problem(&error)))?;
    let sql_file = file.with_extension("sql");
    let report = ReportType { id, sql: read(&sql_file)?.into(), settings, columns: Vec::new() };
    check_settings(&report, formats).map_err(refuse)?;
    let source = sources.get(&report.settings.source).ok_or_else(|| {
        let known: Vec<&str> = sources.keys().map(String::as_str).collect();
        refuse(format!("there is no source `{}`; known are {}", report.settings.source, known.join(", ")))
    })?;
    Ok((report, source.clone()))
}

/// Sources that could not answer, by name, and why: a server that is not there, one that is busy or falls silent, a secret that can't
/// be had. Each of them may have taken minutes to say so.
type Away = BTreeMap<String, Error>;

async fn describe(
    mut report: ReportType,
    source: &dyn Source,
    away: &mut Away,
    file: &Path,
    formats: &[FormatEntry],
) -> Result<ReportType> {
    let described = match away.get(&report.settings.source) {
        // It would keep us waiting as long again. What is wrong with the files is said all the same.
        Some(error) => source.parse(&report).and(Err(error.clone())),
        None => source.describe(&report).await,
    };
    match described {
        Ok(columns) => report.columns = columns,
        Err(error) if error.is_retried() => {
            crate::log::not_described(&report.id, &error);
            away.insert(report.settings.source.clone(), error);
        }
        // The source names line and column; the file is known here.
        Err(error) if is_about_the_files(&error) => return Err(error.context(file.with_extension("sql").display())),
        Err(error) => return Err(error.context(file.with_extension("sql").display()).context(file.display())),
    }
    fit::check_named(&report, formats)
        .map_err(|detail| Error::new(&codes::config::CATALOGUE, format!("{}: {detail}", file.display())))?;
    Ok(report)
}

/// Whether an error is a mistake in the catalogue's files, rather than a source or a secret that refuses us.
fn is_about_the_files(error: &Error) -> bool {
    use codes::{config, source};
    let about = [
        &config::CATALOGUE,
        &config::UNREADABLE,
        &source::DOES_NOT_PREPARE,
        &source::QUERY,
        &source::NO_SCOPE,
        &source::NOT_READ_ONLY,
        &source::UNKNOWN_PARAMETER,
        &source::COLUMNS,
    ];
    about.iter().any(|code| error.is(code))
}

fn check_settings(report: &ReportType, formats: &[FormatEntry]) -> Result<(), String> {
    let settings = &report.settings;
    let known: Vec<&str> = formats.iter().map(|entry| entry.name).collect();
    if let Some(name) = settings.formats.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("`formats`: unknown format `{name}`; known are {}", known.join(", ")));
    }
    let default = &settings.default_format;
    if !known.contains(&default.as_str()) || (!settings.formats.is_empty() && !settings.formats.contains(default)) {
        return Err(format!("`default_format`: `{default}` is not one of the formats"));
    }
    if settings.parameters.contains_key(SCOPE_PARAMETER) {
        return Err(format!(
            "`parameters.{SCOPE_PARAMETER}`: the partner scope is bound by the engine and can't be declared"
        ));
    }
    for (name, parameter) in &settings.parameters {
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            || name.is_empty()
        {
            return Err(format!("`parameters.{name}`: a name is of a-z, 0-9 and _"));
        }
        if let Some(other) = &parameter.not_after
            && !settings.parameters.contains_key(other)
        {
            return Err(format!("`parameters.{name}.not_after`: there is no parameter `{other}`"));
        }
    }
    check_times(settings)?;
    naming::time_zone(&settings.time_zone).map(drop).map_err(|error| format!("`time_zone`: {}", error.detail()))
}

fn check_times(settings: &ReportSettings) -> Result<(), String> {
    if settings.timeout_s == 0 || settings.retention_days == 0 {
        return Err("`timeout_s` and `retention_days` must be at least 1".to_owned());
    }
    if settings.retention_days > LONGEST_RETENTION_D {
        return Err(format!(
            "`retention_days`: {} is too long; at most {LONGEST_RETENTION_D}, a hundred years",
            settings.retention_days
        ));
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())).caused_by(error)
    })
}

/// The parser's words without its drawing, on one line.
fn toml_problem(error: &toml::de::Error) -> String {
    error.to_string().lines().filter(|line| !line.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_for_a_day_at_least_and_a_hundred_years_at_most() {
        for (days, is_fine) in [(0, false), (1, true), (36_500, true), (36_501, false), (u32::MAX, false)] {
            let text = format!("title = \"Contracts\"\nretention_days = {days}\n");
            let settings: ReportSettings = toml::from_str(&text).expect("settings");
            assert_eq!(check_times(&settings).is_ok(), is_fine, "{days}");
        }
    }
}
