//! `POST /v1/webhooks`: make a webhook. Its secret is shown once.

use axum::Json;
use axum::extract;
use http::StatusCode;
use http::header::{self, HeaderName};
use sealpost_pipeline::webhooks::WebhookWish;
use serde::Deserialize;
use utoipa::ToSchema;

use super::author;
use super::wire::{WebhookEvent, WebhookWithSecret};
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
use crate::problem::Problem;
use crate::state::State;

/// What the webhook is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://hooks.acme.example/sealpost", "events": ["report.succeeded", "report.failed"], "label": "month end"}))]
pub struct WebhookRequest {
    /// Where notifications are posted to: a public `https` address on port 443, or on one above 1023, so that it can't be
    /// some other service's. Without user name and fragment.
    #[schema(format = "uri", max_length = 2048, pattern = "^https?://[^\\s@#]+$")]
    url: String,
    /// What it is told; everything when empty or left out.
    #[serde(default)]
    events: Vec<WebhookEvent>,
    /// What it is used for, up to 200 characters, none of them control characters.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    label: String,
    /// Whether it is told anything at once.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
}

fn yes() -> bool {
    true
}

/// Make a webhook.
///
/// Notifications are posted to it by the Standard Webhooks scheme (<https://www.standardwebhooks.com>): verify the headers
/// `webhook-id`, `webhook-timestamp` and `webhook-signature` with the secret, answer with any 2xx status within 15
/// seconds, and expect duplicates (the same `webhook-id`) and another order. What fails is tried again for three days.
#[utoipa::path(post, path = "/v1/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = WebhookRequest,
    responses(
        (status = 201, description = "The webhook, with its secret for the only time.", body = WebhookWithSecret,
            headers(("Location" = String, description = "The webhook."))),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or the address may not be used (`SP-REQUEST-036`)."),
        (status = 409, description = "There are 10 webhooks already (`SP-REQUEST-037`), or the operator offers none (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    JsonBody(request): JsonBody<WebhookRequest>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<WebhookWithSecret>), Problem> {
    let wish = WebhookWish {
        url: Some(request.url),
        events: Some(request.events.into_iter().map(WebhookEvent::kind).collect()),
        label: Some(request.label),
        enabled: Some(request.enabled),
    };
    let (webhook, secret) = state.pipeline.create_webhook(&partner.id, wish, &author(credentials)).await?;
    let location = [(header::LOCATION, format!("/v1/webhooks/{}", webhook.id))];
    Ok((StatusCode::CREATED, location, Json(WebhookWithSecret::of(&webhook, &secret)?)))
}
