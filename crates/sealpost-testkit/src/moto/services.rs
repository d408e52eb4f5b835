//! Services of moto, asked without a signature: for setting tests up.

use serde_json::Value;

use super::Moto;
use crate::request;

/// The region in which [`Moto::call`] does everything.
pub const REGION: &str = "eu-central-1";

impl Moto {
    /// Calls an operation of a service with the protocol AWS JSON: `call("events", "AWSEvents.CreateEventBus", …)`.
    ///
    /// # Panics
    /// When moto refuses.
    #[must_use = "what moto answers"]
    pub fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        // moto reads the region from here and does not check the signature.
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=x"
        );
        let version = if service == "sqs" { "1.0" } else { "1.1" };
        let content_type = format!("application/x-amz-json-{version}");
        let headers =
            [("Content-Type", content_type.as_str()), ("X-Amz-Target", target), ("Authorization", signed.as_str())];
        let (status, answer) = request::send(self.address(), "POST", "/", &headers, &body.to_string());
        assert_eq!(status, 200, "{target}: {answer}");
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).expect("JSON") }
    }

    /// Makes a user that may do what the IAM policy says, and gives its access key with the secret half. Three requests.
    ///
    /// # Panics
    /// When moto refuses.
    #[must_use]
    pub fn user_with(&self, name: &str, policy: &Value) -> (String, String) {
        let encoded: String = policy.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.iam(&format!("Action=CreateUser&UserName={name}"));
        self.iam(&format!("Action=PutUserPolicy&UserName={name}&PolicyName=it&PolicyDocument={encoded}"));
        let answer = self.iam(&format!("Action=CreateAccessKey&UserName={name}"));
        let element = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>")).expect("the element");
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        (element("AccessKeyId"), element("SecretAccessKey"))
    }

    fn iam(&self, form: &str) -> String {
        let signed =
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x";
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", signed)];
        let form = format!("{form}&Version=2010-05-08");
        let (status, answer) = request::send(self.address(), "POST", "/", &headers, &form);
        assert_eq!(status, 200, "{form}: {answer}");
        answer
    }
}
