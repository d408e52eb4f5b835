//! `sealpost audit`: who changed what, newest first.

use std::process::ExitCode;

use sealpost_core::audit::{Actor, ActorKind, AuditEntry};
use sealpost_core::error::Result;
use sealpost_core::port::AuditFilter;
use sealpost_pipeline::audit::Author;

use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

/// Entries read at once.
const PAGE: u32 = 100;

/// Options of `audit`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Of this partner only.
    #[arg(long)]
    partner: Option<String>,
    /// Most entries.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub(crate) async fn run(loaded: &Loaded, options: &Options, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    let partner = options.partner.as_deref().map(str::parse).transpose()?;
    let mut entries: Vec<AuditEntry> = Vec::new();
    loop {
        let left = options.limit.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        if left == 0 {
            break;
        }
        let after = entries.last().map(|entry| entry.id.clone());
        let filter = AuditFilter { partner: partner.clone(), after, limit: left.min(PAGE) };
        let page = pipeline.parts().changes.audit(&filter).await?;
        entries.extend(page.entries);
        if !page.more {
            break;
        }
    }
    output.print(&entries, |entries| describe(entries));
    Ok(ExitCode::SUCCESS)
}

fn describe(entries: &[AuditEntry]) -> String {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let kind = serde_json::to_value(entry.actor.kind).unwrap_or_default();
            vec![
                format!("{:.0}", entry.at),
                entry.partner.to_string(),
                format!("{} {}", kind.as_str().unwrap_or_default(), entry.actor.id),
                entry.action.clone(),
                entry.subject.clone(),
                entry.detail.clone(),
            ]
        })
        .collect();
    output::table(&["WHEN", "PARTNER", "WHO", "WHAT", "TO WHAT", "MORE"], &rows)
}

/// Whoever runs this command, for the audit trail.
pub(super) fn author() -> Author {
    let named = |name: &str| std::env::var(name).ok().filter(|user| !user.is_empty());
    let user = named("SUDO_USER").or_else(|| named("USER")).or_else(|| named("LOGNAME"));
    let user: String =
        user.unwrap_or_else(|| "unknown".to_owned()).chars().filter(|one| !one.is_control()).take(64).collect();
    Author { actor: Actor::new(ActorKind::CommandLine, user), request_id: None }
}
