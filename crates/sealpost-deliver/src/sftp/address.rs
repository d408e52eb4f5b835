//! From a host name to a TCP connection, directly or through a proxy, within the connector's limit.
//!
//! The only way to a connection leads through [`Addresses`], and the only way to those through [`resolve`], which checks
//! every one of them: no address is looked up twice, so none can change between the check and the connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sealpost_core::address::Reach;
use sealpost_core::connector::{AddressFamily, ConnectorSettings, NetworkSettings};
use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::port::SecretStore;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::proxy::{Proxy, Target};

/// How long the connection may take.
pub(super) fn connect_limit(settings: &ConnectorSettings) -> Duration {
    Duration::from_secs(settings.limits.connect_timeout_s.max(1))
}

/// Where connections go, each of which is allowed.
#[derive(Debug)]
pub(super) struct Addresses {
    /// The server's addresses, or the proxy's.
    first: Vec<SocketAddr>,
    /// The proxy, and what it is to connect to.
    proxy: Option<(Proxy, Vec<Target>)>,
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |all: Vec<String>| all.join(", ");
        match &self.proxy {
            None => f.write_str(&joined(self.first.iter().map(ToString::to_string).collect())),
            Some((proxy, targets)) => {
                write!(f, "{} through {proxy}", joined(targets.iter().map(ToString::to_string).collect()))
            }
        }
    }
}

/// The way to the connector's host.
///
/// # Errors
/// `SP-DELIVER-001` where the name does not resolve within the connect limit, `-027` where the proxy's does not;
/// `-021` where it has no address of the family that is asked for, or that the source address can reach;
/// `SP-REQUEST-036` where the connector is for public addresses only and one of them lies out of reach; what
/// [`Proxy::of`] says.
pub(super) async fn resolve(
    secrets: &dyn SecretStore,
    settings: &ConnectorSettings,
    reach: &Reach,
) -> Result<Addresses> {
    let limit = connect_limit(settings);
    let (host, network) = (settings.bare_host(), &settings.network);
    let server = async {
        let found = look_up(host, settings.port, limit).await;
        let found =
            found.map_err(|why| Error::new(&codes::deliver::UNKNOWN_HOST, format!("`{}`: {why}", settings.host)))?;
        if settings.public_only && !found.iter().all(|address| reach.allows(address.ip())) {
            // Which address it is stays here: the answer must not tell a stranger about our network's names.
            let detail = format!("`{}` has an address that is not public", settings.host);
            return Err(Error::new(&codes::request::ADDRESS_REFUSED, detail));
        }
        Ok(found)
    };
    let Some(proxy) = &network.proxy else {
        let first = usable(server.await?, network).map_err(|why| unfit(format!("`{}`: {why}", settings.host)))?;
        return Ok(Addresses { first, proxy: None });
    };
    let proxy = Proxy::of(secrets, proxy).await?;
    // The proxy resolves names: it may know some that we don't. But what may be reached is judged by address, so there
    // the address is what it gets.
    let targets = match host.parse::<IpAddr>() {
        Ok(_) => server.await?.into_iter().map(Target::Address).collect(),
        Err(_) if settings.public_only => server.await?.into_iter().map(Target::Address).collect(),
        Err(_) => vec![Target::Name(host.to_owned(), settings.port)],
    };
    let found = look_up(&proxy.address.host, proxy.address.port, limit).await;
    let first = found
        .and_then(|found| usable(found, network))
        .map_err(|why| Error::new(&codes::deliver::PROXY, format!("{proxy}: {why}")).caused_by(format!("{proxy:?}")))?;
    Ok(Addresses { first, proxy: Some((proxy, targets)) })
}

/// Between the connector's own network settings, this machine and the host there is no way. It says nothing about the
/// host, and may pass: addresses of names and machines change.
fn unfit(detail: String) -> Error {
    Error::new(&codes::deliver::CONFIG, detail).retried(Retry::Backoff)
}

