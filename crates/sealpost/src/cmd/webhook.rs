//! `sealpost webhook`: partners' webhooks, and the notifications on their way to them.

use std::process::ExitCode;

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{NotificationId, WebhookId};
use sealpost_core::notification::{Notification, NotificationStatus};
use sealpost_core::port::NotificationFilter;
use sealpost_core::webhook::Webhook;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::webhooks::WebhookWish;
use serde_json::json;

use super::audit::author;
use crate::config::Loaded;
use crate::output::{self, Output};
use crate::wire;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List webhooks.
    List {
        /// Of this partner only.
        #[arg(long)]
        partner: Option<String>,
    },
    /// Show a webhook.
    Show {
        /// The webhook: `whk_…`.
        webhook: WebhookId,
    },
    /// List notifications, the newest first.
    Notifications {
        /// Of this partner only.
        #[arg(long)]
        partner: Option<String>,
        /// To this webhook only.
        #[arg(long)]
        webhook: Option<WebhookId>,
        /// In this status only; `failed` for the dead letters.
        #[arg(long)]
        status: Option<Status>,
        /// Most notifications shown.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Post a notification again, or all that a webhook's server did not take.
    Replay {
        /// The notification (`msg_…`), or the webhook (`whk_…`) whose failed notifications are meant.
        subject: String,
        /// With a webhook: only notifications made at or after this time.
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
    },
    /// Send a webhook a test, also one that is disabled.
    Ping {
        /// The webhook: `whk_…`.
        webhook: WebhookId,
    },
    /// Tell a webhook nothing more.
    Disable {
        /// The webhook: `whk_…`.
        webhook: WebhookId,
    },
    /// Tell a webhook again what happens.
    Enable {
        /// The webhook: `whk_…`.
        webhook: WebhookId,
    },
}

/// Where a notification stands.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Status {
    Pending,
    Delivered,
    Failed,
}

pub(crate) async fn run(loaded: &Loaded, command: Command, output: Output) -> Result<ExitCode> {
    let pipeline = wire::pipeline(loaded).await?;
    let outbox = &pipeline.parts().outbox;
    match command {
        Command::List { partner } => {
            let webhooks = match partner {
                Some(partner) => outbox.webhooks(&super::partner_of(&pipeline, &partner).await?.id).await?,
                None => all(&pipeline).await?,
            };
            output.print(&webhooks, |webhooks| list(webhooks));
        }
        Command::Show { webhook } => output.print(&find(&pipeline, &webhook).await?, describe),
        Command::Notifications { partner, webhook, status, limit } => {
            let filter = NotificationFilter {
                partner: partner.map(|id| id.parse()).transpose()?,
                webhook,
                status: status.map(Status::of),
                after: None,
                limit,
            };
            output.print(&outbox.notifications(&filter).await?.notifications, |found| notifications(found));
        }
        Command::Replay { subject, since } => replay(&pipeline, &subject, since, output).await?,
        Command::Ping { webhook } => {
            let webhook = find(&pipeline, &webhook).await?;
            let notification = pipeline.ping_webhook(&webhook.partner, &webhook.id, &author()).await?;
            output.print(&notification, |one| {
                format!(
                    "{} is on its way; `sealpost webhook notifications --webhook {}` tells how it went",
                    one.id, one.webhook
                )
            });
        }
        Command::Disable { webhook } => output.print(&switch(&pipeline, &webhook, false).await?, describe),
        Command::Enable { webhook } => output.print(&switch(&pipeline, &webhook, true).await?, describe),
    }
    Ok(ExitCode::SUCCESS)
}

impl Status {
    fn of(self) -> NotificationStatus {
        match self {
            Self::Pending => NotificationStatus::Pending,
            Self::Delivered => NotificationStatus::Delivered,
            Self::Failed => NotificationStatus::Failed,
        }
    }
}

