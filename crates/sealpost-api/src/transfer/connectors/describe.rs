//! `DescribeConnector`.

use sealpost_core::ssh_policy::DEFAULT_POLICY;
use serde_json::json;

use super::sftp_config;
use crate::transfer::call::Call;
use crate::transfer::operations::Reply;
use crate::transfer::resource::connector_arn;
use crate::transfer::tags;

pub(in crate::transfer) async fn describe(call: &Call) -> Reply {
    let connector = call.connector().await?;
    let policy = connector.settings.ssh.policy.as_deref().unwrap_or(DEFAULT_POLICY);
    let mut shown = json!({
        "Arn": connector_arn(&call.state, &connector.id),
        "ConnectorId": connector.id,
        "Url": connector.url,
        "AccessRole": connector.access_role,
        "SftpConfig": sftp_config::shown(&connector),
        "SecurityPolicyName": policy,
        "EgressType": "SERVICE_MANAGED",
        "Status": "ACTIVE",
    });
    if let Some(role) = &connector.logging_role {
        shown["LoggingRole"] = role.as_str().into();
    }
    if let Some(kind) = &connector.ip_address_type {
        shown["IpAddressType"] = kind.as_str().into();
    }
    let tags = tags::shown(&connector);
    if !tags.is_empty() {
        shown["Tags"] = tags.into();
    }
    let addresses = &call.state.limits.egress_addresses;
    if !addresses.is_empty() {
        shown["ServiceManagedEgressIpAddresses"] = json!(addresses);
    }
    Ok(Some(json!({"Connector": shown})))
}
