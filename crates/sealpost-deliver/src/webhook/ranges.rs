//! Addresses that are nobody's public server: the special-purpose registries of IANA (RFC 6890), and the metadata
//! services of clouds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A range with what it is.
struct Range {
    network: &'static str,
    what: &'static str,
    /// Whether one's own servers may be there: what `allow_private` opens. The others are opened one by one.
    is_private_network: bool,
}

const fn private(network: &'static str, what: &'static str) -> Range {
    Range { network, what, is_private_network: true }
}

const fn reserved(network: &'static str, what: &'static str) -> Range {
    Range { network, what, is_private_network: false }
}

/// The first that fits counts, so that a metadata service is not opened with the private network around it.
const RANGES: &[Range] = &[
    reserved("169.254.169.254/32", "a cloud's metadata service"),
    reserved("169.254.170.2/32", "a cloud's metadata service"),
    reserved("100.100.100.200/32", "a cloud's metadata service"),
    reserved("192.0.0.192/32", "a cloud's metadata service"),
    reserved("168.63.129.16/32", "a cloud's platform service"),
    reserved("fd00:ec2::/32", "a cloud's metadata service"),
    reserved("fd20:ce::254/128", "a cloud's metadata service"),
    reserved("0.0.0.0/8", "this host (RFC 791)"),
    private("10.0.0.0/8", "private (RFC 1918)"),
    private("100.64.0.0/10", "shared address space (RFC 6598)"),
    private("127.0.0.0/8", "loopback (RFC 1122)"),
    reserved("169.254.0.0/16", "link-local (RFC 3927)"),
    private("172.16.0.0/12", "private (RFC 1918)"),
    reserved("192.0.0.0/24", "for protocols (RFC 6890)"),
    reserved("192.0.2.0/24", "for documentation (RFC 5737)"),
    reserved("192.88.99.0/24", "6to4 relays (RFC 7526)"),
    private("192.168.0.0/16", "private (RFC 1918)"),
    reserved("198.18.0.0/15", "for benchmarks (RFC 2544)"),
    reserved("198.51.100.0/24", "for documentation (RFC 5737)"),
    reserved("203.0.113.0/24", "for documentation (RFC 5737)"),
    reserved("224.0.0.0/4", "multicast (RFC 5771)"),
    reserved("240.0.0.0/4", "reserved (RFC 1112)"),
    private("::1/128", "loopback (RFC 4291)"),
    reserved("::/128", "this host (RFC 4291)"),
    private("fc00::/7", "unique local (RFC 4193)"),
    reserved("fe80::/10", "link-local (RFC 4291)"),
    reserved("fec0::/10", "site-local (RFC 3879)"),
    reserved("ff00::/8", "multicast (RFC 4291)"),
    reserved("64:ff9b:1::/48", "local translation (RFC 8215)"),
    reserved("2001::/23", "for protocols (RFC 2928)"),
    reserved("2001:db8::/32", "for documentation (RFC 3849)"),
    reserved("3fff::/20", "for documentation (RFC 9637)"),
];

/// Public unicast addresses of IPv6 all lie in here (RFC 4291, section 2.4).
const PUBLIC_V6: &str = "2000::/3";

/// Why an address may not be called; `None` when it may.
pub(super) fn refusal(address: IpAddr, allow_private: bool, allow: &[IpNet]) -> Option<&'static str> {
    let address = innermost(address);
    if allow.iter().any(|network| network.contains(&address)) {
        return None;
    }
    match RANGES.iter().find(|range| lies_in(address, range.network)) {
        Some(range) if range.is_private_network && allow_private => None,
        Some(range) => Some(range.what),
        None if address.is_ipv6() && !lies_in(address, PUBLIC_V6) => Some("not public unicast (RFC 4291)"),
        None => None,
    }
}

fn lies_in(address: IpAddr, network: &str) -> bool {
    // The constants are networks: a test parses each.
    network.parse::<IpNet>().is_ok_and(|network| network.contains(&address))
}

/// The IPv4 address that an IPv6 address stands for: mapped and compatible (RFC 4291, section 2.5.5), translated (RFC
/// 6052), 6to4 (RFC 3056). A packet for the one ends at the other.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        _ if v6 == Ipv6Addr::UNSPECIFIED || v6 == Ipv6Addr::LOCALHOST => address,
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(text: &str) -> bool {
        refusal(text.parse().expect(text), false, &[]).is_some()
    }

    #[test]
    fn every_range_is_a_network() {
        for range in RANGES {
            assert!(range.network.parse::<IpNet>().is_ok(), "{}", range.network);
        }
        assert!(PUBLIC_V6.parse::<IpNet>().is_ok());
    }

    #[test]
    fn what_is_not_public_is_refused_however_it_is_wrapped() {
        for v4 in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.255.1",
            "198.19.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(is_refused(v4), "{v4}");
            for wrapped in
                [format!("::ffff:{v4}"), format!("::{v4}"), format!("64:ff9b::{v4}"), format!("::ffff:0:{v4}")]
            {
                assert!(is_refused(&wrapped), "{wrapped}");
            }
            let bits = v4.parse::<Ipv4Addr>().expect("an address").to_bits();
            assert!(is_refused(&format!("2002:{:x}:{:x}::1", bits >> 16, bits & 0xffff)), "6to4 of {v4}");
        }
        for v6 in [
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(is_refused(v6), "{v6}");
        }
    }

    #[test]
    fn what_is_public_may_be_called() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.0.0.1",
            "128.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(!is_refused(text), "{text}");
        }
    }

    #[test]
    fn operators_open_private_networks_at_once_and_anything_by_name() {
        let opened = |text: &str, allow: &[IpNet]| refusal(text.parse().expect(text), true, allow).is_none();
        for text in ["10.0.0.1", "127.0.0.1", "::1", "fd12::1", "192.168.1.1", "::ffff:10.0.0.1"] {
            assert!(opened(text, &[]), "{text}");
        }
        for text in ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "203.0.113.1", "fe80::1"] {
            assert!(!opened(text, &[]), "{text}");
        }
        let allow = ["203.0.113.0/24".parse().expect("a network")];
        assert!(opened("203.0.113.1", &allow) && opened("::ffff:203.0.113.1", &allow));
        assert!(refusal("10.0.0.1".parse().expect("an address"), false, &allow).is_some());
    }
}
