//! The login as an AWS role: a signed request of `sts:GetCallerIdentity`, which Vault sends in our place.
//! <https://developer.hashicorp.com/vault/docs/auth/aws#iam-auth-method>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderMap};
use jiff::Timestamp;
use sealpost_aws::sigv4::{Scope, sign};
use sealpost_aws::{Credentials, Fault, STS, endpoint, region};
use serde_json::{Map, Value as Json};

use super::api::Body;
use crate::Surroundings;

const QUESTION: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The body of the login.
pub(super) async fn body(
    surroundings: &Surroundings,
    role: Option<&str>,
    server_id: Option<&str>,
    given_region: Option<&str>,
) -> Result<Body, Fault> {
    let variable = |name: &str| surroundings.text(name);
    let region = given_region.map(str::to_owned).or_else(|| region(&variable));
    let region = region.ok_or_else(|| Fault::Settings("no region: set AWS_REGION".to_owned()))?;
    let address = format!("{}/", endpoint(STS, &region, &variable).trim_end_matches('/'));
    let keys = Credentials::from_environment(&variable)?.keys().await?;
    let invalid = |error: http::Error| Fault::Settings(error.to_string());
    let mut request =
        http::Request::post(&address).header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8");
    if let Some(id) = server_id {
        request = request.header("X-Vault-AWS-IAM-Server-ID", id);
    }
    let (mut parts, ()) = request.body(()).map_err(invalid)?.into_parts();
    sign(&mut parts, QUESTION.as_bytes(), &keys, &Scope::new(region, STS.name), Timestamp::now()).map_err(invalid)?;
    let mut body = Body::new();
    if let Some(role) = role {
        body.insert("role", role.into());
    }
    body.insert("iam_http_request_method", "POST".into());
    body.insert("iam_request_url", STANDARD.encode(address).into());
    body.insert("iam_request_body", STANDARD.encode(QUESTION).into());
    body.insert("iam_request_headers", STANDARD.encode(headers(&parts.headers).to_string()).into());
    Ok(body)
}

/// `{"Name": ["value"]}`.
fn headers(headers: &HeaderMap) -> Json {
    let mut all = Map::new();
    for (name, value) in headers {
        all.insert(name.as_str().to_owned(), Json::from(vec![String::from_utf8_lossy(value.as_bytes())]));
    }
    Json::Object(all)
}
