//! `sftp://host[:port]`, as connectors have it.

use std::net::Ipv6Addr;

/// The default port of SSH (RFC 4253, section 4.1).
const PORT: u16 = 22;

/// Where a connector leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// As it was given.
    pub(super) url: String,
    /// Name or address, IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Remote {
    /// Reads an address. What is wrong with it otherwise.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "expected sftp://host or sftp://host:port; an IPv6 address in brackets";
        let rest = url.strip_prefix("sftp://").ok_or(SHAPE)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err("the user name is in the secret, not in the Url");
        }
        if rest.contains(['/', '?', '#']) {
            return Err("the Url ends after host and port: each transfer names its own path");
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(SHAPE)?;
                host.parse::<Ipv6Addr>().map_err(|_| "the address in brackets is no IPv6 address")?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(SHAPE)?) })
            }
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        if host.is_empty() || host.len() > 253 || !host.bytes().all(is_host) || host.starts_with('-') {
            return Err(SHAPE);
        }
        let port = match port {
            None => PORT,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port > 0).ok_or("the port is 1 to 65535")?
            }
            Some(_) => return Err(SHAPE),
        };
        Ok(Self { url: url.to_owned(), host: host.to_owned(), port })
    }

    /// Whether it is an IPv6 address.
    pub(super) fn is_ipv6(host: &str) -> bool {
        host.parse::<Ipv6Addr>().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read_and_nothing_else_is_taken() {
        let read = |url: &str| Remote::parse(url).map(|remote| (remote.host, remote.port)).ok();
        let is = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(read("sftp://sftp.example.com"), is("sftp.example.com", 22));
        assert_eq!(read("sftp://192.0.2.1:2222/"), is("192.0.2.1", 2222));
        assert_eq!(read("sftp://[2001:db8::1]"), is("2001:db8::1", 22));
        assert_eq!(read("sftp://[2001:db8::1]:2022"), is("2001:db8::1", 2022));
        for wrong in [
            "",
            "sftp://",
            "host",
            "ssh://host",
            "https://host",
            "sftp://user@host",
            "sftp://host/path",
            "sftp://host?x",
            "sftp://host:",
            "sftp://host:0",
            "sftp://host:65536",
            "sftp://host:22x",
            "sftp://2001:db8::1",
            "sftp://[host]",
            "sftp://[::1",
            "sftp://[::1]22",
            "sftp://ho st",
            "sftp://-oProxyCommand",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
