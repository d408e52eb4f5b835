//! From a host name to a TCP connection, within the connector's limit.
//!
//! The only way to a connection leads through [`Addresses`], and the only way to those through [`resolve`], which checks
//! every one of them: no address is looked up twice, so none can change between the check and the connection.

use std::net::SocketAddr;
use std::time::Duration;

use sealpost_core::address::Reach;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

/// How long the connection may take.
pub(super) fn connect_limit(settings: &ConnectorSettings) -> Duration {
    Duration::from_secs(settings.limits.connect_timeout_s.max(1))
}

/// The addresses of a connector's host, each of which may be connected to.
#[derive(Debug)]
pub(super) struct Addresses(Vec<SocketAddr>);

impl Addresses {
    /// The addresses.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &SocketAddr> {
        self.0.iter()
    }
}

/// All addresses of the connector's host.
///
/// # Errors
/// `SP-DELIVER-001` where the name does not resolve within the connect limit; `SP-REQUEST-036` where the connector is for
/// public addresses only and one of them lies out of reach.
pub(super) async fn resolve(settings: &ConnectorSettings, reach: &Reach) -> Result<Addresses> {
    let limit = connect_limit(settings);
    let unknown = |why: String| Error::new(&codes::deliver::UNKNOWN_HOST, format!("`{}`: {why}", settings.host));
    let found = timeout(limit, lookup_host((settings.host.as_str(), settings.port)))
        .await
        .map_err(|_| unknown(format!("no answer from the resolver within {} s", limit.as_secs())))?
        .map_err(|error| unknown(error.to_string()))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(unknown("it has no address".to_owned()));
    }
    if settings.public_only && !addresses.iter().all(|address| reach.allows(address.ip())) {
        // Which address it is stays here: the answer must not tell a stranger about our network's names.
        let detail = format!("`{}` has an address that is not public", settings.host);
        return Err(Error::new(&codes::request::ADDRESS_REFUSED, detail));
    }
    Ok(Addresses(addresses))
}

/// A connection to the first address that answers. Each address gets an equal share of the time that is left, so that
/// a dead first one does not use up all of it.
///
/// # Errors
/// `SP-DELIVER-002`, with what each address said.
pub(super) async fn connect(settings: &ConnectorSettings, addresses: &Addresses) -> Result<(TcpStream, SocketAddr)> {
    let end = Instant::now() + connect_limit(settings);
    let mut answers = Vec::new();
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.iter().len() - tried).unwrap_or(u32::MAX);
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are small and latency counts; bulk data is batched above.
                stream.set_nodelay(true).map_err(|error| unreachable_host(settings, &format!("{address}: {error}")))?;
                return Ok((stream, *address));
            }
            Ok(Err(error)) => answers.push(format!("{address}: {error}")),
            Err(_) => answers.push(format!("{address}: no answer within {:.1} s", share.as_secs_f64())),
        }
    }
    Err(unreachable_host(settings, &answers.join("; ")))
}

fn unreachable_host(settings: &ConnectorSettings, why: &str) -> Error {
    Error::new(&codes::deliver::UNREACHABLE, format!("`{}` port {}: {why}", settings.host, settings.port))
}
