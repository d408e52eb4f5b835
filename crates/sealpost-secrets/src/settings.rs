//! The `secrets` block of the configuration. Without it the environment says where the stores are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use sealpost_core::secret::SecretRef;
use serde::{Deserialize, Serialize};

/// Secret stores that are services: how long their values are kept, where they are, how to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsSettings {
    /// Seconds for which a value is kept before it is asked for again; a rotated secret is taken up after at most as long. One
    /// that was refused somewhere is asked for again at once. 60.
    pub cache_s: u64,
    /// Seconds for which a kept value serves while its store does not answer or is sealed. 3600.
    pub stale_limit_s: u64,
    /// Vault, for `vault:` references.
    pub vault: VaultSettings,
    /// AWS Secrets Manager, for `aws-sm:` references.
    pub aws_sm: SecretsManagerSettings,
}

impl Default for SecretsSettings {
    fn default() -> Self {
        Self {
            cache_s: 60,
            stale_limit_s: 3600,
            vault: VaultSettings::default(),
            aws_sm: SecretsManagerSettings::default(),
        }
    }
}

/// HashiCorp Vault or OpenBao.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VaultSettings {
    /// Its address, such as `https://vault.example:8200`; `VAULT_ADDR` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The namespace, where it has some; `VAULT_NAMESPACE` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// How to log in; with the token of `VAULT_TOKEN` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<VaultAuth>,
    /// The versions of key/value engines by the path that they are mounted at: `{ secret = 2, kv = 1 }`. Others are asked
    /// for, which the policy `default` allows.
    pub kv: BTreeMap<String, u8>,
    /// A PEM file with certificate authorities to trust besides the system's; `VAULT_CACERT` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The name that its certificate is for, where that is not the address's host; `VAULT_TLS_SERVER_NAME` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Longest time for one request in seconds; 10. It is made up to three times.
    pub timeout_s: u64,
    /// Longest time to connect in seconds; 3.
    pub connect_timeout_s: u64,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            address: None,
            namespace: None,
            auth: None,
            kv: BTreeMap::new(),
            ca_file: None,
            server_name: None,
            timeout_s: 10,
            connect_timeout_s: 3,
        }
    }
}

/// A way to log in to Vault. References are to `env:`, `file:` or `aws-sm:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum VaultAuth {
    /// With a token that something else gives us: an operator, an agent that keeps a file.
    Token {
        /// Where it is; `env:VAULT_TOKEN`. It is read again when it is refused.
        #[serde(default = "VaultAuth::usual_token")]
        #[schemars(with = "String")]
        token: SecretRef,
    },
    /// As a role with its secret.
    Approle {
        /// Where the method is mounted; `approle`.
        #[serde(default = "VaultAuth::usual_approle")]
        mount: String,
        /// Where the role's id is.
        #[schemars(with = "String")]
        role_id: SecretRef,
        /// Where its secret is; none for roles that need none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        secret_id: Option<SecretRef>,
    },
    /// With the token of the pod's service account.
    Kubernetes {
        /// Where the method is mounted; `kubernetes`.
        #[serde(default = "VaultAuth::usual_kubernetes")]
        mount: String,
        /// The role.
        role: String,
        /// Where the token is; `file:/var/run/secrets/kubernetes.io/serviceaccount/token`.
        #[serde(default = "VaultAuth::usual_service_account")]
        #[schemars(with = "String")]
        token: SecretRef,
    },
    /// As the AWS role that we run as, by a signed request of `sts:GetCallerIdentity`.
    Aws {
        /// Where the method is mounted; `aws`.
        #[serde(default = "VaultAuth::usual_aws")]
        mount: String,
        /// The role; the name of our AWS role when not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        /// The value of `X-Vault-AWS-IAM-Server-ID` that the method is configured to want.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server_id: Option<String>,
        /// The region of the service that the request is for; `AWS_REGION`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
}

impl VaultAuth {
    fn usual_token() -> SecretRef {
        SecretRef::of("env", "VAULT_TOKEN")
    }

    fn usual_service_account() -> SecretRef {
        SecretRef::of("file", "/var/run/secrets/kubernetes.io/serviceaccount/token")
    }

    fn usual_approle() -> String {
        "approle".to_owned()
    }

    fn usual_kubernetes() -> String {
        "kubernetes".to_owned()
    }

    fn usual_aws() -> String {
        "aws".to_owned()
    }

