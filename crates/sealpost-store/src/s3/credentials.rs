//! Credentials that are secrets: asked for at each request, so that changed ones are taken up without a restart. The secret
//! stores keep what is expensive to ask for.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::SecretRef;
use serde::Deserialize;

use crate::settings::S3Settings;

/// Where the credentials are.
#[derive(Clone)]
pub(super) struct OfSecrets {
    origin: Origin,
    secrets: Arc<dyn SecretStore>,
}

#[derive(Debug, Clone)]
enum Origin {
    /// The key's id, its secret, and a session token.
    Parts(String, SecretRef, Option<SecretRef>),
    /// All of it in one.
    Whole(SecretRef),
}

/// What a secret with all of it has: as AWS' own tools write it, or as Vault's engine for AWS answers.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, alias = "access_key", alias = "AccessKeyId")]
    access_key_id: Cow<'a, str>,
    #[serde(borrow, alias = "secret_key", alias = "SecretAccessKey")]
    secret_access_key: Cow<'a, str>,
    #[serde(borrow, default, alias = "security_token", alias = "SessionToken")]
    session_token: Option<Cow<'a, str>>,
}

impl OfSecrets {
    /// `None` where the settings name no credentials: then the environment has them. What does not go together has been refused.
    pub(super) fn of(settings: &S3Settings, secrets: &Arc<dyn SecretStore>) -> Option<Self> {
        let origin = match (&settings.credentials, &settings.access_key_id, &settings.secret_access_key) {
            (Some(whole), ..) => Origin::Whole(whole.clone()),
            (None, Some(id), Some(secret)) => Origin::Parts(id.clone(), secret.clone(), settings.session_token.clone()),
            (None, ..) => return None,
        };
        Some(Self { origin, secrets: secrets.clone() })
    }

    /// The credentials, now.
    ///
    /// # Errors
    /// What the secret store says; `SP-STORE-009` for a secret of another form.
    pub(super) async fn resolve(&self) -> Result<AwsCredential> {
        let text = async |reference: &SecretRef| -> Result<String> {
            Ok(self.secrets.resolve(reference).await?.expose_text()?.to_owned())
        };
        match &self.origin {
            Origin::Parts(id, secret, token) => Ok(AwsCredential {
                key_id: id.clone(),
                secret_key: text(secret).await?,
                token: match token {
                    Some(token) => Some(text(token).await?),
                    None => None,
                },
            }),
            Origin::Whole(reference) => {
                let whole = self.secrets.resolve(reference).await?;
                // What the parser says may repeat some of it.
                let members: Members<'_> = serde_json::from_slice(whole.expose()).map_err(|_| {
                    let wanted = "expected a JSON object with `access_key_id` and `secret_access_key`";
                    Error::new(&codes::store::CONFIG, format!("`credentials`: {wanted}"))
                })?;
                Ok(AwsCredential {
                    key_id: members.access_key_id.into_owned(),
                    secret_key: members.secret_access_key.into_owned(),
                    token: members.session_token.map(Cow::into_owned).filter(|token| !token.is_empty()),
                })
            }
        }
    }

    async fn stale(&self) {
        let references = match &self.origin {
            Origin::Parts(_, secret, token) => [Some(secret), token.as_ref()],
            Origin::Whole(whole) => [Some(whole), None],
        };
        for reference in references.into_iter().flatten() {
            self.secrets.stale(reference).await;
        }
    }
}

#[async_trait]
impl CredentialProvider for OfSecrets {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credential = self.resolve().await;
        credential.map(Arc::new).map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}

impl fmt::Debug for OfSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfSecrets({:?})", self.origin)
    }
}

/// Sends requests, and listens for answers that say that the credentials do not work: then they are read again.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) inner: HttpClient,
    pub(super) credentials: Option<OfSecrets>,
}

#[async_trait]
impl HttpService for Listening {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.inner.execute(request).await?;
        // Expired tokens are a 400, unknown keys and wrong signatures a 403.
        if let (Some(credentials), StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN) =
            (&self.credentials, response.status())
        {
            credentials.stale().await;
        }
        Ok(response)
    }
}
