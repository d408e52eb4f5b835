//! Peak memory of `serve` for a small and a large report in every format: the file grows a thousandfold, memory does not.

use anyhow::{Context, Result};
use serde_json::json;

use crate::http::{Connection, post};
use crate::jobs::ready;
use crate::parts::{Bench, Sheet};
use crate::row::{Row, at_most};
use crate::serving::Serving;
use crate::site::Site;

/// The formats, and what a large report may have more than a small one, in MiB: Parquet keeps a row group.
const FORMATS: &[(&str, f64)] =
    &[("csv", 0.0), ("tsv", 0.0), ("ndjson", 0.0), ("json", 0.0), ("xml", 0.0), ("xlsx", 0.0), ("parquet", 32.0)];
/// The most that it may be, in MiB.
const MOST: f64 = 64.0;
/// How much more it may be for the large report.
const GROWTH: f64 = 1.05;

/// Measures.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let site = bench.site()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    let mut rows = Vec::new();
    for (format, group) in FORMATS {
        let peak = |report| runtime.block_on(peak(site, report, format));
        let (small, large) = (peak("ten-thousand")?, peak("tenfold")?);
        println!(
            "{format:<8} {small:>5.1} MiB with 10,000 rows, {large:>5.1} MiB with {} rows",
            bench.arguments.rows * 10
        );
        rows.push(Row::lower(format!("memory: {format}, large"), "MiB", large, ("the limit", MOST + group), 1.0));
        let beside = ("ours with 10,000 rows", small + group);
        rows.push(Row::lower(format!("memory: {format}, small to large"), "MiB", large, beside, at_most(GROWTH)));
    }
    Ok(Sheet::of(rows))
}

/// The peak of a server of its own that made this one report, in MiB.
async fn peak(site: &Site, report: &str, format: &str) -> Result<f64> {
    let server = Serving { worker: Some(4), ..Serving::default() }.start(site)?;
    let mut connection = Connection::open(server.port).await?;
    let body = json!({"report_type": report, "format": format, "deliver": false}).to_string();
    let status = connection.ask(&post("/v1/reports", &server.key, &body)).await?;
    anyhow::ensure!(status == 202, "a create was answered with {status}: {}", connection.answer());
    let id = connection.json()?["id"].as_str().context("the report has an id")?.to_owned();
    ready(&server, &[id]).await.with_context(|| format!("{report} as {format}"))?;
    server.peak_mib()
}
