//! Every other format, from the query to the sealed file in the store, beside what only reads and what pandas writes, unsealed.

use anyhow::Result;

use crate::figures::Figures;
use crate::parts::{Bench, Sheet, in_turns};
use crate::row::{Row, at_most};
use crate::site::REPORT;
use crate::{Contestant, data, ours, peer, python};

/// A format: its name, the figure of its seconds, and how many times as long as the bare loop it may take.
const FORMATS: &[(&str, &str, f64)] = &[
    ("ndjson", "ndjson s", 1.5),
    ("json", "json s", 1.5),
    ("xml", "xml s", 1.5),
    ("xlsx", "xlsx s", 2.0),
    ("parquet", "parquet s", 2.0),
];

/// Measures.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let site = bench.site()?;
    let drain = peer::compile_drain(site)?;
    let mut contestants = vec![Contestant::new("C client", || peer::c_client(site, &drain))];
    for (format, figure, _) in FORMATS {
        contestants.push(Contestant::new(format, move || {
            Ok(Figures::of([(figure, ours::produce(site, REPORT, format)?.seconds)]))
        }));
    }
    // pandas needs minutes for a workbook of all rows: both sides write a tenth.
    contestants.push(Contestant::new("xlsx, a tenth", || {
        Ok(Figures::of([("xlsx tenth s", ours::produce(site, "tenth", "xlsx")?.seconds)]))
    }));
    contestants.push(Contestant::rarely("pandas, xlsx, a tenth", 1, || {
        Ok(Figures::of([("pandas xlsx tenth s", python::run(site, "xlsx", data::TENTH, false)?.seconds)]))
    }));
    contestants.push(Contestant::rarely("pandas, parquet", 1, || {
        Ok(Figures::of([("pandas parquet s", python::run(site, "parquet", "", false)?.seconds)]))
    }));
    let figures = in_turns(contestants, bench.arguments.rounds)?;
    let row = |name: String, ours: &str, (peer_name, peer): (&str, &str), reach| -> Result<Row> {
        Ok(Row::lower(name, "s", figures.median(ours)?, (peer_name, figures.median(peer)?), reach))
    };
    let mut rows = Vec::new();
    for (format, figure, times) in FORMATS {
        rows.push(row(
            format!("query, {format}, seal, store"),
            figure,
            ("C client, read only", "C client s"),
            at_most(*times),
        )?);
    }
    let pandas = ("pandas to_excel, not sealed", "pandas xlsx tenth s");
    rows.push(row("a tenth of it: xlsx".to_owned(), "xlsx tenth s", pandas, 5.0)?);
    let pandas = ("pandas to_parquet, not sealed", "pandas parquet s");
    rows.push(row("query, parquet, seal, store, beside pandas".to_owned(), "parquet s", pandas, 5.0)?);
    Ok(Sheet::of(rows))
}
