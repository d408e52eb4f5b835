//! Whose calls they are: fixed keys, or the chain of providers that the object store brings along.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};
use object_store::{BackoffConfig, RetryConfig};
use sealpost_core::secret::Secret;

use crate::Fault;
use crate::service::Variable;
use crate::sigv4::SigningKeys;

/// A provider answers in milliseconds, or it is not there.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Where a client's access keys come from. Cheap to clone.
#[derive(Clone)]
pub struct Credentials(Origin);

#[derive(Clone)]
enum Origin {
    Fixed(Arc<SigningKeys>),
    Chain(AwsCredentialProvider),
}

impl Credentials {
    /// These keys, for ever.
    #[must_use]
    pub fn fixed(keys: SigningKeys) -> Self {
        Self(Origin::Fixed(Arc::new(keys)))
    }

    /// `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of this environment; where they are not set,
    /// the chain of this process: web identity (EKS), container (ECS, EKS Pod Identity), instance (EC2). Temporary keys
    /// are renewed before they expire. Files of the AWS CLI (`~/.aws`) are not read.
    ///
    /// # Errors
    /// [`Fault::Credentials`] for half a key.
    pub fn from_environment(variable: Variable<'_>) -> Result<Self, Fault> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        match (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY")) {
            (Some(access_key_id), Some(secret)) => Ok(Self::fixed(SigningKeys {
                access_key_id,
                secret: Secret::new(secret.into_bytes()),
                session_token: set("AWS_SESSION_TOKEN").map(|token| Secret::new(token.into_bytes())),
            })),
            (None, None) => Self::chain(),
            _ => Err(Fault::Credentials("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together".to_owned())),
        }
    }

    fn chain() -> Result<Self, Fault> {
        // The builder wants a bucket; nothing is asked of it.
        let store =
            AmazonS3Builder::from_env().with_bucket_name("none").with_s3_express(false).with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: 2,
                retry_timeout: Duration::from_secs(10),
            });
        let store = store.build().map_err(|error| Fault::Credentials(format!("AWS credentials: {error}")))?;
        Ok(Self(Origin::Chain(store.credentials().clone())))
    }

    /// The keys to sign with, now.
    ///
    /// # Errors
    /// [`Fault::Credentials`] where their provider gives none.
    pub async fn keys(&self) -> Result<Arc<SigningKeys>, Fault> {
        let provider = match &self.0 {
            Origin::Fixed(keys) => return Ok(keys.clone()),
            Origin::Chain(provider) => provider,
        };
        let failed = |words: String| Fault::Credentials(format!("no AWS credentials: {words}"));
        let credential = tokio::time::timeout(LONGEST_WAIT, provider.get_credential());
        let credential = credential.await.map_err(|_| failed("their provider does not answer".to_owned()))?;
        let credential = credential.map_err(|error| failed(error.to_string()))?;
        Ok(Arc::new(SigningKeys {
            access_key_id: credential.key_id.clone(),
            secret: Secret::new(credential.secret_key.clone().into_bytes()),
            session_token: credential.token.clone().map(|token| Secret::new(token.into_bytes())),
        }))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::Fixed(keys) => write!(f, "Credentials({})", keys.access_key_id),
            Origin::Chain(_) => f.write_str("Credentials(of the environment)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Credentials, Fault> {
        Credentials::from_environment(&|name| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[tokio::test]
    async fn keys_of_the_environment_come_first_and_whole() {
        let id = ("AWS_ACCESS_KEY_ID", "AKID");
        let secret = ("AWS_SECRET_ACCESS_KEY", "CANARY");
        let keys = of(&[id, secret, ("AWS_SESSION_TOKEN", "")]).unwrap().keys().await.unwrap();
        assert_eq!((&*keys.access_key_id, keys.secret.expose()), ("AKID", b"CANARY".as_slice()));
        assert!(keys.session_token.is_none());
        let keys = of(&[id, secret, ("AWS_SESSION_TOKEN", "CANARY2")]).unwrap();
        assert!(keys.keys().await.unwrap().session_token.is_some());
        assert!(!format!("{keys:?}").contains("CANARY"));
        for half in [&[id][..], &[secret], &[id, ("AWS_SECRET_ACCESS_KEY", "")]] {
            assert!(matches!(of(half), Err(Fault::Credentials(_))), "{half:?}");
        }
    }
}
