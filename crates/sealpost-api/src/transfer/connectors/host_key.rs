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

/// A blob that begins with the name of its type (RFC 4253, section 6.6), and has something behind it.
fn is_key(kind: &str, blob: &str) -> bool {
    let Ok(bytes) = STANDARD.decode(blob) else { return false };
    let Some((length, rest)) = bytes.split_at_checked(4) else { return false };
    let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    is_type(kind) && rest.len() > length && rest.get(..length) == Some(kind.as_bytes())
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
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5".to_owned(),
            "ssh-dss AAAAB3NzaC1kc3MAAACB".to_owned(),
            "SHA256:short".to_owned(),
            "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48".to_owned(),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
