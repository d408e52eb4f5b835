//! `sealpost report`: what a partner does by the API, for operators.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use sealpost_core::delivery::{Delivery, DeliveryStatus};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::event::{Happening, TimelineEntry};
use sealpost_core::id::{ConnectorId, JobId};
use sealpost_core::job::{Job, JobStatus};
use sealpost_core::partner::Partner;
use sealpost_core::port::{Admitted, JobFilter};
use sealpost_pipeline::{Ask, Pipeline};
use serde::Serialize;
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::partner_of;
use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

/// How often a report that is worked on here is looked at, when nothing is heard of it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Run a report for a partner, here and now, and wait for its deliveries.
    Run {
        #[command(flatten)]
        ask: AskOptions,
        /// Do not deliver; the file stays in the store.
        #[arg(long)]
        no_deliver: bool,
        /// Only admit it; leave the work to `sealpost serve` or `sealpost worker`.
        #[arg(long)]
        queue: bool,
        /// An idempotency key.
        #[arg(long)]
        idempotency_key: Option<String>,
    },
    /// Check a request and show a few masked rows. Nothing is stored.
    Preview {
        #[command(flatten)]
        ask: AskOptions,
    },
    /// List reports, newest first.
    List {
        /// Of this partner only.
        #[arg(long)]
        partner: Option<String>,
        /// In this status only; may be given several times.
        #[arg(long, value_name = "STATUS")]
        status: Vec<String>,
        /// At most this many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Show a report with its deliveries and timeline.
    Show {
        /// The report's id, `rep_…`.
        id: String,
    },
    /// Deliver a report's file again: the same bytes.
    Redeliver {
        /// The report's id, `rep_…`.
        id: String,
        /// Only ask for it; leave the work to `sealpost serve` or `sealpost worker`.
        #[arg(long)]
        queue: bool,
    },
    /// Cancel a report, or delete its file.
    Cancel {
        /// The report's id, `rep_…`.
        id: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct AskOptions {
    /// The report type.
    report_type: String,
    /// The partner that it is for.
    #[arg(long)]
    partner: String,
    /// A parameter; may be given several times. Items of a list are separated by commas.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// The format; the report type's default when not given.
    #[arg(long)]
    format: Option<String>,
    /// An option of the format; may be given several times.
    #[arg(long = "option", value_name = "NAME=VALUE")]
    options: Vec<String>,
}

pub(crate) async fn run(loaded: &Loaded, command: Command, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    match command {
        Command::Run { ask, no_deliver, queue, idempotency_key } => {
            let partner = partner_of(&pipeline, &ask.partner).await?;
            let mut ask = ask.read(&pipeline)?;
            ask.deliver = no_deliver.then_some(false);
            let (Admitted::New(job) | Admitted::Replayed(job)) =
                pipeline.submit(&partner, &ask, idempotency_key.as_deref()).await?;
            if !queue {
                work_until_ended(&pipeline, &partner, &job.id).await?;
            }
            show(&pipeline, &job.id, output, !queue).await
        }
        Command::Preview { ask } => {
            let partner = partner_of(&pipeline, &ask.partner).await?;
            let preview = pipeline.preview(&partner, &ask.read(&pipeline)?).await?;
            output.print(&preview, |preview| {
                let head: Vec<&str> = preview.columns.iter().map(|column| column.name.as_str()).collect();
                let rows: Vec<Vec<String>> = preview
                    .rows
                    .iter()
                    .map(|row| row.iter().map(|cell| cell.clone().unwrap_or_else(|| "∅".to_owned())).collect())
                    .collect();
                format!("{}{}", output::table(&head, &rows), if preview.more { "\n…" } else { "" })
            });
            Ok(ExitCode::SUCCESS)
        }
        Command::List { partner, status, limit } => {
            let partner = partner.map(|id| id.parse()).transpose()?;
            let statuses = status.iter().map(|name| status_of(name)).collect::<Result<_>>()?;
            let page =
                pipeline.parts().ledger.jobs(&JobFilter { partner, statuses, limit, ..JobFilter::default() }).await?;
            output.print(&page.jobs, |jobs| list(jobs));
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { id } => show(&pipeline, &id.parse()?, output, false).await,
        Command::Redeliver { id, queue } => {
            let (job, partner) = job_and_partner(&pipeline, &id).await?;
            pipeline.redeliver(&partner, &job.id, None, None).await?;
            if !queue {
                work_until_ended(&pipeline, &partner, &job.id).await?;
            }
            show(&pipeline, &job.id, output, !queue).await
        }
        Command::Cancel { id } => {
            // Files of a partner that was removed can be deleted early, too.
            let job = pipeline.cancel_or_delete_of_any(&id.parse()?).await?;
            // Done, whatever became of the deliveries before.
            show(&pipeline, &job.id, output, false).await.map(|_| ExitCode::SUCCESS)
        }
    }
}

impl AskOptions {
    fn read(&self, pipeline: &Pipeline) -> Result<Ask> {
        let split = |text: &str| {
            let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| Error::new(&codes::request::INVALID, format!("`{text}`: expected NAME=VALUE")))
        };
        let report = pipeline.parts().catalogue.get(&self.report_type);
        let mut ask = Ask { report_type: self.report_type.clone(), format: self.format.clone(), ..Ask::default() };
        for text in &self.parameters {
            let (name, value) = split(text)?;
            let declared = report.as_ref().and_then(|report| report.settings.parameters.get(&name));
            let value = declared.map_or_else(|| value.clone().into(), |parameter| parameter.kind.from_text(&value));
            ask.parameters.insert(name, value);
        }
        let format = self.format.as_deref().or(report.as_ref().map(|report| report.settings.default_format.as_str()));
        let entry = pipeline.parts().formats.iter().find(|entry| Some(entry.name) == format);
        let schema = entry.map(|entry| (entry.options_schema)()).unwrap_or_default();
        for text in &self.options {
            let (name, value) = split(text)?;
            let value = option_value(&schema["properties"][&name], value);
            ask.format_options.insert(name, value);
        }
        Ok(ask)
    }
}

/// An option's value. What looks like a number or like `null` may be meant as text: the option's schema knows.
fn option_value(option: &Json, text: String) -> Json {
    match option["type"].as_str() {
        Some("boolean" | "integer" | "number") => serde_json::from_str(&text).unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

fn status_of(name: &str) -> Result<JobStatus> {
    let known = JobStatus::ALL.into_iter().find(|status| status.as_str() == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = JobStatus::ALL.iter().map(|status| status.as_str()).collect();
        Error::new(&codes::request::INVALID, format!("status `{name}`: expected one of {}", names.join(", ")))
    })
}

async fn job_and_partner(pipeline: &Pipeline, id: &str) -> Result<(Job, Partner)> {
    let missing = || Error::new(&codes::request::NOT_FOUND, format!("report {id}"));
    let job = pipeline.parts().ledger.job_of_any_partner(&id.parse()?).await?.ok_or_else(missing)?;
    let partner = partner_of(pipeline, job.request.partner.as_str()).await?;
    Ok((job, partner))
}

/// Works in this process until a report and its deliveries have ended.
async fn work_until_ended(pipeline: &Pipeline, partner: &Partner, id: &JobId) -> Result<()> {
    let shutdown = CancellationToken::new();
    let mut worker = tokio::spawn({
        let (pipeline, shutdown) = (pipeline.clone(), shutdown.clone());
        async move { pipeline.work(shutdown).await }
    });
    let ended = async {
        let mut told = None;
        let mut following = pipeline.follow(id);
        loop {
            let known = pipeline.snapshot(partner, id).await?;
            let waiting = known.job.retry_at.zip(known.job.failure.as_ref()).into_iter();
            let mut waiting = waiting
                .chain(known.deliveries.iter().filter_map(|delivery| delivery.retry_at.zip(delivery.failure.as_ref())));
            if let Some((at, failure)) = waiting.next().filter(|(at, _)| told != Some(*at)) {
                told = Some(at);
                output::note(&format!(
                    "{} {}: {}; next attempt at {}",
                    failure.code,
                    failure.title,
                    failure.detail,
                    at.strftime("%H:%M:%S UTC")
                ));
            }
            if known.is_done() {
                return Ok(());
            }
            // Woken by the worker; the look once in a while is for a ledger that could not be read for it.
            let seen = known.version();
            drop(tokio::time::timeout(LOOK_EVERY, following.until(|now| now.version() > seen)).await);
        }
    };
    let outcome = tokio::select! {
        outcome = ended => outcome,
        () = super::serve::asked_to_stop() => Ok(()),
        stopped = &mut worker => return stopped.map_err(|panic| Error::new(&codes::request::INTERNAL, format!("the worker stopped: {panic}"))),
    };
    shutdown.cancel();
    drop(worker.await);
    outcome
}

/// A report with everything that belongs to it.
#[derive(Serialize)]
struct Shown {
    report: Job,
    deliveries: Vec<Delivery>,
    timeline: Vec<TimelineEntry>,
}

/// Shows it. Where its end was waited for, the exit code says how that was: scripts look at nothing else.
async fn show(pipeline: &Pipeline, id: &JobId, output: Output, waited: bool) -> Result<ExitCode> {
    let missing = || Error::new(&codes::request::NOT_FOUND, format!("report {id}"));
    let ledger = &pipeline.parts().ledger;
    let report = ledger.job_of_any_partner(id).await?.ok_or_else(missing)?;
    let shown = Shown { report, deliveries: ledger.deliveries(id).await?, timeline: ledger.timeline(id).await? };
    output.print(&shown, describe);
    let deliveries = shown.deliveries.iter().map(|delivery| (&delivery.connector, delivery.status));
    Ok(ExitCode::from(exit_code(shown.report.status, deliveries, waited)))
}

/// 7 where the report has failed, or was waited for and is cancelled, or a destination does not have it; 6 where it was waited
/// for, and others have to go on with it.
fn exit_code<'a>(
    report: JobStatus,
    deliveries: impl Iterator<Item = (&'a ConnectorId, DeliveryStatus)>,
    waited: bool,
) -> u8 {
    // They come oldest first, and what was sent again counts: the last delivery to each connector.
    let last: HashMap<&ConnectorId, DeliveryStatus> = deliveries.collect();
    let is_given_up = last.values().any(|status| *status == DeliveryStatus::Failed);
    if report == JobStatus::Failed || is_given_up || waited && report == JobStatus::Cancelled {
        7
    } else if waited && !(report.is_terminal() && last.values().all(|status| status.is_terminal())) {
        6
    } else {
        0
    }
}

fn list(jobs: &[Job]) -> String {
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|job| {
            vec![
                job.id.to_string(),
                job.request.partner.to_string(),
                job.request.report_type.to_string(),
                job.request.format.clone(),
                job.status.as_str().to_owned(),
                job.row_count.map_or_else(|| "-".to_owned(), |count| count.to_string()),
                job.created_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            ]
        })
        .collect();
    output::table(&["REPORT", "PARTNER", "TYPE", "FORMAT", "STATUS", "ROWS", "CREATED (UTC)"], &rows)
}

fn describe(shown: &Shown) -> String {
    let job = &shown.report;
    let mut lines = vec![format!("report     {}  {}", job.id, job.status.as_str())];
    lines.push(format!("what       {} as {} for {}", job.request.report_type, job.request.format, job.request.partner));
    if let Some(file) = &job.file {
        lines.push(format!(
            "file       {}  {} rows, {} bytes",
            file.key.file_name,
            job.row_count.unwrap_or_default(),
            file.size
        ));
        lines.push(format!("sha256     {}", file.sha256));
        lines.push(format!("sealed to  {}", job.recipients.join(", ")));
    }
    if let Some(failure) = &job.failure {
        lines.push(format!("failure    {} {}: {}", failure.code, failure.title, failure.detail));
        lines.push(format!("do         {}", failure.advice));
    }
    for delivery in &shown.deliveries {
        lines.push(format!(
            "delivery   {}  {} after {} attempt{}",
            delivery.id,
            delivery.status.as_str(),
            delivery.attempts,
            if delivery.attempts == 1 { "" } else { "s" }
        ));
        if let Some(receipt) = &delivery.receipt {
            lines.push(format!("  at       {}/{}", receipt.url, receipt.remote_path.trim_start_matches('/')));
            lines.push(format!("  host key {}", receipt.host_key));
        }
        if let Some(failure) = &delivery.failure {
            lines.push(format!("  failure  {} {}: {}", failure.code, failure.title, failure.detail));
            lines.push(format!("  do       {}", failure.advice));
        }
    }
    lines.push("timeline".to_owned());
    lines.extend(timeline(&shown.timeline));
    lines.join("\n")
}

/// The timeline as lines: time since admission, subject, event.
pub(crate) fn timeline(entries: &[TimelineEntry]) -> Vec<String> {
    let Some(first) = entries.first() else { return Vec::new() };
    let line = |entry: &TimelineEntry| {
        let since = entry.at.duration_since(first.at).as_secs_f64();
        let (subject, event, detail) = match &entry.what {
            Happening::Report(event) => {
                ("report", event.name(), detail_of(&serde_json::to_value(event).unwrap_or_default()))
            }
            Happening::Delivery { event, .. } => {
                ("delivery", event.name(), detail_of(&serde_json::to_value(event).unwrap_or_default()))
            }
        };
        format!("  {since:>9.3} s  {subject:<8}  {:<16}  {detail}", event.replace('_', " ")).trim_end().to_owned()
    };
    entries.iter().map(line).collect()
}

/// The telling member of an event.
fn detail_of(event: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(failure) = event.get("failure") {
        return format!("{} {}", text(&failure["code"]), text(&failure["detail"]));
    }
    if let Some(receipt) = event.get("receipt") {
        return format!(
            "{} ({} bytes, host key {})",
            text(&receipt["remote_path"]),
            receipt["size"],
            text(&receipt["host_key"])
        );
    }
    if let Some(intent) = event.get("intent") {
        return format!("hidden file complete and verified, rename to {} is next", text(&intent["final_path"]));
    }
    if let Some(file) = event.get("file") {
        return format!("{} rows, {} bytes sealed", event["row_count"], file["size"]);
    }
    match (event.get("attempt"), event.get("worker")) {
        (Some(attempt), Some(worker)) => format!("attempt {attempt} by {}", text(worker)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_option_is_text_unless_its_schema_says_otherwise() {
        let value = |kind: Json, text: &str| option_value(&kind, text.to_owned());
        for text in ["2026", "null", "true", "[]", "\"a\""] {
            assert_eq!(value(json!({"type": "string"}), text), json!(text));
            assert_eq!(value(json!({"oneOf": [{"const": "zstd"}]}), text), json!(text));
            assert_eq!(value(Json::Null, text), json!(text), "there is no such option");
        }
        assert_eq!(value(json!({"type": "boolean"}), "false"), json!(false));
        assert_eq!(value(json!({"type": "integer"}), "22"), json!(22));
        assert_eq!(value(json!({"type": "integer"}), "many"), json!("many"), "which the format refuses in its words");
    }

    #[test]
    fn the_exit_code_tells_of_every_destination_and_of_an_end_that_did_not_come() {
        use DeliveryStatus::{Delivered, Failed, Pending};
        let connectors: [ConnectorId; 2] =
            ["c-0123456789abcdef0", "c-0123456789abcdef1"].map(|id| id.parse().expect("an id"));
        let code = |report, deliveries: &[(usize, DeliveryStatus)], waited| {
            exit_code(report, deliveries.iter().map(|(to, status)| (&connectors[*to], *status)), waited)
        };
        assert_eq!(code(JobStatus::Succeeded, &[(0, Delivered), (1, Delivered)], true), 0);
        assert_eq!(code(JobStatus::Succeeded, &[(0, Failed), (1, Delivered)], false), 7, "one destination has no file");
        assert_eq!(code(JobStatus::Succeeded, &[(0, Failed), (1, Delivered), (0, Delivered)], true), 0, "sent again");
        assert_eq!(code(JobStatus::Succeeded, &[(0, Pending)], true), 6);
        assert_eq!(code(JobStatus::Running, &[], true), 6);
        assert_eq!(code(JobStatus::Running, &[], false), 0, "it was only looked at");
        assert_eq!((code(JobStatus::Cancelled, &[], true), code(JobStatus::Cancelled, &[], false)), (7, 0));
        assert_eq!(code(JobStatus::Failed, &[], false), 7);
    }
}
