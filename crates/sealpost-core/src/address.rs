//! Network addresses that a stranger names: which may be connected to. A partner's destination or webhook must not lead
//! into our own network (server-side request forgery).
//!
//! What is public follows the IANA special-purpose address registries, [IPv4] and [IPv6] (RFC 6890, RFC 8190): nothing
//! that they call not globally reachable, nothing deprecated, no multicast. A few anycast services that are reachable
//! inside blocks that are not (`192.0.0.9`, `2001:1::1`, …) are refused with their block: no partner lives there.
//!
//! A name has to be judged by the addresses that are then connected to, not by a look-up of its own: a second look-up
//! may answer otherwise (DNS rebinding).
//!
//! [IPv4]: https://www.iana.org/assignments/iana-ipv4-special-registry
//! [IPv6]: https://www.iana.org/assignments/iana-ipv6-special-registry

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, codes};

/// IPv4 blocks that are not public: address and prefix length.
const NOT_PUBLIC_V4: [([u8; 4], u8); 16] = [
    ([0, 0, 0, 0], 8),          // "this network", RFC 791
    ([10, 0, 0, 0], 8),         // private use, RFC 1918
    ([100, 64, 0, 0], 10),      // shared address space, RFC 6598
    ([127, 0, 0, 0], 8),        // loopback, RFC 1122
    ([169, 254, 0, 0], 16),     // link local, RFC 3927; metadata services of clouds
    ([172, 16, 0, 0], 12),      // private use, RFC 1918
    ([192, 0, 0, 0], 24),       // IETF protocol assignments, RFC 6890
    ([192, 0, 2, 0], 24),       // documentation, RFC 5737
    ([192, 88, 99, 0], 24),     // 6to4 relay anycast, deprecated by RFC 7526
    ([192, 168, 0, 0], 16),     // private use, RFC 1918
    ([198, 18, 0, 0], 15),      // benchmarking, RFC 2544
    ([198, 51, 100, 0], 24),    // documentation, RFC 5737
    ([203, 0, 113, 0], 24),     // documentation, RFC 5737
    ([224, 0, 0, 0], 4),        // multicast, RFC 5771
    ([240, 0, 0, 0], 4),        // reserved, RFC 1112
    ([255, 255, 255, 255], 32), // limited broadcast, RFC 8190
];

/// Blocks of IPv6's global unicast space `2000::/3` that are not public. Outside of it nothing is, but NAT64.
const NOT_PUBLIC_V6: [([u16; 8], u8); 5] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // IETF protocol assignments, RFC 2928; Teredo, RFC 4380
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation, RFC 3849
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4, RFC 3056: an IPv4 address in disguise
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), // 6bone, returned by RFC 3701
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation, RFC 9637
];

/// What a cloud tells whoever asks from inside, in blocks that look private, or public.
const OF_A_CLOUD_V4: [([u8; 4], u8); 3] = [
    ([100, 100, 100, 200], 32), // Alibaba
    ([168, 63, 129, 16], 32),   // Azure
    ([169, 254, 0, 0], 16),     // AWS, Azure, Google, Oracle and others
];

/// The same for IPv6.
const OF_A_CLOUD_V6: [([u16; 8], u8); 2] = [
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),     // AWS
    ([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), // Google
];

/// The block of a cloud's own services that an address lies in.
fn of_a_cloud(address: IpAddr) -> Option<Network> {
    let of = |v4: &([u8; 4], u8)| Network::of(Ipv4Addr::from(v4.0), v4.1);
    let of_v6 = |v6: &([u16; 8], u8)| Network::of(Ipv6Addr::from(v6.0), v6.1);
    let mut blocks = OF_A_CLOUD_V4.iter().map(of).chain(OF_A_CLOUD_V6.iter().map(of_v6));
    blocks.find(|block| block.contains(address))
}

