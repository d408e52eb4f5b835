//! A dry run: what a report would look like, without a job, a file or a value that tells anything.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::batch::{Batch, Value};
use sealpost_core::column::Column;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::partner::Partner;
use sealpost_core::port::{Estimate, Format};
use sealpost_core::report::Query;
use sealpost_core::sink::ByteSink;
use serde::Serialize;

use crate::submit::Checked;
use crate::{Ask, Pipeline};

mod seats;

pub(crate) use seats::Previews;

/// Most rows of a preview.
pub const PREVIEW_ROWS: u64 = 20;
/// Rows of documents and images are large: no further ones are read when the sample has so many bytes.
const LARGEST_SAMPLE: usize = 4 << 20;
/// How long a preview may take: its answer comes within the 29 seconds that API Gateway waits.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// What a report would look like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// The report type.
    pub report_type: String,
    /// The format it would have.
    pub format: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Up to 20 rows with every letter as `x` and every digit as `9`; NULL as null.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than shown.
    pub more: bool,
    /// How many rows there would be; `None` where the database can't tell.
    pub estimated_rows: Option<u64>,
    /// How many bytes the file would have in its format, before compression and sealing: what the rows of the sample
    /// take, times the number of rows.
    pub estimated_size: Option<u64>,
    /// Whether rows and size were counted, not estimated.
    pub exact: bool,
}

impl Pipeline {
    /// Checks an ask, as it would be before it is admitted, and runs its query for a few masked rows. Nothing is stored.
    ///
    /// Two previews of a partner run at once, and four in this process.
    ///
    /// # Errors
    /// As [`submit`](Self::submit) before admission, and `SP-SOURCE-…`; `SP-SOURCE-005` after 20 s; `SP-REQUEST-029` where
    /// too many are running.
    pub async fn preview(&self, partner: &Partner, ask: &Ask) -> Result<Preview> {
        let checked = self.check(partner, ask)?;
        self.check_receiving(partner, &checked, Timestamp::now()).await?;
        let bounded = async {
            let _seat = self.previews.take(&partner.id).await?;
            self.sample(partner, checked).await
        };
        // Dropping the stream of rows ends the query.
        tokio::time::timeout(TIME_LIMIT, bounded).await.unwrap_or_else(|_| {
            let detail = format!("the preview was not finished within {} s", TIME_LIMIT.as_secs());
            Err(Error::new(&codes::source::STATEMENT_TIMEOUT, detail))
        })
    }

    async fn sample(&self, partner: &Partner, mut checked: Checked) -> Result<Preview> {
        checked.report =
            self.parts.catalogue.described(checked.report.clone(), self.source(&checked.report)?.as_ref()).await?;
        let query = self.query(partner, &checked.report, &checked.request.parameters, Some(PREVIEW_ROWS + 1))?;
        let source = self.source(&checked.report)?;
        let mut stream = source.open(&query).await?;
        let mut rows = Vec::new();
        let mut sample = Vec::new();
        let (mut bytes, mut cut) = (0, false);
        while let Some(batch) = stream.next().await? {
            rows.extend(batch.iter().map(|row| row.values().map(mask).collect()));
            bytes += batch.size();
            sample.push(batch);
            if bytes > LARGEST_SAMPLE {
                cut = stream.next().await?.is_some();
                break;
            }
        }
        drop(stream);
        let sampled = rows.len() as u64;
        let more = cut || sampled > PREVIEW_ROWS;
        rows.truncate(PREVIEW_ROWS as usize);
        let report = &checked.report;
        let estimate = if more {
            let whole = Query { limit: None, ..query };
            // A guess of the database may lie below what has been seen.
            let guess = source.estimate(&whole).await?.filter(|guess| guess.rows > 0);
            guess.map(|guess| Estimate { rows: guess.rows.max(sampled), exact: guess.exact })
        } else {
            Some(Estimate { rows: sampled, exact: true })
        };
        let format = (checked.format.build)(&checked.request.format_options)?;
        let size = match estimate {
            None => None,
            Some(Estimate { rows, .. }) => {
                // A workbook is compressed by it: not beside what others wait for.
                let columns = report.columns.clone();
                let sized = tokio::task::spawn_blocking(move || size(&*format, &columns, &sample, sampled, rows));
                let stopped = |_| Err(Error::new(&codes::format::WRITE, "the writer of a preview stopped"));
                Some(sized.await.unwrap_or_else(stopped)?)
            }
        };
        Ok(Preview {
            report_type: report.id.to_string(),
            format: checked.format.name.to_owned(),
            columns: report.columns.clone(),
            rows,
            more,
            estimated_rows: estimate.map(|estimate| estimate.rows),
            estimated_size: size,
            exact: !more,
        })
    }

