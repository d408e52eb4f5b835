//! 1,000 reports of 1,000 rows from request to delivery, through `serve`; beside a loop in this process that runs the same stages
//! for query, format and seal one after the other, and keeps nothing.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::param::{ParameterValue, ParameterValues};
use sealpost_core::partner::MessageFormat;
use sealpost_core::port::{SealPlan, Sealer, SecretStore, Source};
use sealpost_core::report::{Query, ReportType};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_seal::OpenPgp;
use sealpost_testkit::mariadb::{PASSWORD, USER};
use serde_json::json;

use crate::figures::Figures;
use crate::http::{Connection, get, post};
use crate::parts::{Bench, Sheet, in_turns};
use crate::row::{Row, at_most};
use crate::sealing::Nowhere;
use crate::serving::{Server, Serving};
use crate::site::Site;
use crate::{Contestant, data};

/// Reports of a thousand rows.
pub(crate) const SMALL: &str = "thousand";
const REPORTS: usize = 1_000;
/// Each takes seconds, and has a thousand reports of its own.
const ROUNDS: usize = 3;
/// Connections that ask for reports at the same time, as partners do.
const CALLERS: usize = 8;
/// All of them are done by then, or something is wrong.
const LIMIT: Duration = Duration::from_secs(300);

/// Measures.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let site = bench.site()?;
    let reports = if bench.arguments.quick { REPORTS / 10 } else { REPORTS };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("a runtime")?;
    let contestants = vec![
        Contestant::new("serve", || {
            let server = Serving { worker: Some(4), delivers: true, ..Serving::default() }.start(site)?;
            let seconds = runtime.block_on(delivered(site, &server, SMALL, reports))?;
            Ok(Figures::of([
                ("jobs s", seconds),
                ("jobs CPU s", server.cpu_seconds()?),
                ("jobs MiB", server.peak_mib()?),
            ]))
        }),
        Contestant::new("loop", || Ok(Figures::of([("loop s", runtime.block_on(bare(site, reports))?)]))),
    ];
    let figures = in_turns(contestants, ROUNDS.min(bench.arguments.rounds))?;
    println!(
        "of it processor time of serve: {:.2} s, peak memory {:.1} MiB",
        figures.median("jobs CPU s")?,
        figures.median("jobs MiB")?
    );
    Ok(Sheet::of(vec![Row::lower(
        format!("jobs: {reports} reports of 1,000 rows, delivered"),
        "s",
        figures.median("jobs s")?,
        ("query, format, seal in a loop", figures.median("loop s")?),
        at_most(1.5),
    )]))
}

/// Asks for so many reports and waits until the last one is at the partner: seconds. What was delivered is removed.
async fn delivered(site: &Site, server: &Server, report: &str, reports: usize) -> Result<f64> {
    let begun = Instant::now();
    create(server, report, reports, true).await?;
    let inbox = site.inbox();
    let arrived = || -> Result<usize> {
        let names = fs::read_dir(&inbox).with_context(|| format!("read {}", inbox.display()))?;
        // Hidden until they are whole.
        Ok(names
            .filter(|name| name.as_ref().is_ok_and(|name| !name.file_name().to_string_lossy().starts_with('.')))
            .count())
    };
    while arrived()? < reports {
        ensure!(begun.elapsed() < LIMIT, "{} of {reports} reports were delivered in {LIMIT:?}", arrived()?);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    for name in fs::read_dir(&inbox).context("read the inbox")? {
        fs::remove_file(name.context("read the inbox")?.path()).context("empty the inbox")?;
    }
    Ok(seconds)
}

/// Asks for so many reports on several connections.
///
/// # Errors
/// When an answer is not 202.
pub(crate) async fn create(server: &Server, report: &str, reports: usize, deliver: bool) -> Result<Vec<String>> {
    let request = &post(
        "/v1/reports",
        &server.key,
        &json!({"report_type": report, "format": "csv", "deliver": deliver}).to_string(),
    );
    let callers = (0..CALLERS).map(|caller| async move {
        let mut connection = Connection::open(server.port).await?;
        let mut ids = Vec::new();
        for _ in (caller..reports).step_by(CALLERS) {
            let status = connection.ask(request).await?;
            ensure!(status == 202, "a create was answered with {status}: {}", connection.answer());
            ids.push(connection.json()?["id"].as_str().context("the report has an id")?.to_owned());
        }
        anyhow::Ok(ids)
    });
    Ok(futures::future::try_join_all(callers).await?.concat())
}

/// Waits until each of these reports is in the store.
///
/// # Errors
/// When one ends otherwise, or it takes too long.
pub(crate) async fn ready(server: &Server, ids: &[String]) -> Result<()> {
    let mut connection = Connection::open(server.port).await?;
    let begun = Instant::now();
    for id in ids {
        loop {
            let status = connection.ask(&get(&format!("/v1/reports/{id}"), &server.key, "")).await?;
            ensure!(status == 200, "a poll was answered with {status}");
            let report = connection.json()?;
            match report["status"].as_str() {
                Some("succeeded") => break,
                Some("queued" | "running") => {}
                _ => anyhow::bail!("the report ended: {report}"),
            }
            ensure!(begun.elapsed() < LIMIT, "the report was not ready in {LIMIT:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}

/// The loop: seconds.
async fn bare(site: &Site, reports: usize) -> Result<f64> {
    let settings = json!({"host": "127.0.0.1", "port": site.database.port(), "database": data::DATABASE, "user": USER, "password": "env:PASSWORD"});
    let build = sealpost_source::find("mysql").context("the source")?.build;
    let source: Arc<dyn Source> = build(settings.as_object().cloned().unwrap_or_default(), Arc::new(Password))?;
    let (_, more) = data::REPORTS.iter().find(|(report, _)| *report == SMALL).context("the report type")?;
    let mut report = ReportType {
        id: SMALL.parse().context("the id of a report type")?,
        sql: data::query(":partner_scope", more).into(),
        settings: serde_json::from_value(json!({"title": "Contracts"})).context("the report's settings")?,
        columns: Vec::new(),
    };
    report.columns = source.describe(&report).await?;
    let report = Arc::new(report);
    let format = (sealpost_format::format("csv").context("the format")?.build)(&serde_json::Map::new())?;
    let recipients = [site.certificate.clone()];
    let begun = Instant::now();
    for _ in 0..reports {
        let query = Query {
            report: report.clone(),
            scope: ParameterValue::String(data::SCOPE.to_owned()),
            parameters: ParameterValues::default(),
            limit: None,
        };
        let plan = SealPlan {
            recipients: &recipients,
            message: MessageFormat::Auto,
            armor: false,
            signer: None,
            file_name: "contracts.csv",
            now: Timestamp::now(),
        };
        let sealed = OpenPgp.seal(&plan, Box::new(Nowhere))?;
        let mut writer = format.begin(&report.columns, sealed)?;
        let mut rows = source.open(&query).await?;
        while let Some(batch) = rows.next().await? {
            writer.write(&batch)?;
        }
        writer.finish()?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// The database's.
struct Password;

#[async_trait]
impl SecretStore for Password {
    async fn resolve(&self, _: &SecretRef) -> sealpost_core::Result<Secret> {
        Ok(Secret::new(PASSWORD.as_bytes().to_vec()))
    }
}
