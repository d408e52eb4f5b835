//! A proxy's address: `socks5://host:port` or `http://host:port`.

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS version 5 (RFC 1928).
    Socks5,
    /// HTTP's CONNECT (RFC 9110 section 9.3.6), without TLS.
    Http,
}

/// Where a proxy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// Port; 1080 and 8080 where the address has none.
    pub port: u16,
}

impl ProxyAddress {
    /// Reads an address. `None` where it is none, or has more in it: a path, or credentials, which belong into a secret.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (kind, usual) = match scheme {
            "socks5" => (ProxyKind::Socks5, 1080),
            "http" => (ProxyKind::Http, 8080),
            _ => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None => usual,
        };
        let is_host = !host.is_empty() && !host.contains(|one: char| "/@?# []".contains(one) || one.is_control());
        is_host.then(|| Self { kind, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_anything_more_is_refused() {
        let read = |url| ProxyAddress::parse(url).map(|one| (one.kind, one.host, one.port));
        assert_eq!(read("socks5://proxy"), Some((ProxyKind::Socks5, "proxy".to_owned(), 1080)));
        assert_eq!(read("http://10.0.0.1:3128/"), Some((ProxyKind::Http, "10.0.0.1".to_owned(), 3128)));
        assert_eq!(read("socks5://[::1]:9050"), Some((ProxyKind::Socks5, "::1".to_owned(), 9050)));
        assert_eq!(read("http://[::1]"), Some((ProxyKind::Http, "::1".to_owned(), 8080)));
        for wrong in [
            "proxy:1080",
            "https://proxy:443",
            "socks4://proxy",
            "socks5://",
            "socks5://proxy:0",
            "socks5://proxy:70000",
            "socks5://user:password@proxy:1080",
            "http://proxy:80/path",
            "http://[::1",
            "http://[nonsense]:80",
            "http://::1:80",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
