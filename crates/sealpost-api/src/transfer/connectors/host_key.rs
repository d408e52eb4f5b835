//! Entries of `TrustedHostKeys`.
//!
//! | entry | |
//! | --- | --- |
//! | `ssh-rsa AAAA…` | as the service takes it; ECDSA, and Ed25519 as well |
//! | `host ssh-rsa AAAA…` | as `ssh-keyscan` prints it |
//! | `@cert-authority *.example.com ssh-ed25519 AAAA…` | ours: an authority, as in `known_hosts` |
//! | `SHA256:…` | ours: a fingerprint |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Types of keys, as their blobs name them (RFC 4253, RFC 5656, RFC 8709).
const TYPES: [&str; 5] =
    ["ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
const AUTHORITY: &str = "@cert-authority";

/// The service's words for an entry that is none of these. A comment behind the key is one, as with the service.
pub(super) const WRONG: &str = "Invalid host key format.";

/// An entry as it is kept: without the host name that `ssh-keyscan` prints.
pub(super) fn parse(entry: &str) -> Option<String> {
    let words: Vec<&str> = entry.split_ascii_whitespace().collect();
    match words[..] {
        [fingerprint] => is_fingerprint(fingerprint).then(|| fingerprint.trim_end_matches('=').to_owned()),
        [AUTHORITY, kind, blob] if is_key(kind, blob) => Some(format!("{AUTHORITY} {kind} {blob}")),
        [AUTHORITY, patterns, kind, blob] if is_key(kind, blob) && !is_type(patterns) => {
            Some(format!("{AUTHORITY} {patterns} {kind} {blob}"))
        }
        [kind, blob] if is_key(kind, blob) => Some(format!("{kind} {blob}")),
        [host, kind, blob] if is_key(kind, blob) && !is_type(host) && !host.starts_with(['@', '#']) => {
            Some(format!("{kind} {blob}"))
        }
        _ => None,
    }
}

fn is_type(word: &str) -> bool {
    TYPES.contains(&word)
}

/// 32 bytes of base64, with or without the padding.
fn is_fingerprint(word: &str) -> bool {
    let digest = word.strip_prefix("SHA256:").map(|digest| digest.trim_end_matches('='));
    digest.is_some_and(|digest| digest.len() == 43 && STANDARD.decode(format!("{digest}=")).is_ok())
}

/// A whole blob of this type (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4). The engine takes no part of one,
/// and does not use a list with a mistake in it: what is let through here stops the connector.
fn is_key(kind: &str, blob: &str) -> bool {
    let Ok(bytes) = STANDARD.decode(blob) else { return false };
    let Some(strings) = strings(&bytes) else { return false };
    let Some((name, parts)) = strings.split_first() else { return false };
    *name == kind.as_bytes()
        && match (kind, parts) {
            ("ssh-ed25519", [key]) => key.len() == 32,
            ("ssh-rsa", [exponent, modulus]) => is_positive(exponent) && is_positive(modulus),
            ("ecdsa-sha2-nistp256", [b"nistp256", point]) => is_point(point, 32),
            ("ecdsa-sha2-nistp384", [b"nistp384", point]) => is_point(point, 48),
            ("ecdsa-sha2-nistp521", [b"nistp521", point]) => is_point(point, 66),
            _ => false,
        }
}

/// The strings that the bytes are made of, each behind its length (RFC 4251 section 5). `None` where something is left over.
fn strings(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut strings = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (string, rest) = rest.split_at_checked(length)?;
        strings.push(string);
        bytes = rest;
    }
    Some(strings)
}

/// A number above zero, without bytes that it does not need (RFC 4251 section 5, `mpint`).
fn is_positive(number: &[u8]) -> bool {
    match number {
        [0, next, ..] => *next >= 0x80,
        [first, ..] => (1..0x80).contains(first),
        [] => false,
    }
}

/// A point with both coordinates of this size, as every server shows it (SEC 1 section 2.3.3).
fn is_point(point: &[u8], size: usize) -> bool {
    point.len() == 1 + 2 * size && point.first() == Some(&4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJGlhJPBcSVsTJpjtGSQjSR/Bo2v0UnbIRfBgGsnJX3O";

    #[test]
    fn keys_are_kept_without_their_host_and_comments_are_refused() {
        for entry in [KEY.to_owned(), format!("sftp.example.com {KEY}"), format!(" [192.0.2.1]:2222  {KEY}\n")] {
            assert_eq!(parse(&entry).as_deref(), Some(KEY), "{entry}");
        }
        let authority = format!("@cert-authority *.example.com {KEY}");
        assert_eq!(parse(&authority).as_deref(), Some(authority.as_str()));
        assert!(parse(&format!("@cert-authority {KEY}")).is_some());
        let fingerprint = "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A";
        assert_eq!(parse(fingerprint).as_deref(), Some(fingerprint));
        assert_eq!(parse(&format!("{fingerprint}=")).as_deref(), Some(fingerprint));
        for wrong in [
            String::new(),
            "nonsense".to_owned(),
            format!("{KEY} me@example.com"),
            format!("host {KEY} me@example.com"),
            format!("@revoked * {KEY}"),
            format!("# {KEY}"),
            KEY.replace("ssh-ed25519", "ssh-rsa"),
            KEY.replace("AAAAC3", "AAAA"),
            KEY[..KEY.len() - 4].to_owned(),
            format!("{KEY}AAAA"),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5".to_owned(),
            "ssh-dss AAAAB3NzaC1kc3MAAACB".to_owned(),
            "SHA256:short".to_owned(),
            "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48".to_owned(),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    fn entry(kind: &str, parts: &[&[u8]]) -> String {
        let mut blob: Vec<u8> = Vec::new();
        for part in [&[kind.as_bytes()][..], parts].concat() {
            blob.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
            blob.extend(part);
        }
        format!("{kind} {}", STANDARD.encode(blob))
    }

    #[test]
    fn a_key_that_was_cut_while_it_was_copied_is_refused() {
        let exponent = [1_u8, 0, 1];
        let modulus = [vec![0_u8, 0x80], vec![7; 255]].concat();
        let point = |size: usize| [vec![4_u8], vec![9; 2 * size]].concat();
        for whole in [
            entry("ssh-rsa", &[&exponent, &modulus]),
            entry("ecdsa-sha2-nistp256", &[b"nistp256", &point(32)]),
            entry("ecdsa-sha2-nistp384", &[b"nistp384", &point(48)]),
            entry("ecdsa-sha2-nistp521", &[b"nistp521", &point(66)]),
        ] {
            assert_eq!(parse(&whole).as_deref(), Some(whole.as_str()));
            assert_eq!(parse(whole.trim_end_matches('=').get(..whole.len() - 8).expect("long")), None, "{whole}");
        }
        for wrong in [
            entry("ssh-rsa", &[&exponent]),
            entry("ssh-rsa", &[&exponent, &modulus[1..]]),
            entry("ssh-rsa", &[&exponent, &[0, 1, 0, 1]]),
            entry("ecdsa-sha2-nistp256", &[b"nistp384", &point(48)]),
            entry("ecdsa-sha2-nistp256", &[b"nistp256", &point(31)]),
            entry("ssh-ed25519", &[&[1; 32], b""]),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
