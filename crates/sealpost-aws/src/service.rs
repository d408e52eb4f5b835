//! The services that are called, and where they are: from the settings, or the environment as the SDKs read it.

/// Reads a variable of the environment; an empty one is none.
pub type Variable<'a> = &'a (dyn Fn(&str) -> Option<String> + 'a);

/// A service with the protocol AWS JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Its signing name, which is also the first part of its address.
    pub name: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    pub target: &'static str,
    /// The end of the variable `AWS_ENDPOINT_URL_…` with its address.
    pub variable: &'static str,
    /// The version of the protocol, which the content type says: `1.0` or `1.1`.
    pub json: &'static str,
}

/// AWS Secrets Manager.
pub const SECRETS_MANAGER: Service =
    Service { name: "secretsmanager", target: "secretsmanager", variable: "SECRETS_MANAGER", json: "1.1" };

/// Amazon EventBridge.
pub const EVENTBRIDGE: Service = Service { name: "events", target: "AWSEvents", variable: "EVENTBRIDGE", json: "1.1" };

/// AWS Security Token Service. It does not speak this protocol: its requests are signed for others to send.
pub const STS: Service = Service { name: "sts", target: "", variable: "STS", json: "1.1" };

/// AWS Transfer Family.
pub const TRANSFER: Service =
    Service { name: "transfer", target: "TransferService", variable: "TRANSFER", json: "1.1" };

/// Amazon DynamoDB.
pub const DYNAMODB: Service =
    Service { name: "dynamodb", target: "DynamoDB_20120810", variable: "DYNAMODB", json: "1.0" };

/// Amazon SQS.
pub const SQS: Service = Service { name: "sqs", target: "AmazonSQS", variable: "SQS", json: "1.0" };

/// The region of the environment: `AWS_REGION`, else `AWS_DEFAULT_REGION`.
#[must_use]
pub fn region(variable: Variable<'_>) -> Option<String> {
    set(variable, "AWS_REGION").or_else(|| set(variable, "AWS_DEFAULT_REGION"))
}

/// The region of an ARN: `arn:partition:service:REGION:account:…`.
#[must_use]
pub fn region_of_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// The address of a service in a region: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, else Amazon's own.
/// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true` turns both variables off.
#[must_use]
pub fn endpoint(service: Service, region: &str, variable: Variable<'_>) -> String {
    let is_ignored =
        set(variable, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let configured = || {
        set(variable, &format!("AWS_ENDPOINT_URL_{}", service.variable)).or_else(|| set(variable, "AWS_ENDPOINT_URL"))
    };
    let configured = if is_ignored { None } else { configured() };
    configured.unwrap_or_else(|| {
        // Each partition has a domain of its own.
        let domain = match region.split('-').next() {
            Some("cn") => "amazonaws.com.cn",
            Some("eusc") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        format!("https://{}.{region}.{domain}", service.name)
    })
}

fn set(variable: Variable<'_>, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_from_the_environment_or_the_region() {
        let of = |set: &[(&str, &str)], region: &str| {
            endpoint(SECRETS_MANAGER, region, &|name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[], "eu-central-1"), "https://secretsmanager.eu-central-1.amazonaws.com");
        assert_eq!(of(&[], "cn-north-1"), "https://secretsmanager.cn-north-1.amazonaws.com.cn");
        let general = ("AWS_ENDPOINT_URL", "http://all");
        let own = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://own");
        assert_eq!(of(&[general], "r"), "http://all");
        assert_eq!(of(&[general, own], "r"), "http://own");
        assert_eq!(of(&[general, ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "")], "r"), "http://all");
        let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True");
        assert_eq!(of(&[general, own, ignored], "eu-west-1"), "https://secretsmanager.eu-west-1.amazonaws.com");
    }

    #[test]
    fn an_arn_names_its_region() {
        assert_eq!(region_of_arn("arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-x"), Some("eu-west-1"));
        for other in ["arn:aws:iam::123456789012:role/a", "sealpost/database", "arn:aws", ""] {
            assert_eq!(region_of_arn(other), None, "{other}");
        }
    }
}
