//! What `CreateConnector` and `UpdateConnector` say alike. What a request leaves out stays as it is.

use sealpost_core::connector::AddressFamily;
use sealpost_core::error::{Error, Result as CoreResult, codes};
use sealpost_core::ssh_policy;
use sealpost_core::transfer::TransferConnector;

use super::sftp_config::SftpConfig;
use super::url::Remote;
use crate::transfer::members::Members;
use crate::transfer::refusal::{Refusal, Result};
use crate::transfer::state::TransferState;

/// The pattern of roles' ARNs.
const ROLE: &str = r"arn:.*role/\S+";

/// The members of a request, checked.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) remote: Option<Remote>,
    pub(super) access_role: Option<String>,
    logging_role: Option<String>,
    ip_address_type: Option<&'static str>,
    policy: Option<&'static str>,
    sftp: SftpConfig,
}

impl Wanted {
    pub(super) fn read(state: &TransferState, input: &Members<'_>) -> Result<Self> {
        let remote = input
            .text("Url", 0..=255)?
            .map(|url| Remote::parse(url).map_err(|what| Refusal::invalid(format!("Url: {what}."))));
        let policy = input.text("SecurityPolicyName", 0..=100)?.map(|name| {
            ssh_policy::find(Some(name))
                .map(|policy| policy.name)
                .ok_or_else(|| Refusal::not_found("SecurityPolicy", name))
        });
        let sftp = input.object("SftpConfig")?;
        Ok(Self {
            remote: remote.transpose()?,
            access_role: role(input, "AccessRole")?,
            logging_role: role(input, "LoggingRole")?,
            ip_address_type: ip_address_type(input)?,
            policy: policy.transpose()?,
            sftp: sftp.map(|config| SftpConfig::read(state, &config)).transpose()?.unwrap_or_default(),
        })
    }

    /// Changes a connector; a pure function.
    ///
    /// # Errors
    /// `SP-REQUEST-001` where members do not fit each other.
    pub(super) fn apply(&self, connector: &mut TransferConnector) -> CoreResult<()> {
        if let Some(remote) = &self.remote {
            connector.url.clone_from(&remote.url);
            connector.settings.host.clone_from(&remote.host);
            connector.settings.port = remote.port;
        }
        if let Some(role) = &self.access_role {
            connector.access_role.clone_from(role);
        }
        if self.logging_role.is_some() {
            connector.logging_role.clone_from(&self.logging_role);
        }
        if let Some(kind) = self.ip_address_type {
            connector.ip_address_type = Some(kind.to_owned());
            connector.settings.network.family = if kind == "IPV4" { AddressFamily::Ipv4 } else { AddressFamily::Any };
        }
        if let Some(policy) = self.policy {
            connector.settings.ssh.policy = Some(policy.to_owned());
        }
        if connector.settings.network.family == AddressFamily::Ipv4 && Remote::is_ipv6(&connector.settings.host) {
            let detail = "The Url has an IPv6 address, and IpAddressType is IPV4: DUALSTACK is needed.";
            return Err(Error::new(&codes::request::INVALID, detail));
        }
        self.sftp.apply(connector)
    }
}

fn role(input: &Members<'_>, name: &str) -> Result<Option<String>> {
    let Some(text) = input.text(name, 20..=2048)? else { return Ok(None) };
    let is_role = text.starts_with("arn:")
        && text.match_indices("role/").any(|(at, found)| {
            let rest = text.get(at + found.len()..).unwrap_or_default();
            !rest.is_empty() && !rest.chars().any(char::is_whitespace)
        })
        && !text.chars().any(char::is_control);
    if is_role { Ok(Some(text.to_owned())) } else { Err(input.pattern(name, ROLE)) }
}

fn ip_address_type(input: &Members<'_>) -> Result<Option<&'static str>> {
    match input.text("IpAddressType", 1..=16)? {
        None => Ok(None),
        Some("IPV4") => Ok(Some("IPV4")),
        Some("DUALSTACK") => Ok(Some("DUALSTACK")),
        Some(_) => Err(input.violates("IpAddressType", "Member must satisfy enum value set: [IPV4, DUALSTACK]")),
    }
}