    /// The references that the login needs.
    pub(crate) fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Token { token } | Self::Kubernetes { token, .. } => vec![token],
            Self::Approle { role_id, secret_id, .. } => {
                [Some(role_id), secret_id.as_ref()].into_iter().flatten().collect()
            }
            Self::Aws { .. } => Vec::new(),
        }
    }
}

impl Default for VaultAuth {
    fn default() -> Self {
        Self::Token { token: Self::usual_token() }
    }
}

/// AWS Secrets Manager, where it is written to (`[self_service] vault = "aws-sm:…"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsManagerSettings {
    /// The KMS key of the secrets that are made, by id, alias or ARN; the account's `aws/secretsmanager` when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Tags of the secrets that are made.
    pub tags: BTreeMap<String, String>,
    /// Days for which a removed secret can be restored, 7 to 30; 0 removes it for good at once. 7.
    pub recovery_days: u8,
}

impl Default for SecretsManagerSettings {
    fn default() -> Self {
        Self { kms_key_id: None, tags: BTreeMap::new(), recovery_days: 7 }
    }
}

impl SecretsSettings {
    /// What the types can't say: key below `secrets`, and words.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.cache_s == 0 || self.cache_s > 86_400 {
            problems.push(("cache_s", "expected 1 to 86400".to_owned()));
        }
        if self.stale_limit_s > 7 * 86_400 {
            problems.push(("stale_limit_s", "expected at most 604800 (a week)".to_owned()));
        }
        let vault = &self.vault;
        if let Some(Err(why)) = vault.address.as_deref().map(crate::hashicorp::address) {
            problems.push(("vault.address", why));
        }
        if vault.kv.values().any(|version| !matches!(version, 1 | 2)) {
            problems.push(("vault.kv", "a key/value engine has version 1 or 2".to_owned()));
        }
        if vault.auth.iter().flat_map(VaultAuth::references).any(|reference| reference.scheme() == "vault") {
            problems.push(("vault.auth", "what we log in to Vault with can't be in Vault".to_owned()));
        }
        if !(1..=300).contains(&vault.timeout_s) || !(1..=300).contains(&vault.connect_timeout_s) {
            problems.push(("vault.timeout_s", "times are 1 to 300 seconds".to_owned()));
        }
        if !matches!(self.aws_sm.recovery_days, 0 | 7..=30) {
            problems.push(("aws_sm.recovery_days", "expected 0, or 7 to 30".to_owned()));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: serde_json::Value) -> Result<SecretsSettings, String> {
        serde_json::from_value(text).map_err(|error| error.to_string())
    }

    #[test]
    fn ways_to_log_in_are_told_apart_and_secrets_in_place_refused() {
        let auth = |auth: serde_json::Value| read(json!({"vault": {"auth": auth}})).map(|read| read.vault.auth);
        assert_eq!(auth(json!({"method": "token"})), Ok(Some(VaultAuth::default())));
        assert!(auth(json!({"method": "approle", "role_id": "env:R", "secret_id": "file:s"})).is_ok());
        assert!(auth(json!({"method": "kubernetes", "role": "sealpost"})).is_ok());
        assert!(auth(json!({"method": "aws", "server_id": "vault.example"})).is_ok());
        assert!(auth(json!({"method": "ldap"})).unwrap_err().contains("ldap"));
        assert!(auth(json!({"method": "approle"})).unwrap_err().contains("role_id"));
        assert!(auth(json!({"method": "token", "tokn": "env:X"})).unwrap_err().contains("tokn"));
        let refused = auth(json!({"method": "token", "token": "hvs.CANARY"})).unwrap_err();
        assert!(!refused.contains("CANARY"), "{refused}");
    }

    #[test]
    fn what_can_not_work_is_found() {
        let keys = |text| read(text).unwrap().problems().iter().map(|(key, _)| *key).collect::<Vec<_>>();
        assert_eq!(keys(json!({})), [""; 0]);
        let wrong = json!({"cache_s": 0, "stale_limit_s": 1_000_000, "aws_sm": {"recovery_days": 3}, "vault": {
            "address": "vault.example", "kv": {"secret": 3}, "timeout_s": 0,
            "auth": {"method": "token", "token": "vault:secret/data/token#it"},
        }});
        let all = [
            "cache_s",
            "stale_limit_s",
            "vault.address",
            "vault.kv",
            "vault.auth",
            "vault.timeout_s",
            "aws_sm.recovery_days",
        ];
        assert_eq!(keys(wrong), all);
    }
}
