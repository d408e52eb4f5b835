//! Where webhooks may be: public addresses, and what the operator lets in beside them.

use std::net::IpAddr;

use sealpost_core::address::{Network, Reach};

/// What `allow_private` lets in: networks in which servers of one's own may be. Link-local addresses, with the metadata
/// services of clouds among them, and reserved blocks are let in one by one.
const PRIVATE: [&str; 7] =
    ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"];

/// The addresses that may be called.
#[derive(Debug, Clone, Default)]
pub(super) struct Range(Reach);

impl Range {
    pub(super) fn new(allow_private: bool, named: &[Network]) -> Self {
        let mut all = if allow_private { networks(&PRIVATE) } else { Vec::new() };
        all.extend_from_slice(named);
        Self(Reach { anywhere: false, networks: all })
    }

    /// Whether an address may be called.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.0.allows(address)
    }

    /// Whether anything beside the public internet may be called.
    pub(super) fn is_wider_than_public(&self) -> bool {
        !self.0.networks.is_empty()
    }
}

fn networks(constants: &[&str]) -> Vec<Network> {
    // Each is a network: a test reads them all.
    constants.iter().filter_map(|network| network.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(range: &Range, text: &str) -> bool {
        range.allows(text.parse().expect(text))
    }

    #[test]
    fn the_constants_are_networks() {
        assert_eq!(networks(&PRIVATE).len(), PRIVATE.len());
    }

    #[test]
    fn only_what_is_public_unless_the_operator_says_more() {
        let range = Range::new(false, &[]);
        assert!(allows(&range, "1.1.1.1") && allows(&range, "2606:4700::1111"));
        for closed in [
            "10.0.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "::127.0.0.1",
            "2002:7f00:1::1",
            "168.63.129.16",
        ] {
            assert!(!allows(&range, closed), "{closed}");
        }
    }

    #[test]
    fn private_networks_open_without_what_a_cloud_tells_inside() {
        let range = Range::new(true, &[]);
        for open in ["10.0.0.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"] {
            assert!(allows(&range, open), "{open}");
        }
        for closed in [
            "169.254.169.254",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "168.63.129.16",
            "0.0.0.0",
            "fe80::1",
            "192.0.2.1",
            "224.0.0.1",
        ] {
            assert!(!allows(&range, closed), "{closed}");
        }
    }

    #[test]
    fn what_is_named_is_open() {
        let named =
            ["203.0.113.0/24", "100.100.100.200", "168.63.0.0/16"].map(|network| network.parse().expect("a network"));
        let range = Range::new(false, &named);
        assert!(allows(&range, "203.0.113.1") && allows(&range, "::ffff:203.0.113.1"));
        assert!(allows(&range, "100.100.100.200") && allows(&range, "1.1.1.1"));
        assert!(!allows(&range, "10.0.0.1") && !allows(&range, "100.100.100.201"));
        assert!(!allows(&range, "168.63.129.16"), "named with much else");
    }
}
