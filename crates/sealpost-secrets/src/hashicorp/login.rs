//! Ways to log in: each gives a token.

use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::{Error, Result};
use serde_json::Value as Json;

use super::api::{Api, Auth, Body};
use super::aws;
use crate::{SecretStores, Surroundings, VaultAuth};

/// Logs in. The token of [`VaultAuth::Token`] is asked about itself: how long it is good.
///
/// # Errors
/// `SP-SECRETS-006` where the login is refused; as the stores say where its credentials are not to be had.
pub(super) async fn login(
    api: &Api,
    auth: &VaultAuth,
    surroundings: &Surroundings,
    others: &SecretStores,
) -> Result<Auth> {
    let (mount, body) = match auth {
        VaultAuth::Token { token } => return own_token(api, others, token).await,
        VaultAuth::Approle { mount, role_id, secret_id } => {
            let mut body = Body::from([("role_id", text(others, role_id).await?)]);
            if let Some(secret) = secret_id {
                body.insert("secret_id", text(others, secret).await?);
            }
            (mount, body)
        }
        VaultAuth::Kubernetes { mount, role, token } => {
            (mount, Body::from([("role", role.as_str().into()), ("jwt", text(others, token).await?)]))
        }
        VaultAuth::Aws { mount, role, server_id, region } => {
            let body = aws::body(surroundings, role.as_deref(), server_id.as_deref(), region.as_deref()).await;
            let body = body.map_err(|fault| {
                let is_ours = matches!(fault, sealpost_aws::Fault::Settings(_));
                let code = if is_ours { &codes::secrets::SETTINGS } else { &codes::secrets::UNREACHABLE };
                Error::new(code, format!("login to Vault as AWS role: {fault}"))
            })?;
            (mount, body)
        }
    };
    let path = format!("auth/{}/login", mount.trim_matches('/'));
    let answer = api.call(reqwest::Method::POST, &path, "", None, Some(&body)).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => {
            // A secret of the login may have been changed.
            for reference in auth.references() {
                others.stale(reference).await;
            }
            return Err(fault.of_login());
        }
    };
    answer.auth.filter(|auth| !auth.client_token.is_empty()).ok_or_else(|| crate::unreachable("Vault gave no token"))
}

async fn text(others: &SecretStores, reference: &SecretRef) -> Result<Json> {
    let secret = others.resolve(reference).await.map_err(|error| error.context("login to Vault"))?;
    Ok(secret.expose_text()?.into())
}

async fn own_token(api: &Api, others: &SecretStores, reference: &SecretRef) -> Result<Auth> {
    let token = others.resolve(reference).await.map_err(|error| error.context("login to Vault"))?;
    let client_token = token.expose_text()?.to_owned();
    let token = Secret::new(client_token.clone().into_bytes());
    match api.call(reqwest::Method::GET, "auth/token/lookup-self", "", Some(&token), None).await {
        Ok(answer) => {
            let data = answer.data.unwrap_or_default();
            let lease_duration = data.get("ttl").and_then(Json::as_u64).unwrap_or(0);
            let renewable = data.get("renewable").and_then(Json::as_bool).unwrap_or(false);
            Ok(Auth { client_token, lease_duration, renewable })
        }
        Err(fault) if fault.is_refusal() => {
            // It may have been changed at its store, or not be allowed to ask: then the first read tells.
            others.stale(reference).await;
            Ok(Auth { client_token, lease_duration: 0, renewable: false })
        }
        Err(fault) => Err(fault.of_login()),
    }
}