/// Whether an address is one of the public internet, which anyone may ask us to connect to.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    if of_a_cloud(address).is_some() {
        return false;
    }
    match unwrapped(address) {
        IpAddr::V4(address) => !NOT_PUBLIC_V4
            .iter()
            .any(|(block, prefix)| Network::of(Ipv4Addr::from(*block), *prefix).contains_v4(address)),
        IpAddr::V6(address) => {
            let global = Network::of(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
            let refused =
                |(block, prefix): &([u16; 8], u8)| Network::of(Ipv6Addr::from(*block), *prefix).contains_v6(address);
            global.contains_v6(address) && !NOT_PUBLIC_V6.iter().any(refused)
        }
    }
}

/// The IPv4 address where one is written as IPv6: IPv4-mapped (RFC 4291, section 2.5.5.2), and NAT64 by the well-known
/// prefix `64:ff9b::/96` (RFC 6052), through which a gateway would reach the IPv4 address.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => v6.into(),
    }
}

/// Which addresses may be connected to for a partner: public ones, and what an operator lets in beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Any address, loopback included.
    pub anywhere: bool,
    /// These networks beside the public addresses. A network is opened for the servers in it: what a cloud tells from
    /// inside stays closed but for an entry that names no more than that.
    pub networks: Vec<Network>,
}

impl Reach {
    /// No limit: for what operators set up themselves.
    #[must_use]
    pub fn anywhere() -> Self {
        Self { anywhere: true, networks: Vec::new() }
    }

    /// Whether an address may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let cloud = of_a_cloud(address);
        let opens = |network: &Network| {
            network.contains(address) && cloud.as_ref().is_none_or(|cloud| network.prefix >= cloud.prefix)
        };
        self.anywhere || is_public(address) || self.networks.iter().any(opens)
    }
}

/// A block of addresses in CIDR notation (RFC 4632): `10.20.0.0/16`, `2001:db8::/32`; one address without a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    fn of(address: impl Into<IpAddr>, prefix: u8) -> Self {
        Self { address: address.into(), prefix }
    }

    /// Whether the block is all of its family: `0.0.0.0/0`, `::/0`.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }

    /// Whether an address lies in the block. An IPv4-mapped address counts as the IPv4 address that it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match unwrapped(address) {
            IpAddr::V4(address) => self.contains_v4(address),
            IpAddr::V6(address) => self.contains_v6(address),
        }
    }

    fn contains_v4(&self, address: Ipv4Addr) -> bool {
        let IpAddr::V4(block) = self.address else { return false };
        // A shift by all bits overflows: a length of 0 is everything.
        let shift = 32_u32.saturating_sub(u32::from(self.prefix));
        (block.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
    }

    fn contains_v6(&self, address: Ipv6Addr) -> bool {
        let IpAddr::V6(block) = self.address else { return false };
        let shift = 128_u32.saturating_sub(u32::from(self.prefix));
        (block.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(&codes::config::INVALID, "a network is written as 10.20.0.0/16, 2001:db8::/32 or one address")
        };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse().map_err(|_| wrong()))?;
        let network = Self { address, prefix };
        if prefix > longest || network != network.first() {
            return Err(wrong());
        }
        Ok(network)
    }
}

impl Network {
    /// With every bit behind the prefix at 0. `10.20.30.40/16` is more likely a mistake than meant.
    fn first(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(self.prefix))).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(self.prefix))).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        };
        Self { address, prefix: self.prefix }
    }
}

