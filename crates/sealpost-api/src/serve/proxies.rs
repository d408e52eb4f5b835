//! Trusted proxies: whose word about the client counts (RFC 7239, RFC 9440). From anyone else it is a forgery.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use sealpost_core::address::Network;

use super::certificate::ClientCertificate;

/// Proxies in front of a listener.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Arc<[Network]>,
    certificate_header: Option<HeaderName>,
}

impl TrustedProxies {
    /// Believes these networks about the client's address.
    #[must_use]
    pub fn new(networks: &[Network]) -> Self {
        Self { networks: networks.into(), certificate_header: None }
    }

    /// Believes them about the client's certificate too: they have to verify it, and to remove the header from requests
    /// that bring one along.
    #[must_use]
    pub fn with_certificate_header(self, name: HeaderName) -> Self {
        Self { certificate_header: Some(name), ..self }
    }

    /// Whether an address is one of these proxies.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// The client's address: the peer's, or, where the peer is trusted, the last one on the way that is not.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.networks.is_empty() || !self.trusts(peer) {
            return peer;
        }
        let forwarded = hops(headers, &FORWARDED, |element| {
            element
                .split(';')
                .find_map(|pair| pair.trim().split_once('=').filter(|(name, _)| is(name, "for")))
                .and_then(|(_, node)| address(node))
        });
        let extended = hops(headers, &X_FORWARDED_FOR, address);
        match (forwarded, extended) {
            (None, None) => peer,
            (Some(hops), None) | (None, Some(hops)) => self.last_untrusted(peer, &hops),
            // A proxy writes one of them and passes on the other as it came, so where they differ, one was made up.
            // Nearly every proxy appends to `X-Forwarded-For`, so that its right end is no client's word; few write
            // `Forwarded`. Never the proxy's own address: whoever sends two headers would share it with everybody who
            // does, and could make them wait by failing to authenticate.
            (Some(forwarded), Some(extended)) => {
                let client = self.last_untrusted(peer, &extended);
                if self.trusts(client) { self.last_untrusted(peer, &forwarded) } else { client }
            }
        }
    }

    /// Walks from the nearest hop to the farthest, as long as each was named by a trusted one.
    fn last_untrusted(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut nearest = peer;
        for hop in hops.iter().rev() {
            // `unknown`, or an obfuscated name (RFC 7239, section 6.3): nobody knows what is behind.
            let Some(hop) = hop else { break };
            nearest = *hop;
            if !self.trusts(nearest) {
                break;
            }
        }
        nearest
    }

    /// The client's certificate, as a trusted peer says it in the configured header.
    pub(crate) fn certificate(&self, peer: IpAddr, headers: &HeaderMap) -> Option<ClientCertificate> {
        let name = self.certificate_header.as_ref().filter(|_| self.trusts(peer))?;
        let mut values = headers.get_all(name).iter();
        let value = values.next()?;
        // Two are one that the client made up.
        let certificate =
            value.to_str().ok().filter(|_| values.next().is_none()).and_then(ClientCertificate::from_header);
        if certificate.is_none() {
            tracing::warn!(target: "sealpost::http", header = %name, %peer, "a trusted proxy sent no readable client certificate");
        }
        certificate
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

fn is(name: &str, other: &str) -> bool {
    name.trim().eq_ignore_ascii_case(other)
}

/// The addresses of a header in the order of the way; `None` for one that is not an address. `None` without the header.
fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    address: impl Fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    if !headers.contains_key(name) {
        return None;
    }
    let mut hops = Vec::new();
    for value in headers.get_all(name) {
        // What the client wrote may be any bytes; what the proxy wrote behind them counts all the same.
        let value = String::from_utf8_lossy(value.as_bytes());
        hops.extend(value.split(',').map(&address));
    }
    Some(hops)
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `"[2001:db8::1]:4711"`.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    let bare = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(node);
    let parsed: Option<IpAddr> = bare.parse().ok();
    parsed.or_else(|| node.parse::<SocketAddr>().ok().map(|socket| socket.ip())).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, pairs: &[(&'static str, &'static str)]) -> String {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        TrustedProxies::new(&networks).client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn the_last_untrusted_hop_is_the_client() {
        for (value, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            // What the client wrote itself stands further left.
            ("203.0.113.9, 192.0.2.7", "192.0.2.7"),
            ("203.0.113.9, 192.0.2.7, 10.1.1.1", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
            ("192.0.2.7, unknown", "10.9.9.9"),
            ("192.0.2.7, nonsense, 10.1.1.1", "10.1.1.1"),
            ("", "10.9.9.9"),
        ] {
            assert_eq!(client("10.9.9.9", &[("x-forwarded-for", value)]), expected, "{value}");
        }
        let two = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.7, 10.1.1.1")];
        assert_eq!(client("10.9.9.9", &two), "192.0.2.7");
    }

    #[test]
    fn what_is_no_text_does_not_hide_the_hop_behind_it() {
        let proxy = "10.9.9.9".parse().expect("an address");
        for value in [&b"\xff, 192.0.2.7"[..], b"203.0.113.9\xc3, 192.0.2.7, 10.1.1.1"] {
            let mut headers = HeaderMap::new();
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(value).expect("a value"));
            let proxies = TrustedProxies::new(&["10.0.0.0/8".parse().expect("a network")]);
            assert_eq!(proxies.client(proxy, &headers).to_string(), "192.0.2.7");
        }
    }

    #[test]
    fn the_standard_header_is_read_too() {
        for (value, expected) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=203.0.113.9;proto=http, proto=https;for=192.0.2.7;by=10.0.0.1", "192.0.2.7"),
            ("for=203.0.113.9, for=_hidden", "10.9.9.9"),
            ("proto=https", "10.9.9.9"),
        ] {
            assert_eq!(client("10.9.9.9", &[("forwarded", value)]), expected, "{value}");
        }
    }

    #[test]
    fn nobody_else_is_believed() {
        for pairs in [&[("x-forwarded-for", "203.0.113.9")], &[("forwarded", "for=203.0.113.9")]] {
            assert_eq!(client("192.0.2.7", pairs), "192.0.2.7");
        }
        // One of two headers was passed on as the client wrote it.
        let both = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=203.0.113.9")];
        assert_eq!(client("10.9.9.9", &both), "192.0.2.7", "never the proxy, whose address everybody shares");
        let unknown = [("x-forwarded-for", "unknown"), ("forwarded", "for=192.0.2.7")];
        assert_eq!(client("10.9.9.9", &unknown), "192.0.2.7");
        let same = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")];
        assert_eq!(client("10.9.9.9", &same), "192.0.2.7");
    }

    #[test]
    fn a_certificate_is_believed_from_a_trusted_peer_in_the_configured_header_only() {
        let encoded: String = include_str!("certificate.pem").lines().filter(|line| !line.starts_with('-')).collect();
        let mut headers = HeaderMap::new();
        headers.append("client-cert", HeaderValue::from_str(&format!(":{encoded}:")).expect("a value"));
        let networks = ["10.0.0.0/8".parse().expect("a network")];
        let [proxy, stranger] = ["10.9.9.9", "192.0.2.7"].map(|address| address.parse().expect("an address"));
        let address_only = TrustedProxies::new(&networks);
        let both = address_only.clone().with_certificate_header(HeaderName::from_static("client-cert"));
        assert!(both.certificate(proxy, &headers).is_some());
        assert_eq!(both.certificate(stranger, &headers), None);
        assert_eq!(address_only.certificate(proxy, &headers), None);
        let copy = headers["client-cert"].clone();
        headers.append("client-cert", copy);
        assert_eq!(both.certificate(proxy, &headers), None);
    }
}
