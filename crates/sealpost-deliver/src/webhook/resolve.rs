//! Names to addresses, once per connection: what was checked is what is connected to, so that a name can't change its
//! address in between (DNS rebinding).

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::ranges::refusal;

/// A name resolves to what may not be called.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Refused {}

/// The resolver of the system, with a check of what it says.
pub(super) struct CheckedResolver {
    pub(super) allow_private: bool,
    pub(super) allow: Vec<IpNet>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (allow_private, allow) = (self.allow_private, self.allow.clone());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One address that is refused refuses the name: whoever mixes them is trying something.
            for address in &found {
                if let Some(what) = refusal(address.ip(), allow_private, &allow) {
                    let refused = Refused(format!("{} resolves to {}, which is {what}", name.as_str(), address.ip()));
                    return Err(refused.into());
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
