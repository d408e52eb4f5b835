//! A Cognito user pool as moto serves it: its tokens are RS256 and carry Amazon's own issuer URL.

use serde_json::{Value, json};

use super::Moto;
use crate::request;

const REGION: &str = "eu-central-1";
const PASSWORD: &str = "A-password-4-tests";

/// A user pool with one app client.
#[derive(Debug)]
pub struct CognitoPool {
    /// The pool's id.
    pub id: String,
    /// The app client's id.
    pub client_id: String,
    /// The issuer in its tokens: an address of Amazon's, where nothing of this pool is.
    pub issuer: String,
    /// Where moto serves the pool's keys. It has no discovery document.
    pub jwks_url: String,
}

/// The tokens of one login.
pub struct CognitoLogin {
    /// For calling services.
    pub access_token: String,
    /// For the app itself, which a service must refuse.
    pub id_token: String,
}

impl Moto {
    /// Makes a user pool with an app client.
    ///
    /// # Panics
    /// When moto refuses.
    #[must_use]
    pub fn create_user_pool(&self, name: &str) -> CognitoPool {
        let pool = self.cognito("CreateUserPool", &json!({"PoolName": name}));
        let id = text(&pool, "/UserPool/Id");
        let flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let client = self.cognito(
            "CreateUserPoolClient",
            &json!({"UserPoolId": id, "ClientName": name, "ExplicitAuthFlows": flows}),
        );
        CognitoPool {
            client_id: text(&client, "/UserPoolClient/ClientId"),
            issuer: format!("https://cognito-idp.{REGION}.amazonaws.com/{id}"),
            jwks_url: format!("{}/{id}/.well-known/jwks.json", self.endpoint()),
            id,
        }
    }

    /// Makes a user and logs it in through the pool's app client.
    ///
    /// # Panics
    /// When moto refuses.
    #[must_use]
    pub fn log_in(&self, pool: &CognitoPool, user: &str) -> CognitoLogin {
        self.cognito("AdminCreateUser", &json!({"UserPoolId": pool.id, "Username": user}));
        self.cognito(
            "AdminSetUserPassword",
            &json!({"UserPoolId": pool.id, "Username": user, "Password": PASSWORD, "Permanent": true}),
        );
        let login = self.cognito(
            "AdminInitiateAuth",
            &json!({
                "UserPoolId": pool.id,
                "ClientId": pool.client_id,
                "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
                "AuthParameters": {"USERNAME": user, "PASSWORD": PASSWORD},
            }),
        );
        CognitoLogin {
            access_token: text(&login, "/AuthenticationResult/AccessToken"),
            id_token: text(&login, "/AuthenticationResult/IdToken"),
        }
    }

    fn cognito(&self, action: &str, body: &Value) -> Value {
        let target = format!("AWSCognitoIdentityProviderService.{action}");
        // moto reads the region from here and does not check the signature.
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/cognito-idp/aws4_request, SignedHeaders=host, Signature=x"
        );
        let headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", target.as_str()),
            ("Authorization", signed.as_str()),
        ];
        let (status, answer) = request::send(self.address(), "POST", "/", &headers, &body.to_string());
        assert_eq!(status, 200, "{action}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }
}

fn text(answer: &Value, pointer: &str) -> String {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {answer}")).to_owned()
}