/// All addresses of a name, each once; the error is a sentence.
async fn look_up(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let found = timeout(limit, lookup_host((host, port)))
        .await
        .map_err(|_| format!("no answer from the resolver within {} s", limit.as_secs()))?
        .map_err(|error| error.to_string())?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

/// Those of the family that the connector asks for, and that its source address can reach.
fn usable(mut addresses: Vec<SocketAddr>, network: &NetworkSettings) -> Result<Vec<SocketAddr>, String> {
    addresses.retain(|address| match network.family {
        AddressFamily::Any => true,
        AddressFamily::Ipv4 => address.is_ipv4(),
        AddressFamily::Ipv6 => address.is_ipv6(),
    });
    if addresses.is_empty() {
        return Err(format!(
            "it has no {} address",
            if network.family == AddressFamily::Ipv4 { "IPv4" } else { "IPv6" }
        ));
    }
    if let Some(source) = network.source_address {
        addresses.retain(|address| address.is_ipv4() == source.is_ipv4());
        if addresses.is_empty() {
            return Err(format!("it has no address that {source} can connect to"));
        }
    }
    Ok(addresses)
}

/// A connection to the first address that answers, and where it leads. Each address gets an equal share of the time that
/// is left, so that a dead first one does not use up all of it.
///
/// # Errors
/// `SP-DELIVER-002`, or `-027` with a proxy, with what each address said; `-021` where this machine does not have the
/// source address.
pub(super) async fn connect(settings: &ConnectorSettings, addresses: &Addresses) -> Result<(TcpStream, String)> {
    let end = Instant::now() + connect_limit(settings);
    let mut ways: Vec<(SocketAddr, Option<(&Proxy, &Target)>)> = Vec::new();
    match &addresses.proxy {
        None => ways.extend(addresses.first.iter().map(|first| (*first, None))),
        Some((proxy, targets)) => {
            for target in targets {
                ways.extend(addresses.first.iter().map(|first| (*first, Some((proxy, target)))));
            }
        }
    }
    let mut answers = Vec::new();
    if let (Some(source), Some((first, _))) = (settings.network.source_address, ways.first()) {
        socket(*first, Some(source)).map_err(|error| unfit(format!("from {source}: {error}")))?;
    }
    for (tried, (first, through)) in ways.iter().enumerate() {
        let left = u32::try_from(ways.len() - tried).unwrap_or(u32::MAX);
        let share = end.saturating_duration_since(Instant::now()) / left;
        let place = match through {
            None => first.to_string(),
            Some((proxy, target)) => format!("{target} through {proxy}"),
        };
        match timeout(share, one_way(*first, *through, settings.network.source_address)).await {
            Ok(Ok(stream)) => return Ok((stream, place)),
            Ok(Err(why)) => answers.push(format!("{place}: {why}")),
            Err(_) => answers.push(format!("{place}: no answer within {:.1} s", share.as_secs_f64())),
        }
    }
    let answers = answers.join("; ");
    Err(match &addresses.proxy {
        None => {
            Error::new(&codes::deliver::UNREACHABLE, format!("`{}` port {}: {answers}", settings.host, settings.port))
        }
        Some((proxy, _)) => Error::new(&codes::deliver::PROXY, answers).caused_by(format!("{proxy:?}")),
    })
}

/// A socket that begins at the source address.
fn socket(first: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpSocket> {
    let socket = if first.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}

/// Connects to one address, and from there on.
async fn one_way(
    first: SocketAddr,
    through: Option<(&Proxy, &Target)>,
    source: Option<IpAddr>,
) -> Result<TcpStream, String> {
    let connecting = async {
        let stream = socket(first, source)?.connect(first).await?;
        // Requests are small and latency counts; bulk data is batched above.
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    let mut stream = connecting.await.map_err(|error: std::io::Error| match source {
        Some(source) => format!("from {source}: {error}"),
        None => error.to_string(),
    })?;
    if let Some((proxy, target)) = through {
        proxy.open(&mut stream, target).await?;
    }
    Ok(stream)
}
