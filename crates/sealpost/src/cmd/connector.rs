//! `sealpost connector`: what connectors there are, and whether one works.

use std::process::ExitCode;

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::CheckStep;
use sealpost_pipeline::Pipeline;

use super::audit::author;
use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List connectors.
    List {
        /// Of this partner only.
        #[arg(long)]
        partner: Option<String>,
    },
    /// Test a connector step by step, with the operations of a delivery. A host key that the server shows and nobody has
    /// approved is kept as a candidate.
    Test {
        /// The connector: `c-…`, or `partner/name`.
        connector: String,
    },
    /// Trust a host key that the connector's server has shown. Compare it with the partner over another channel first.
    Trust {
        /// The connector: `c-…`, or `partner/name`.
        connector: String,
        /// The key's fingerprint: `SHA256:…`.
        fingerprint: String,
    },
    /// Trust a host key no longer.
    Distrust {
        /// The connector: `c-…`, or `partner/name`.
        connector: String,
        /// The key's fingerprint: `SHA256:…`.
        fingerprint: String,
    },
}

pub(crate) async fn run(loaded: &Loaded, command: Command, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    match command {
        Command::List { partner } => {
            let partner = partner.map(|id| id.parse()).transpose()?;
            output.print(&pipeline.parts().records.connectors(partner.as_ref()).await?, |connectors| list(connectors));
            Ok(ExitCode::SUCCESS)
        }
        Command::Test { connector } => {
            let connector = find(&pipeline, &connector).await?;
            let steps = pipeline.test_connector(&connector, &author()).await?;
            output.print(&steps, |steps| describe(steps));
            let failed = steps.iter().any(|step| step.failure.is_some());
            Ok(if failed { ExitCode::from(7) } else { ExitCode::SUCCESS })
        }
        Command::Trust { connector, fingerprint } => decide(&pipeline, &connector, &fingerprint, true, output).await,
        Command::Distrust { connector, fingerprint } => {
            decide(&pipeline, &connector, &fingerprint, false, output).await
        }
    }
}

async fn decide(
    pipeline: &Pipeline,
    connector: &str,
    fingerprint: &str,
    trusted: bool,
    output: Output,
) -> Result<ExitCode> {
    let connector = find(pipeline, connector).await?;
    pipeline.decide_host_key(&connector, fingerprint, trusted, &author()).await?;
    let result = serde_json::json!({ "connector": connector.id, "fingerprint": fingerprint, "trusted": trusted });
    let words = if trusted { "is trusted" } else { "is not trusted any more" };
    output.print(&result, |_| format!("{fingerprint} {words} for {}/{}", connector.partner, connector.name));
    Ok(ExitCode::SUCCESS)
}

async fn find(pipeline: &Pipeline, text: &str) -> Result<Connector> {
    let all = pipeline.parts().records.connectors(None).await?;
    let found = all
        .into_iter()
        .find(|connector| connector.id.as_str() == text || format!("{}/{}", connector.partner, connector.name) == text);
    found.ok_or_else(|| {
        Error::new(&codes::request::NOT_FOUND, format!("connector {text}; `sealpost connector list` shows all"))
    })
}

fn list(connectors: &[Connector]) -> String {
    let rows: Vec<Vec<String>> = connectors
        .iter()
        .map(|connector| {
            let settings = &connector.settings;
            let name = format!("{}/{}", connector.partner, connector.name);
            let keys = match settings.host_keys.len() {
                0 => "none: deliveries are refused".to_owned(),
                count => format!("{count} approved"),
            };
            let keys = match connector.candidates.len() {
                0 => keys,
                count => format!("{keys}, {count} shown and not approved"),
            };
            vec![
                connector.id.to_string(),
                name,
                format!(
                    "sftp://{}@{}:{}/{}",
                    settings.user,
                    settings.host,
                    settings.port,
                    settings.directory.trim_start_matches('/')
                ),
                keys,
            ]
        })
        .collect();
    output::table(&["CONNECTOR", "NAME", "ADDRESS", "HOST KEYS"], &rows)
}

/// The steps as lines with a mark each.
pub(crate) fn describe(steps: &[CheckStep]) -> String {
    let mut lines = Vec::new();
    for step in steps {
        let mark = if step.failure.is_some() { "✘" } else { "✔" };
        lines.push(format!("{mark} {:<13} {:>6} ms  {}", step.step.replace('_', " "), step.elapsed_ms, step.detail));
        if let Some(failure) = &step.failure {
            lines.push(format!("    {} {}: {}", failure.code, failure.title, failure.detail));
            lines.push(format!("    {}", failure.advice));
        }
    }
    lines.join("\n")
}
