//! Names to addresses, once per connection: what was checked is what is connected to, so that a name can't change its
//! address in between (DNS rebinding).

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::range::Range;

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
pub(super) struct CheckedResolver(pub(super) Range);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let range = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One address that is refused refuses the name: whoever mixes them is trying something. Which one it is stays
            // here: a stranger must not read our own names' addresses out of the answer.
            if !found.iter().all(|address| range.allows(address.ip())) {
                return Err(Refused(format!("`{}` has an address that is not public", name.as_str())).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
