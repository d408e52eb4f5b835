//! `sealpost partner`: partners and their API keys.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::Result;
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Scope;
use sealpost_core::partner::Partner;
use sealpost_pipeline::keys::KeyWish;
use serde::Serialize;

use super::apply::{self, Applied};
use super::audit::author;
use super::partner_of;
use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List partners.
    List,
    /// Show a partner as the document that `sealpost apply` reads.
    Show {
        /// The partner's id.
        id: String,
    },
    /// Remove a partner with its connectors and API keys. Never give its id to another company: its past reports stay by it.
    Remove {
        /// The partner's id.
        id: String,
    },
    /// Show what the recipient policy says of every partner's certificates, and when they expire.
    Certificates,
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(clap::Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key. It is shown once and kept nowhere.
    New {
        /// The partner's id.
        partner: String,
        /// What it is used for.
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it stops working; never when not given.
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=3650))]
        expires_in_days: Option<i64>,
        /// What it may do, such as `reports:read`; may be repeated. Everything when not given.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
    },
    /// List a partner's API keys.
    List {
        /// The partner's id.
        partner: String,
    },
    /// Revoke an API key, at once and for good.
    Revoke {
        /// The partner's id.
        partner: String,
        /// The key's public half: the part between the underscores.
        key: String,
    },
}

/// A new key, shown once.
#[derive(Serialize)]
struct NewKey {
    id: String,
    partner: PartnerId,
    scopes: Vec<Scope>,
    api_key: String,
    expires_at: Option<Timestamp>,
}

pub(crate) async fn run(loaded: &Loaded, command: Command, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    let records = &pipeline.parts().records;
    match command {
        Command::List => output.print(&records.partners().await?, |partners| list(partners)),
        Command::Show { id } => {
            let document = pipeline.partner_document(&id.parse()?).await?;
            output.print(&document, |document| toml::to_string_pretty(document).unwrap_or_default());
        }
        Command::Remove { id } => {
            let partner = partner_of(&pipeline, &id).await?;
            let connectors = pipeline.remove_partner(&author(), &partner.id).await?;
            let mut applied = Applied::default();
            apply::retire(&pipeline, connectors.as_deref().unwrap_or_default(), &mut applied).await;
            output.print(&serde_json::json!({ "removed": partner.id }), |_| format!("partner {id} removed"));
            // It is gone, but nobody looks again for what the engine keeps of it.
            apply::all_well(&applied.failed)?;
        }
        Command::Certificates => {
            let now = Timestamp::now();
            let rows: Vec<serde_json::Value> = pipeline
                .certificates()
                .await?
                .iter()
                .map(|one| match &one.state {
                    Ok(info) => serde_json::json!({ "partner": one.partner, "usable": true, "in_use": one.is_used, "use_until": one.use_until, "proven_at": one.proven_at, "certificate": info, "days_until_expiry": info.days_until_expiry(now) }),
                    Err(error) => serde_json::json!({ "partner": one.partner, "usable": false, "in_use": one.is_used, "use_until": one.use_until, "fingerprint": one.fingerprint, "failure": sealpost_core::error::Failure::from(error) }),
                })
                .collect();
            output.print(&rows, |rows| certificates(rows));
        }
        Command::Key(KeyCommand::New { partner, label, expires_in_days, scopes }) => {
            let expires_at = expires_in_days.map(|days| Timestamp::now() + SignedDuration::from_hours(24 * days));
            let scopes = if scopes.is_empty() { Scope::all() } else { scopes };
            let wish = KeyWish { label, scopes, expires_at };
            let (key, secret) = pipeline.issue_key_by(&author(), &partner.parse()?, &wish).await?;
            let new = NewKey {
                id: key.id.to_string(),
                partner: key.partner,
                scopes: key.scopes,
                api_key: secret.expose_text()?.to_owned(),
                expires_at,
            };
            output.print(&new, |new| {
                format!("{}\n\nIt is shown once. Hand it to {} over a safe channel.", new.api_key, new.partner)
            });
        }
        Command::Key(KeyCommand::List { partner }) => {
            let partner = partner_of(&pipeline, &partner).await?;
            let keys = records.api_keys(&partner.id).await?;
            let public: Vec<serde_json::Value> = keys
                .iter()
                .map(|key| serde_json::json!({ "id": key.id, "label": key.label, "scopes": key.scopes, "created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at }))
                .collect();
            output.print(&public, |keys| {
                let cell = |key: &serde_json::Value, name: &str| key[name].as_str().unwrap_or("-").to_owned();
                let rows: Vec<Vec<String>> = keys
                    .iter()
                    .map(|key| {
                        ["id", "label", "created_at", "expires_at", "revoked_at"].map(|name| cell(key, name)).to_vec()
                    })
                    .collect();
                output::table(&["KEY", "LABEL", "CREATED", "EXPIRES", "REVOKED"], &rows)
            });
        }
        Command::Key(KeyCommand::Revoke { partner, key }) => {
            let revoked = pipeline.revoke_key(&author(), &partner.parse()?, &key).await?;
            output.print(&serde_json::json!({ "id": revoked.id, "revoked_at": revoked.revoked_at }), |_| {
                format!("API key {key} is revoked")
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(partners: &[Partner]) -> String {
    let rows: Vec<Vec<String>> = partners
        .iter()
        .map(|partner| {
            let grants: Vec<&str> = partner.grants.iter().map(|grant| grant.report.as_str()).collect();
            let state = if partner.enabled { "enabled" } else { "disabled" };
            vec![
                partner.id.to_string(),
                partner.name.clone(),
                partner.scope.clone(),
                state.to_owned(),
                partner.deliver_to.len().to_string(),
                grants.join(", "),
            ]
        })
        .collect();
    output::table(&["PARTNER", "NAME", "SCOPE", "STATE", "DESTINATIONS", "REPORT TYPES"], &rows)
}

fn certificates(rows: &[serde_json::Value]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let partner = row["partner"].as_str().unwrap_or_default().to_owned();
            if row["usable"] == true {
                let info = &row["certificate"];
                let days = row["days_until_expiry"]
                    .as_i64()
                    .map_or_else(|| "never".to_owned(), |days| format!("in {days} days"));
                let used = match (row["in_use"].as_bool(), row["use_until"].as_str()) {
                    (Some(true), Some(until)) => format!("until {until}"),
                    (Some(true), None) => "yes".to_owned(),
                    _ => "no".to_owned(),
                };
                vec![
                    partner,
                    info["fingerprint"].as_str().unwrap_or_default().to_owned(),
                    info["algorithm"].as_str().unwrap_or_default().to_owned(),
                    days,
                    used,
                ]
            } else {
                let failure = &row["failure"];
                vec![
                    partner,
                    "not usable".to_owned(),
                    failure["title"].as_str().unwrap_or_default().to_owned(),
                    failure["detail"].as_str().unwrap_or_default().to_owned(),
                    if row["in_use"] == true { "yes" } else { "no" }.to_owned(),
                ]
            }
        })
        .collect();
    output::table(&["PARTNER", "CERTIFICATE", "ALGORITHM", "EXPIRES", "USED"], &cells)
}
