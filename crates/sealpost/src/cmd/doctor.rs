//! `sealpost doctor`: every adapter's check, each doing what a job does.

use std::process::ExitCode;
use std::time::Instant;

use jiff::Timestamp;
use sealpost_core::error::{Error, Failure, Result};
use sealpost_core::partner::MessageFormat;
use sealpost_core::port::SealPlan;
use sealpost_core::sink::MemorySink;
use sealpost_pipeline::{Catalogue, Pipeline};
use serde::Serialize;

use crate::config::Loaded;
use crate::output::Output;
use crate::wire;

mod edge;
mod legacy;
mod secrets;

/// Options of `doctor`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave the partners' servers alone.
    #[arg(long)]
    no_connectors: bool,
}

/// One finding.
#[derive(Serialize)]
struct Finding {
    subject: String,
    detail: String,
    elapsed_ms: u64,
    /// It works, and is better changed some day.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    warning: bool,
    failure: Option<Failure>,
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, subject: impl Into<String>, since: Instant, outcome: Result<String>) -> bool {
        let (detail, failure) = match &outcome {
            Ok(detail) => (detail.clone(), None),
            Err(error) => (all_details(error), Some(Failure::from(error))),
        };
        let elapsed_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.push(Finding { subject: subject.into(), detail, elapsed_ms, warning: false, failure });
        outcome.is_ok()
    }

    fn warn(&mut self, subject: impl Into<String>, since: Instant, detail: String) {
        self.add(subject, since, Ok(detail));
        if let Some(last) = self.0.last_mut() {
            last.warning = true;
        }
    }
}

fn all_details(error: &Error) -> String {
    let fields = error
        .fields()
        .iter()
        .map(|field| format!("\n      - {} {}", field.pointer, field.detail.replace('\n', "\n        ")));
    format!("{}{}", error.detail(), fields.collect::<String>())
}