async fn all(pipeline: &Pipeline) -> Result<Vec<Webhook>> {
    let mut webhooks = Vec::new();
    for partner in pipeline.parts().records.partners().await? {
        webhooks.extend(pipeline.parts().outbox.webhooks(&partner.id).await?);
    }
    Ok(webhooks)
}

async fn find(pipeline: &Pipeline, id: &WebhookId) -> Result<Webhook> {
    let found = all(pipeline).await?.into_iter().find(|webhook| webhook.id == *id);
    found.ok_or_else(|| {
        Error::new(&codes::request::NOT_FOUND, format!("webhook {id}; `sealpost webhook list` shows all"))
    })
}

async fn switch(pipeline: &Pipeline, id: &WebhookId, enabled: bool) -> Result<Webhook> {
    let webhook = find(pipeline, id).await?;
    let wish = WebhookWish { enabled: Some(enabled), ..WebhookWish::default() };
    pipeline.change_webhook(&webhook.partner, id, wish, &author()).await
}

async fn replay(pipeline: &Pipeline, subject: &str, since: Option<Timestamp>, output: Output) -> Result<()> {
    if let Ok(webhook) = subject.parse::<WebhookId>() {
        let webhook = find(pipeline, &webhook).await?;
        let replayed = pipeline.replay_failed(&webhook.partner, &webhook.id, since, &author()).await?;
        output.print(&json!({ "replayed": replayed.count, "more": replayed.more }), |_| {
            let more = if replayed.more { "; there are more: run it again" } else { "" };
            format!("{} on their way again{more}", replayed.count)
        });
        return Ok(());
    }
    let id: NotificationId = subject.parse()?;
    let missing = || Error::new(&codes::request::NOT_FOUND, format!("notification {id}"));
    let found = pipeline.parts().outbox.notification(&id).await?.ok_or_else(missing)?;
    let replayed = pipeline.replay_notification(&found.partner, &found.webhook, &id, &author()).await?;
    output.print(&replayed, |one| format!("{} is on its way again", one.id));
    Ok(())
}

fn list(webhooks: &[Webhook]) -> String {
    let row = |webhook: &Webhook| {
        let state = if webhook.enabled { "enabled" } else { "disabled" };
        vec![
            webhook.id.to_string(),
            webhook.partner.to_string(),
            state.to_owned(),
            events(webhook),
            webhook.url.clone(),
        ]
    };
    output::table(&["WEBHOOK", "PARTNER", "STATE", "EVENTS", "URL"], &webhooks.iter().map(row).collect::<Vec<_>>())
}

fn events(webhook: &Webhook) -> String {
    let names: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
    if names.is_empty() { "all".to_owned() } else { names.join(" ") }
}

fn describe(webhook: &Webhook) -> String {
    let mut lines = vec![
        format!("webhook   {}", webhook.id),
        format!("partner   {}", webhook.partner),
        format!("url       {}", webhook.url),
        format!("state     {}", if webhook.enabled { "enabled" } else { "disabled" }),
        format!("events    {}", events(webhook)),
        format!("label     {}", webhook.label),
        format!("secret    version {}", webhook.secret_version),
    ];
    if let Some(until) = webhook.previous_until.filter(|until| *until > Timestamp::now()) {
        lines.push(format!("          version {} signs too until {until}", webhook.secret_version - 1));
    }
    lines.join("\n")
}

fn notifications(found: &[Notification]) -> String {
    let row = |one: &Notification| {
        let answer = one.answer.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let why =
            one.failure.as_ref().map(|failure| format!("{} {}", failure.code, failure.detail)).unwrap_or_default();
        let (id, partner) = (one.id.to_string(), one.partner.to_string());
        let attempts = one.attempts.to_string();
        vec![id, partner, one.event.as_str().to_owned(), one.status.as_str().to_owned(), attempts, answer, why]
    };
    let head = ["NOTIFICATION", "PARTNER", "TYPE", "STATUS", "ATTEMPTS", "ANSWER", "WHY"];
    output::table(&head, &found.iter().map(row).collect::<Vec<_>>())
}
