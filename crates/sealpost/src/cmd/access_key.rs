//! `sealpost access-key`: who may call the transfer API.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::access_key::{AccessKey, AccessRole};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::AccessKeyId;
use serde_json::json;

use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make an access key. Its secret half is shown once.
    Issue {
        /// What it may do.
        #[arg(long, value_enum)]
        role: Role,
        /// What it is used for, for people.
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it stops working; never when not given.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
        valid_days: Option<u32>,
    },
    /// List access keys, the newest first.
    List,
    /// Make an access key stop working, at once.
    Revoke {
        /// The key: `SPAK…`.
        key: AccessKeyId,
    },
}

/// What an access key may do.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Role {
    /// Describe and list.
    Reader,
    /// And start transfers, listings, moves and deletes, and test connections.
    Operator,
    /// And make, change and remove connectors.
    Admin,
}

impl From<Role> for AccessRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Reader => Self::Reader,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

pub(crate) async fn run(loaded: &Loaded, command: Command, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    match command {
        Command::Issue { role, label, valid_days } => {
            let days = valid_days.map(|days| Timestamp::now() + SignedDuration::from_hours(24 * i64::from(days)));
            let (key, secret) = pipeline.issue_access_key(role.into(), &label, days).await?;
            let secret = secret.expose_text()?;
            let shown = json!({ "access_key_id": key.id, "secret_access_key": secret, "role": key.role, "expires_at": key.expires_at });
            output.print(&shown, |_| {
                format!(
                    "aws_access_key_id      {}\naws_secret_access_key  {secret}\nrole                   {}",
                    key.id,
                    key.role.as_str()
                )
            });
            if output == Output::Text {
                output::note("The secret is shown this once.");
            }
        }
        Command::List => {
            let keys = pipeline.parts().transfers.access_keys().await?;
            let shown: Vec<_> = keys.iter().map(without_salt).collect();
            output.print(&shown, |_| list(&keys));
        }
        Command::Revoke { key } => {
            if !pipeline.revoke_access_key(&key).await? {
                let detail = format!("access key {key}; `sealpost access-key list` shows all");
                return Err(Error::new(&codes::request::NOT_FOUND, detail));
            }
            output.print(&json!({ "revoked": key }), |_| format!("{key} is revoked"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn without_salt(key: &AccessKey) -> serde_json::Value {
    json!({
        "access_key_id": key.id, "role": key.role, "label": key.label, "created_at": key.created_at,
        "expires_at": key.expires_at, "revoked_at": key.revoked_at,
    })
}

fn list(keys: &[AccessKey]) -> String {
    if keys.is_empty() {
        return "no access keys; `sealpost access-key issue --role operator` makes one".to_owned();
    }
    let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
    let lines = keys.iter().map(|key| {
        let state = match (&key.revoked_at, &key.expires_at) {
            (Some(at), _) => format!("revoked {}", day(at)),
            (None, Some(at)) if *at <= Timestamp::now() => format!("expired {}", day(at)),
            (None, Some(at)) => format!("until {}", day(at)),
            (None, None) => "valid".to_owned(),
        };
        format!("{}  {:<8}  {}  {:<18}  {}", key.id, key.role.as_str(), day(&key.created_at), state, key.label)
    });
    lines.collect::<Vec<_>>().join("\n")
}
