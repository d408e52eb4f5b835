//! `[self_service]`: what partners may change about themselves.

use schemars::JsonSchema;
use sealpost_core::address::Network;
use sealpost_core::secret::SecretRef;
use sealpost_pipeline::Policy;
use serde::{Deserialize, Serialize};

/// What partners may change about themselves. Each is `off` (operators do it), `approval` (an operator approves each change)
/// or `allowed` (it is done at once).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SelfServiceBlock {
    /// OpenPGP certificates; `approval`.
    #[schemars(with = "PolicyName")]
    pub(crate) certificates: Policy,
    /// Destinations; `approval`.
    #[schemars(with = "PolicyName")]
    pub(crate) destinations: Policy,
    /// Trust in host keys that a destination's server has shown; `approval`.
    #[schemars(with = "PolicyName")]
    pub(crate) host_keys: Policy,
    /// Whether files are sealed to a certificate that a partner added only after it has proven that it has the private
    /// key. `false`.
    pub(crate) require_proof: bool,
    /// Where passwords and keys of destinations are kept: `file:data/secrets`, `vault:secret/sealpost/partners`,
    /// `aws-sm:sealpost/partners`. A folder must be on a file system that all machines share, where there are several.
    /// Without it partners can hand in none.
    #[schemars(with = "Option<String>")]
    pub(crate) vault: Option<SecretRef>,
    /// Whether destinations may lead anywhere, our own network included. `false`: to public addresses only.
    pub(crate) allow_private_destinations: bool,
    /// Networks that destinations may lead to beside public addresses: `["10.20.0.0/16"]`. Metadata services of clouds
    /// stay closed but for an entry that names no more than that.
    #[schemars(with = "Vec<String>")]
    pub(crate) allow_destinations: Vec<Network>,
}

impl SelfServiceBlock {
    /// What works on one machine, and may not on several: the ledger's kind tells how many there are.
    pub(crate) fn warning(&self, ledger: Option<&str>) -> Option<String> {
        let place = self.vault.as_ref().filter(|place| place.scheme() == "file")?;
        let kind = ledger.filter(|kind| *kind != "sqlite")?;
        Some(format!(
            "`{place}` has to be on a folder that all machines share, under the same name: the ledger `{kind}` is for \
             several, and where one has no such file, its deliveries with what a partner handed in fail \
             (SP-SECRETS-002). `vault:…` and `aws-sm:…` need no folder"
        ))
    }
}

/// The names of policies, for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes, and is never made")]
enum PolicyName {
    /// Operators do it.
    Off,
    /// An operator approves each change.
    Approval,
    /// It is done at once.
    Allowed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_of_one_machine() {
        let warns = |vault: Option<&str>, ledger| {
            let vault = vault.map(|place| place.parse().expect("a reference"));
            SelfServiceBlock { vault, ..SelfServiceBlock::default() }.warning(ledger)
        };
        for kind in ["mysql", "dynamodb"] {
            let said = warns(Some("file:data/secrets"), Some(kind)).expect("a warning");
            assert!(said.contains("`file:data/secrets`") && said.contains("all machines share"), "{said}");
            for good in [Some("vault:secret/sealpost/partners"), Some("aws-sm:sealpost/partners"), None] {
                assert_eq!(warns(good, Some(kind)), None, "{good:?}");
            }
        }
        assert_eq!(warns(Some("file:data/secrets"), Some("sqlite")), None);
    }
}
