//! Which addresses a webhook may have: scheme, host, port, before anything is resolved or called.

use std::net::IpAddr;

use url::{Host, Url};

use super::range::Range;

/// Longer addresses are refused.
const LONGEST: usize = 2048;
/// Names that mean something in a private network only (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`).
const PRIVATE_NAMES: [&str; 6] = ["localhost", "local", "internal", "home.arpa", "localdomain", "lan"];

/// Reads and checks an address. The refusal says why, for whoever set it.
pub(super) fn admit(text: &str, range: &Range, allow_http: bool) -> Result<Url, String> {
    if text.len() > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    // The parser would drop them silently.
    if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err("it has blanks or control characters".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        other => return Err(format!("its scheme is {other}; expected https")),
    }
    // Credentials would be kept with the webhook, and shown.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user name or password; the signature says who calls".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it has a fragment (#…), which is never sent".to_owned());
    }
    port(&url)?;
    host(&url, range)?;
    Ok(url)
}

/// The scheme's own port, or one that no well-known service has (RFC 6335: system ports end at 1023), so that a
/// notification can't be made to talk to somebody's SSH or mail server.
fn port(url: &Url) -> Result<(), String> {
    match url.port_or_known_default() {
        Some(443 | 1024..) => Ok(()),
        Some(80) if url.scheme() == "http" => Ok(()),
        _ => Err("its port belongs to another service; expected 443, or 1024 and above".to_owned()),
    }
}

fn host(url: &Url, range: &Range) -> Result<(), String> {
    let name = match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
        // The parser has read every spelling: decimal, octal, hexadecimal, shortened.
        Some(Host::Ipv4(address)) => return literal(address.into(), range),
        Some(Host::Ipv6(address)) => return literal(address.into(), range),
        None => return Err("it has no host".to_owned()),
    };
    // Said at once rather than at the first notification. What other names resolve to is seen then.
    let is_private_name = !name.contains('.')
        || PRIVATE_NAMES.iter().any(|zone| name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.')));
    if is_private_name && !range.is_wider_than_public() {
        return Err(format!("{name} is a name of a private network"));
    }
    Ok(())
}

fn literal(address: IpAddr, range: &Range) -> Result<(), String> {
    if range.allows(address) { Ok(()) } else { Err(format!("{address} is not public")) }
}

/// Host and port, for messages: path and query may hold what only the partner should see.
pub(super) fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_admitted(text: &str) -> bool {
        admit(text, &Range::default(), false).is_ok()
    }

    #[test]
    fn public_https_addresses_are_admitted() {
        for text in [
            "https://hooks.acme.example/sealpost?token=1",
            "https://hooks.acme.example:8443/",
            "https://hooks.acme.example:1024",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
            "HTTPS://Hooks.Acme.Example/",
            "https://bücher.example/",
        ] {
            assert!(is_admitted(text), "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "017700000001",
            "127.1",
            "0x7f.1",
            "127.0.0.1.",
            "0",
            "10.1",
            "169.254.169.254",
            "2852039166",
            "0xA9FEA9FE",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::a9fe:a9fe]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::]",
            "１２７.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "db",
            "db.internal",
            "printer.local",
            "nas.home.arpa",
        ] {
            assert!(!is_admitted(&format!("https://{host}/")), "{host}");
            assert!(!is_admitted(&format!("https://{host}:8443/")), "{host}");
        }
    }

    #[test]
    fn anything_but_a_plain_https_address_is_refused() {
        for text in [
            "",
            "hooks.acme.example",
            "/hook",
            "http://hooks.acme.example/",
            "ftp://hooks.acme.example/",
            "file:///etc/passwd",
            "gopher://hooks.acme.example/",
            "https://",
            "https:///",
            "https://user@hooks.acme.example/",
            "https://user:word@hooks.acme.example/",
            "https://hooks.acme.example/#a",
            "https://hooks.acme.example:22/",
            "https://hooks.acme.example:80/",
            "https://hooks.acme.example:0/",
            "https://hooks.acme.example:70000/",
            " https://hooks.acme.example/",
            "https://hooks.acme.example/a b",
            "https://hooks.acme.example/\n",
            "https://[fe80::1%25eth0]/",
            "javascript:alert(1)",
        ] {
            assert!(!is_admitted(text), "{text}");
        }
        assert!(!is_admitted(&format!("https://hooks.acme.example/{}", "a".repeat(LONGEST))));
    }

    #[test]
    fn operators_may_allow_more() {
        let open = Range::new(true, &[]);
        for text in ["http://127.0.0.1:9000/", "http://db.internal/", "http://hook/", "https://localhost/"] {
            assert!(admit(text, &open, true).is_ok(), "{text}");
        }
        for text in ["http://169.254.169.254/", "http://hooks.acme.example:22/", "ftp://hook/", "http://[fe80::1]/"] {
            assert!(admit(text, &open, true).is_err(), "{text}");
        }
    }

    #[test]
    fn messages_name_host_and_port_alone() {
        let url = Url::parse("https://hooks.acme.example/secret?token=1").expect("a URL");
        assert_eq!(authority(&url), "hooks.acme.example:443");
    }
}
