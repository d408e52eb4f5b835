//! `DescribeSecurityPolicy` and `ListSecurityPolicies`: core's table of SSH policies.

use sealpost_core::ssh_policy::{self, POLICIES};
use serde_json::json;

use super::call::Call;
use super::next_token;
use super::operations::Reply;
use super::refusal::Refusal;

/// The pattern of policies' names: the service's, and ours.
const NAME: &str = "(Transfer|Sealpost)[A-Za-z0-9]*SecurityPolicy-[A-Za-z0-9-]+";

pub(super) async fn describe(call: &Call) -> Reply {
    let input = call.input();
    let name = input.required("SecurityPolicyName", 0..=100)?;
    if !is_name(name) {
        return Err(input.pattern("SecurityPolicyName", NAME));
    }
    let policy = ssh_policy::find(Some(name)).ok_or_else(|| Refusal::not_found("SecurityPolicy", name))?;
    Ok(Some(json!({"SecurityPolicy": {
        "Fips": policy.fips,
        "SecurityPolicyName": policy.name,
        "SshCiphers": policy.ciphers,
        "SshKexs": policy.kexs,
        "SshMacs": policy.macs,
        "SshHostKeyAlgorithms": policy.host_keys,
        "Type": "CONNECTOR",
        "Protocols": ["SFTP"],
    }})))
}

pub(super) async fn list(call: &Call) -> Reply {
    let limit = usize::try_from(call.max_results()?).unwrap_or(usize::MAX);
    let from = match next_token::open(call, "")? {
        Some(after) => POLICIES.iter().position(|policy| policy.name == after).map_or(0, |index| index + 1),
        None => 0,
    };
    let names: Vec<&str> = POLICIES.iter().skip(from).take(limit).map(|policy| policy.name).collect();
    let mut answer = json!({"SecurityPolicyNames": names});
    if let (Some(last), true) = (names.last(), from + names.len() < POLICIES.len()) {
        answer["NextToken"] = next_token::seal(call, "", last)?.into();
    }
    Ok(Some(answer))
}

fn is_name(text: &str) -> bool {
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let rest = text.strip_prefix("Transfer").or_else(|| text.strip_prefix("Sealpost"));
    rest.and_then(|rest| rest.split_once("SecurityPolicy-"))
        .is_some_and(|(before, after)| is_word(before) && !after.is_empty() && after.split('-').all(is_word))
}
