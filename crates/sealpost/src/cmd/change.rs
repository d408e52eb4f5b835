//! `sealpost change`: what partners ask to have changed about themselves, and the operator's decision.

use std::process::ExitCode;

use sealpost_core::change::{Change, ChangeStatus};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::ChangeId;
use sealpost_core::port::ChangeFilter;

use super::audit::author;
use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List changes, newest first.
    List {
        /// Of this partner only.
        #[arg(long)]
        partner: Option<String>,
        /// Those that are decided too.
        #[arg(long)]
        all: bool,
    },
    /// Show a change: what exactly would be done.
    Show {
        /// The change's id.
        id: String,
    },
    /// Approve a change, and do it.
    Approve {
        /// The change's id.
        id: String,
        /// Why, for the partner to read.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Reject a change.
    Reject {
        /// The change's id.
        id: String,
        /// Why, for the partner to read.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

pub(crate) async fn run(loaded: &Loaded, command: Command, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    match command {
        Command::List { partner, all } => {
            let partner = partner.map(|id| id.parse()).transpose()?;
            let status = (!all).then_some(ChangeStatus::Pending);
            let filter = ChangeFilter { partner, status, after: None, limit: 100 };
            let page = pipeline.parts().changes.changes(&filter).await?;
            output.print(&page.entries, |changes| list(changes, page.more));
        }
        Command::Show { id } => {
            let id: ChangeId = id.parse()?;
            let missing = || {
                Error::new(&codes::request::NOT_FOUND, format!("change {id}; `sealpost change list --all` shows them"))
            };
            let change = pipeline.parts().changes.change(&id).await?.ok_or_else(missing)?;
            output.print(&change, |change| serde_json::to_string_pretty(change).unwrap_or_default());
        }
        Command::Approve { id, reason } => {
            let change = pipeline.approve_change(&id.parse()?, &reason, &author()).await?;
            output.print(&change, decided);
        }
        Command::Reject { id, reason } => {
            let change = pipeline.reject_change(&id.parse()?, &reason, &author()).await?;
            output.print(&change, decided);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn decided(change: &Change) -> String {
    let subject = change.action.subject(&change.partner);
    format!("{}: {} of {subject} for partner {}", change.status.as_str(), change.action.name(), change.partner)
}

fn list(changes: &[Change], more: bool) -> String {
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| {
            vec![
                change.id.to_string(),
                change.partner.to_string(),
                change.status.as_str().to_owned(),
                change.action.name().to_owned(),
                change.action.subject(&change.partner),
                format!("{:.0}", change.asked_at),
            ]
        })
        .collect();
    let table = output::table(&["CHANGE", "PARTNER", "STATUS", "ACTION", "OF", "ASKED"], &rows);
    if more { format!("{table}\n(the newest 100)") } else { table }
}
