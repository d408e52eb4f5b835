//! The catalogue: a folder with one `<id>.toml` and `<id>.sql` per report type, loaded and checked as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::ReportTypeId;
use sealpost_core::port::{FormatEntry, Source};
use sealpost_core::report::{ReportSettings, ReportType, SCOPE_PARAMETER};

use crate::naming;

/// All report types, by id.
#[derive(Debug, Default)]
pub struct Catalogue {
    reports: RwLock<BTreeMap<String, Arc<ReportType>>>,
}

impl Catalogue {
    /// Loads a folder. Every problem of every file is reported at once, with file and line.
    ///
    /// A database that is down now is no problem of the catalogue: what needs no database — the API, deliveries, the
    /// operators' commands — goes on, and the report type is described when it is first run.
    ///
    /// # Errors
    /// `SP-CONFIG-002` for an unreadable folder, `SP-CONFIG-003` with all problems; a source that refuses us (login,
    /// TLS, a missing secret) is reported as such.
    pub async fn load(
        folder: &Path,
        sources: &BTreeMap<String, Arc<dyn Source>>,
        formats: &[FormatEntry],
    ) -> Result<Self> {
        let mut reports = BTreeMap::new();
        let mut problems = Vec::new();
        for file in definitions(folder)? {
            match load_one(&file, sources, formats).await {
                Ok(report) => {
                    reports.insert(report.id.to_string(), Arc::new(report));
                }
                Err(error) if is_about_the_files(&error) => problems.push(error),
                Err(error) => return Err(error.context(file.display())),
            }
        }
        if problems.is_empty() {
            return Ok(Self { reports: RwLock::new(reports) });
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
        Self { reports: RwLock::new(reports) }
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

    /// The report type with its columns, asking the source for them where it was down when the catalogue was loaded.
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

async fn load_one(
    file: &Path,
    sources: &BTreeMap<String, Arc<dyn Source>>,
    formats: &[FormatEntry],
) -> Result<ReportType> {
    let refuse = |detail: String| Error::new(&codes::config::CATALOGUE, format!("{}: {detail}", file.display()));
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let id: ReportTypeId = stem.parse().map_err(|error: Error| refuse(error.detail().to_owned()))?;
    let settings: ReportSettings = toml::from_str(&read(file)?).map_err(|error| refuse(toml_problem(&error)))?;
    let sql_file = file.with_extension("sql");
    let mut report = ReportType { id, sql: read(&sql_file)?.into(), settings, columns: Vec::new() };
    check_settings(&report, formats).map_err(refuse)?;
    let source = sources.get(&report.settings.source).ok_or_else(|| {
        let known: Vec<&str> = sources.keys().map(String::as_str).collect();
        refuse(format!("there is no source `{}`; known are {}", report.settings.source, known.join(", ")))
    })?;
    // The source names line and column; the file is known here.
    match source.describe(&report).await {
        Ok(columns) => report.columns = columns,
        Err(error) if error.is_retried() => crate::log::not_described(&report.id, &error),
        Err(error) => return Err(error.context(sql_file.display())),
    }
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
    if settings.timeout_s == 0 || settings.retention_days == 0 {
        return Err("`timeout_s` and `retention_days` must be at least 1".to_owned());
    }
    naming::time_zone(&settings.time_zone).map(drop).map_err(|error| format!("`time_zone`: {}", error.detail()))
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