pub(crate) async fn run(loaded: &Loaded, options: &Options, output: Output) -> Result<ExitCode> {
    let mut findings = Findings(Vec::new());
    let since = Instant::now();
    findings.add(
        "configuration",
        since,
        Ok(format!(
            "{} source{}",
            loaded.config.sources.len(),
            if loaded.config.sources.len() == 1 { "" } else { "s" }
        )),
    );
    for warning in loaded.config.warnings() {
        findings.warn(warning.pointer, since, warning.detail);
    }
    secrets::check(loaded, &mut findings).await;
    edge::check(loaded, &mut findings).await;
    if check_parts(loaded, &mut findings).await {
        match wire::pipeline(loaded).await {
            Ok(pipeline) => {
                if pipeline.parts().webhook_secret.is_some() {
                    findings.add("webhooks", Instant::now(), check_webhooks(loaded, &pipeline).await);
                }
                check_partners(&pipeline, options, &mut findings).await;
            }
            Err(error) => drop(findings.add("wiring", since, Err(error))),
        }
    } else {
        let detail = "certificates and connectors were not looked at: repair what failed above, then ask again";
        findings.warn("partners", Instant::now(), detail.to_owned());
    }
    let failed = findings.0.iter().any(|finding| finding.failure.is_some());
    output.print(&findings.0, |findings| describe(findings));
    Ok(if failed { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

/// Ledger, store, sources, catalogue. Each is tried even where another fails. Says whether they can be put together, for which
/// no database has to be there: `serve` starts without one, too.
async fn check_parts(loaded: &Loaded, findings: &mut Findings) -> bool {
    let secrets = wire::secrets(loaded);
    let since = Instant::now();
    let ledger = match wire::ledger(loaded).await {
        Ok(set) => set.ledger.check().await.map(|()| "wrote and read a record".to_owned()),
        Err(error) => Err(error),
    };
    let mut good = findings.add("ledger", since, ledger);
    let since = Instant::now();
    let store = match wire::store(loaded, &secrets).await {
        Ok(store) => store.check().await.map(|()| "wrote, read, listed and removed an object".to_owned()),
        Err(error) => Err(error),
    };
    good &= findings.add("store", since, store);
    let sources = match wire::sources(loaded, &secrets) {
        Ok(sources) => sources,
        Err(error) => return findings.add("sources", Instant::now(), Err(error)),
    };
    for (name, source) in &sources {
        let since = Instant::now();
        let outcome = source.check().await.map(|()| "connected and began a read-only snapshot".to_owned());
        findings.add(format!("source {name}"), since, outcome);
    }
    let since = Instant::now();
    let folder = loaded.path(&loaded.config.catalogue.folder);
    let catalogue = Catalogue::load(&folder, &sources, sealpost_format::FORMATS).await;
    good & findings.add("catalogue", since, catalogue.map(|catalogue| prepared(&catalogue)))
}

/// How many report types there are, and how many of them a database that is away kept from being prepared.
fn prepared(catalogue: &Catalogue) -> String {
    let all = catalogue.iter().count();
    match catalogue.iter().filter(|report| report.columns.is_empty()).count() {
        0 => format!("{all} report types, each prepared"),
        left => format!("{all} report types, {left} of them not prepared: their database is away"),
    }
}

/// The secret to sign with, and the authorities to trust. Partners' servers are pinged by `sealpost webhook ping`.
async fn check_webhooks(loaded: &Loaded, pipeline: &Pipeline) -> Result<String> {
    pipeline.check_webhook_secret().await?;
    wire::webhooks(loaded).check().await?;
    Ok("the signing secret is there, certificate authorities were read".to_owned())
}

/// Signing key, certificates, connectors.
async fn check_partners(pipeline: &Pipeline, options: &Options, findings: &mut Findings) {
    let since = Instant::now();
    if pipeline.parts().signing_key.is_some() {
        findings.add("signing key", since, sign(pipeline).await);
    }
    match pipeline.certificates().await {
        Err(error) => drop(findings.add("certificates", since, Err(error))),
        Ok(certificates) => {
            // One that is over, or not used yet, may be as it likes.
            for certificate in certificates.into_iter().filter(|certificate| certificate.is_used) {
                let now = Timestamp::now();
                let outcome = certificate.state.map(|info| {
                    let expiry = match info.days_until_expiry(now) {
                        None => "never expires".to_owned(),
                        Some(days) if info.expiry_step(now).is_some() => {
                            format!("expires in {days} days: ask the partner for a new one")
                        }
                        Some(days) => format!("expires in {days} days"),
                    };
                    format!("{} {}, {expiry}", info.algorithm, info.fingerprint)
                });
                findings.add(format!("certificate of {}", certificate.partner), Instant::now(), outcome);
            }
        }
    }
    legacy::check(pipeline, findings).await;
    if options.no_connectors {
        return;
    }
    match pipeline.parts().records.connectors(None).await {
        Err(error) => drop(findings.add("connectors", since, Err(error))),
        Ok(connectors) => {
            for connector in connectors {
                let steps = pipeline.parts().transport.check(&connector).await;
                let elapsed_ms = steps.iter().map(|step| step.elapsed_ms).sum();
                let failed = steps.iter().find(|step| step.failure.is_some());
                let detail = match failed {
                    Some(step) => format!(
                        "{}: {}",
                        step.step,
                        step.failure.as_ref().map_or("", |failure| failure.detail.as_str())
                    ),
                    None => format!("{} steps, from name to removal", steps.len()),
                };
                let failure = failed.and_then(|step| step.failure.clone());
                findings.0.push(Finding {
                    subject: format!("connector {}/{}", connector.partner, connector.name),
                    detail,
                    elapsed_ms,
                    warning: false,
                    failure,
                });
            }
        }
    }
}

/// Signs and seals a few bytes for a throw-away certificate, as a job does.
async fn sign(pipeline: &Pipeline) -> Result<String> {
    let parts = pipeline.parts();
    let Some(reference) = &parts.signing_key else { return Ok(String::new()) };
    let key = parts.secrets.resolve(&reference.key).await?;
    let passphrase = match &reference.passphrase {
        Some(reference) => Some(parts.secrets.resolve(reference).await?),
        None => None,
    };
    let now = Timestamp::now();
    let request = sealpost_seal::KeyRequest {
        user_id: "Sealpost doctor <doctor@localhost>",
        kind: sealpost_seal::KeyKind::Ed25519,
        now,
        valid_for: None,
        passphrase: None,
    };
    let recipient = sealpost_seal::generate(&request)?.public;
    let plan = SealPlan {
        recipients: &[recipient],
        message: MessageFormat::Auto,
        armor: false,
        signer: Some((&key, passphrase.as_ref())),
        file_name: "check",
        now,
    };
    let mut sink = parts.sealer.seal(&plan, Box::new(MemorySink::default()))?;
    std::io::Write::write_all(&mut sink, b"check")
        .map_err(|error| Error::from_io(error, &sealpost_core::error::codes::seal::WRITE))?;
    sink.finish()?;
    Ok("signed and sealed a few bytes".to_owned())
}

fn describe(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for finding in findings {
        let mark = match (&finding.failure, finding.warning) {
            (Some(_), _) => "✘",
            (None, true) => "!",
            (None, false) => "✔",
        };
        lines.push(format!("{mark} {:<28} {:>6} ms  {}", finding.subject, finding.elapsed_ms, finding.detail));
        if let Some(failure) = &finding.failure {
            lines.push(format!("    {} {}", failure.code, failure.title));
            lines.push(format!("    {}", failure.advice));
        }
    }
    let failed = findings.iter().filter(|finding| finding.failure.is_some()).count();
    lines.push(if failed == 0 {
        "all well".to_owned()
    } else {
        format!("{failed} of {} need someone", findings.len())
    });
    lines.join("\n")
}