    /// The query of a report for a partner: the engine binds the scope, nobody else can.
    pub(crate) fn query(
        &self,
        partner: &Partner,
        report: &std::sync::Arc<sealpost_core::report::ReportType>,
        parameters: &sealpost_core::param::ParameterValues,
        limit: Option<u64>,
    ) -> Result<Query> {
        let scope = report.settings.scope.kind.value(&partner.scope);
        let scope = scope
            .map_err(|detail| Error::new(&codes::config::PARTNER_FILE, format!("partner {}: {detail}", partner.id)))?;
        Ok(Query { report: report.clone(), scope, parameters: parameters.clone(), limit })
    }

    pub(crate) fn source(
        &self,
        report: &sealpost_core::report::ReportType,
    ) -> Result<&std::sync::Arc<dyn sealpost_core::port::Source>> {
        let name = &report.settings.source;
        self.parts
            .sources
            .get(name)
            .ok_or_else(|| Error::new(&codes::config::CATALOGUE, format!("{}: there is no source `{name}`", report.id)))
    }
}

/// The size of a file of `rows` rows like those of the sample: the format's own writer tells what it takes around the
/// rows, and for each.
fn size(format: &dyn Format, columns: &[Column], sample: &[Batch], sampled: u64, rows: u64) -> Result<u64> {
    let written = |batches: &[Batch]| -> Result<u64> {
        let count = Count::default();
        let mut writer = format.begin(columns, Box::new(count.clone()))?;
        batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.finish()?;
        Ok(count.0.load(Ordering::Relaxed))
    };
    let all = written(sample)?;
    if rows == sampled || sampled == 0 {
        return Ok(all);
    }
    let around = written(&[])?.min(all);
    let of_rows = u128::from(all - around) * u128::from(rows) / u128::from(sampled);
    Ok(around.saturating_add(u64::try_from(of_rows).unwrap_or(u64::MAX)))
}

/// Counts bytes and forgets them.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Count {
    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// The shape of a value without its content.
fn mask(value: Value<'_>) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Bool(_) => "xxxx".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Decimal(text) | Value::Text(text) => text.chars().take(64).collect(),
        Value::Bytes(bytes) => format!("({} bytes)", bytes.len()),
        Value::Date(_) => "9999-99-99".to_owned(),
        Value::Time(_) => "99:99:99".to_owned(),
        Value::DateTime(_) => "9999-99-99T99:99:99".to_owned(),
        Value::Timestamp(_) => "9999-99-99T99:99:99Z".to_owned(),
    };
    let masked = text.chars().map(|character| {
        if character.is_numeric() {
            '9'
        } else if character.is_alphabetic() {
            'x'
        } else {
            character
        }
    });
    Some(masked.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_the_shape_only() {
        assert_eq!(mask(Value::Text("Jörg Müller-42")), Some("xxxx xxxxxx-99".to_owned()));
        assert_eq!(mask(Value::Null), None);
        assert_eq!(mask(Value::Int(-120)), Some("-999".to_owned()));
    }
}
