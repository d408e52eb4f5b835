//! Events by POST, signed as Standard Webhooks 1.0 are. An event has the same `webhook-id` at each attempt.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use schemars::JsonSchema;
use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::port::{Notifier, Post, SecretStore, TransferEvent, TransferEventSink};
use sealpost_core::secret::{Secret, SecretRef};
use serde::{Deserialize, Serialize};

use super::EventParts;

/// What a secret begins with; the rest is base64.
const PREFIX: &str = "whsec_";
/// Bytes that the standard asks of a secret.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Where to, and the secret that says who calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSinkSettings {
    /// The address. What `[webhooks]` says of private addresses and `http` applies.
    pub url: String,
    /// The secret: `whsec_` and 24 to 64 bytes in base64, as the standard has it. A reference such as `env:TRANSFER_HOOK`.
    #[schemars(with = "String")]
    pub secret: SecretRef,
    /// The secret before this one, while receivers change over: events are signed with both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub previous_secret: Option<SecretRef>,
}

pub(super) struct WebhookSink {
    settings: WebhookSinkSettings,
    secrets: Arc<dyn SecretStore>,
    notifier: Arc<dyn Notifier>,
}

impl WebhookSink {
    pub(super) fn new(settings: &WebhookSinkSettings, parts: &EventParts) -> Result<Self> {
        parts.notifier.admit(&settings.url)?;
        Ok(Self { settings: settings.clone(), secrets: parts.secrets.clone(), notifier: parts.notifier.clone() })
    }

    async fn signatures(&self, id: &str, timestamp: &str, body: &str) -> Result<String> {
        let mut signatures = Vec::new();
        for reference in [Some(&self.settings.secret), self.settings.previous_secret.as_ref()].into_iter().flatten() {
            signatures.push(sign(&self.secrets.resolve(reference).await?, id, timestamp, body)?);
        }
        Ok(signatures.join(" "))
    }
}

#[async_trait]
impl TransferEventSink for WebhookSink {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn publish(&self, event: &TransferEvent) -> Result<()> {
        let timestamp = Timestamp::now().as_second().to_string();
        let signatures = self.signatures(&event.id, &timestamp, &event.envelope).await?;
        let headers =
            [("webhook-id", event.id.clone()), ("webhook-timestamp", timestamp), ("webhook-signature", signatures)];
        let answer =
            self.notifier.post(Post { url: &self.settings.url, headers: &headers, body: &event.envelope }).await?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        let refused = Error::new(&codes::notify::REFUSED, format!("it answered {}", answer.status));
        Err(match answer.retry_after {
            Some(pause) => refused.retried(Retry::After(pause)),
            None => refused,
        })
    }
}

/// `v1,` and HMAC-SHA256 over id, timestamp and body, with dots in between.
fn sign(secret: &Secret, id: &str, timestamp: &str, body: &str) -> Result<String> {
    let wrong = || {
        Error::new(&codes::notify::NO_SECRET, "the event webhook's secret is not `whsec_` and 24 to 64 bytes in base64")
    };
    let text = secret.expose_text().map_err(|_| wrong())?.trim().strip_prefix(PREFIX).ok_or_else(wrong)?;
    let bytes = Secret::new(STANDARD.decode(text).map_err(|_| wrong())?);
    if !LENGTHS.contains(&bytes.expose().len()) {
        return Err(wrong());
    }
    let mut signed = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, bytes.expose()));
    for part in [id, ".", timestamp, ".", body] {
        signed.update(part.as_bytes());
    }
    Ok(format!("v1,{}", STANDARD.encode(signed.sign().as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = Secret::new(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n".to_vec());
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signature.expect("a signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_of_another_form_is_refused_without_repeating_it() {
        for text in ["CANARY", "whsec_CANARY!", "whsec_Q0FOQVJZ", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""] {
            let error = sign(&Secret::new(text.into()), "a", "1", "{}").expect_err("a refusal");
            assert!(error.is(&codes::notify::NO_SECRET) && !error.to_string().contains("CANARY"), "{error}");
        }
    }
}