impl TryFrom<String> for Network {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_edges_of_every_block() {
        for (inside, outside) in [
            ("0.255.255.255", "1.0.0.0"),
            ("10.0.0.0", "9.255.255.255"),
            ("100.127.255.255", "100.128.0.0"),
            ("127.255.255.255", "128.0.0.0"),
            ("169.254.169.254", "169.253.255.255"),
            ("172.31.255.255", "172.32.0.0"),
            ("192.0.0.255", "192.0.1.0"),
            ("192.0.2.1", "192.0.3.1"),
            ("192.168.0.0", "192.167.255.255"),
            ("198.19.255.255", "198.20.0.0"),
            ("203.0.113.7", "203.0.114.7"),
            ("224.0.0.1", "223.255.255.255"),
            ("255.255.255.255", "8.8.8.8"),
            ("::", "2606:4700::1111"),
            ("::1", "2a00:1450:4001::5e"),
            ("fe80::1", "2400:cb00::1"),
            ("fc00::1", "2c0f:fb50::1"),
            ("ff02::1", "2003::1"),
            ("2001:0:53aa:64c::1", "2001:200::1"),
            ("2001:db8::1", "2001:db7::1"),
            ("3fff:fff::1", "3fff:1000::1"),
            ("4000::1", "2600::1"),
        ] {
            assert!(!is_public(ip(inside)), "{inside}");
            assert!(is_public(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn an_ipv4_address_in_disguise_is_judged_as_what_it_is() {
        for private in ["::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::1"]
        {
            assert!(!is_public(ip(private)), "{private}");
        }
        // The deprecated IPv4-compatible form and NAT64's local prefix lead nowhere.
        assert!(!is_public(ip("::8.8.8.8")) && !is_public(ip("64:ff9b:1::8.8.8.8")));
        assert!(is_public(ip("::ffff:8.8.8.8")) && is_public(ip("64:ff9b::8.8.8.8")));
    }

    #[test]
    fn an_operator_lets_networks_in() {
        let networks = vec!["10.20.0.0/16".parse().expect("a network"), "fd00:1::/32".parse().expect("a network")];
        let reach = Reach { anywhere: false, networks };
        assert!(
            reach.allows(ip("10.20.255.255")) && reach.allows(ip("::ffff:10.20.0.1")) && reach.allows(ip("fd00:1::9"))
        );
        assert!(!reach.allows(ip("10.21.0.0")) && !reach.allows(ip("127.0.0.1")) && !reach.allows(ip("fd00:2::1")));
        assert!(reach.allows(ip("8.8.8.8")));
        assert!(Reach::anywhere().allows(ip("127.0.0.1")));
    }

    #[test]
    fn what_a_cloud_tells_inside_is_closed_unless_it_is_named() {
        let reach = |networks: &[&str]| {
            let networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
            Reach { anywhere: false, networks }
        };
        let wide = reach(&["0.0.0.0/0", "::/0", "168.63.0.0/16", "100.64.0.0/10", "169.0.0.0/8", "fd00::/8"]);
        for (closed, named) in [
            ("168.63.129.16", "168.63.129.16"),
            ("::ffff:168.63.129.16", "168.63.129.16/32"),
            ("64:ff9b::168.63.129.16", "168.63.129.16"),
            ("100.100.100.200", "100.100.100.200"),
            ("169.254.169.254", "169.254.169.254"),
            ("169.254.170.2", "169.254.0.0/16"),
            ("fd00:ec2::254", "fd00:ec2::254"),
            ("fd00:ec2::23", "fd00:ec2::/32"),
            ("fd20:ce::254", "fd20:ce::254"),
        ] {
            assert!(!is_public(ip(closed)) && !Reach::default().allows(ip(closed)), "{closed}");
            assert!(!wide.allows(ip(closed)), "{closed}: nobody meant it");
            assert!(reach(&[named]).allows(ip(closed)) && Reach::anywhere().allows(ip(closed)), "{closed}");
        }
        for beside in ["168.63.129.17", "100.100.100.201", "169.253.0.1", "fd20:ce::255", "fd00:ec3::1"] {
            assert!(wide.allows(ip(beside)), "{beside}");
        }
    }

    #[test]
    fn networks_are_written_as_cidr_says() {
        for good in ["0.0.0.0/0", "10.0.0.0/8", "192.168.1.1/32", "::/0", "2001:db8::/32"] {
            assert_eq!(good.parse::<Network>().expect("a network").to_string(), good);
        }
        assert_eq!("10.1.2.3".parse::<Network>().expect("one address").to_string(), "10.1.2.3/32");
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/", "::/129", "example.com/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        assert!("0.0.0.0/0".parse::<Network>().expect("all").contains(ip("10.0.0.1")));
    }
}
