//! Secrets of webhooks, derived from the operator's, and the headers of Standard Webhooks 1.0.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::WebhookId;
use sealpost_core::notification::Notification;
use sealpost_core::secret::Secret;
use sealpost_core::webhook::Webhook;
use sha2::Sha256;

use crate::Pipeline;

/// The shortest secret that others are derived from.
const SHORTEST: usize = 32;
/// What a webhook's secret begins with.
const PREFIX: &str = "whsec_";

impl Pipeline {
    /// A version of a webhook's secret, as its owner sees it: `whsec_` and 32 bytes in base64.
    ///
    /// # Errors
    /// `SP-REQUEST-038` where no secret is configured to derive it from; `SP-NOTIFY-009` where that can't be read or is
    /// shorter than 32 bytes.
    pub async fn webhook_secret(&self, webhook: &WebhookId, version: u32) -> Result<Secret> {
        let key = derive(&self.master().await?, webhook, version)?;
        Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(key.expose())).into_bytes()))
    }

    /// Whether notifications can be signed at all.
    ///
    /// # Errors
    /// As [`webhook_secret`](Self::webhook_secret).
    pub async fn check_webhook_secret(&self) -> Result<()> {
        self.master().await.map(drop)
    }

    /// The headers of an attempt at `now`.
    pub(super) async fn signed_headers(
        &self,
        webhook: &Webhook,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<[(&'static str, String); 3]> {
        let master = self.master().await?;
        let id = notification.id.to_string();
        let timestamp = now.as_second().to_string();
        let mut signatures = Vec::new();
        for version in webhook.signing_versions(now) {
            let key = derive(&master, &webhook.id, version)?;
            signatures.push(sign(&key, &id, &timestamp, &notification.payload)?);
        }
        Ok([("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signatures.join(" "))])
    }

    async fn master(&self) -> Result<Secret> {
        let Some(reference) = &self.parts.webhook_secret else {
            return Err(Error::new(&codes::request::NOT_OFFERED, "it needs the setting `[webhooks] signing_secret`"));
        };
        // Neither the reference nor what the store said is for partners; the cause is for the log.
        let unreadable = |error: Error| Error::new(&codes::notify::NO_SECRET, "it can't be resolved").caused_by(error);
        let secret = self.parts.secrets.resolve(reference).await.map_err(unreadable)?;
        // A file's last line break is not meant; a secret of raw bytes has none that could be told apart.
        let bytes = secret.expose_text().map_or_else(|_| secret.expose(), str::as_bytes);
        if bytes.len() < SHORTEST {
            let detail = format!("it has {} bytes; at least {SHORTEST} are needed", bytes.len());
            return Err(Error::new(&codes::notify::NO_SECRET, detail));
        }
        Ok(Secret::new(bytes.to_vec()))
    }
}

/// HKDF-SHA256 (RFC 5869) without salt; info is `sealpost webhook`, the id, and the version as four bytes, big-endian.
fn derive(master: &Secret, webhook: &WebhookId, version: u32) -> Result<Secret> {
    let mut key = vec![0; 32];
    let info = [b"sealpost webhook".as_slice(), webhook.as_str().as_bytes(), &version.to_be_bytes()];
    Hkdf::<Sha256>::new(None, master.expose())
        .expand_multi_info(&info, &mut key)
        .map_err(|error| Error::new(&codes::ledger::DEFECT, format!("HKDF: {error}")))?;
    Ok(Secret::new(key))
}

/// `v1,` and HMAC-SHA256 over id, timestamp and body, with dots in between.
fn sign(key: &Secret, id: &str, timestamp: &str, body: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose())
        .map_err(|error| Error::new(&codes::ledger::DEFECT, format!("HMAC: {error}")))?;
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let key = Secret::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64"));
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signature.expect("a signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_webhook_and_version_has_a_secret_of_its_own() {
        let master = Secret::new(vec![7; 32]);
        let [one, other] = ["whk_01kavs0h9yq4m4d2tkv1c7rbn5", "whk_01kavs0h9yq4m4d2tkv1c7rbn6"]
            .map(|id| id.parse::<WebhookId>().expect("an id"));
        let of = |webhook, version| hex::encode(derive(&master, webhook, version).expect("a secret").expose());
        assert_eq!(of(&one, 1), of(&one, 1));
        assert!(of(&one, 1) != of(&one, 2) && of(&one, 1) != of(&other, 1));
        // Computed once with Python's `cryptography`; a change here would change every partner's secret.
        assert_eq!(of(&one, 1), "f0529340a17c38824848af4a8ddf87406debab2912a2462f5835f41904077aaf");
    }
}
