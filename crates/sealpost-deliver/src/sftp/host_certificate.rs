//! Host certificates (OpenSSH's PROTOCOL.certkeys): a key that an approved authority vouches for, by name and for a while.

use jiff::Timestamp;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};

use super::host_key::some_of;

/// An authority that may vouch for host keys, as a line of `known_hosts`: `@cert-authority [patterns] key`.
#[derive(Debug, Clone)]
pub(super) struct Authority {
    /// The names that it may vouch for; all when empty.
    patterns: Vec<String>,
    pub(super) key: PublicKey,
}

/// The mark of such a line.
const MARK: &str = "@cert-authority";

impl Authority {
    /// Whether an entry is meant to be one.
    pub(super) fn is_meant(entry: &str) -> bool {
        entry.starts_with('@')
    }

    /// Reads a line. `None` where it is none.
    pub(super) fn parse(entry: &str) -> Option<Self> {
        let rest = entry.strip_prefix(MARK)?.strip_prefix([' ', '\t'])?.trim_start();
        if let Ok(key) = PublicKey::from_openssh(rest) {
            return Some(Self { patterns: Vec::new(), key });
        }
        let (patterns, key) = rest.split_once([' ', '\t'])?;
        let key = PublicKey::from_openssh(key.trim_start()).ok()?;
        Some(Self { patterns: patterns.split(',').map(str::to_ascii_lowercase).collect(), key })
    }

    /// Whether it may vouch for this server. A pattern with `!` takes names away (sshd(8), on the format of known hosts).
    fn covers(&self, host: &str, port: u16) -> bool {
        let with_port = format!("[{host}]:{port}");
        let matches = |pattern: &str| is_like(host, pattern) || is_like(&with_port, pattern);
        if self.patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(matches) {
            return false;
        }
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| !pattern.starts_with('!') && matches(pattern))
    }
}

/// Why a certificate does not make a server trusted. `None` when it does.
///
/// The order of the questions is that of what an operator wants to know first.
pub(super) fn refusal(
    certificate: &Certificate,
    authorities: &[Authority],
    (host, port): (&str, u16),
    now: Timestamp,
) -> Option<String> {
    let authority = certificate.signature_key();
    let print = authority.fingerprint(HashAlg::Sha256);
    let host = host.to_ascii_lowercase();
    let known = authorities.iter().filter(|known| known.key.key_data() == authority);
    if !known.into_iter().any(|known| known.covers(&host, port)) {
        return Some(format!("its authority {print} is not approved for this host"));
    }
    if !certificate.cert_type().is_host() {
        return Some("it is a user's certificate, not a host's".to_owned());
    }
    // RFC 8332: an authority's RSA key signs with SHA-2. OpenSSH's `CASignatureAlgorithms` has the same list.
    let signed = certificate.signature().algorithm();
    if !matches!(signed, Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { hash: Some(_) }) {
        return Some(format!("its authority signed it with {signed}, which is not safe"));
    }
    let second = u64::try_from(now.as_second()).unwrap_or(0);
    if second < certificate.valid_after() {
        return Some(format!("it is valid from {} only", moment(certificate.valid_after())));
    }
    if second >= certificate.valid_before() {
        return Some(format!("it expired on {}", moment(certificate.valid_before())));
    }
    // None is defined for hosts, and an unknown one must not be ignored.
    if let Some(option) = certificate.critical_options().keys().next() {
        return Some(format!("its critical option `{}` is not known", printable(option)));
    }
    // No principal at all would mean any host of the authority's: too much, and nobody's intention.
    let principals = certificate.valid_principals();
    if !principals.iter().any(|principal| principal.eq_ignore_ascii_case(&host)) {
        let names = some_of(principals.iter().map(|name| format!("`{}`", printable(name))), ", ");
        let names = if names.is_empty() { "no principal".to_owned() } else { names };
        return Some(format!("it names {names}, and the connector's host is `{host}`"));
    }
    match certificate.validate_at(second, [&print]) {
        Ok(()) => None,
        Err(_) => Some("its authority's signature is wrong".to_owned()),
    }
}

/// A certificate in words: what its authority calls it, and who that is.
pub(super) fn describe(certificate: &Certificate) -> String {
    let authority = certificate.signature_key().fingerprint(HashAlg::Sha256);
    format!("certificate `{}` of authority {authority}", printable(certificate.key_id()))
}

fn moment(second: u64) -> String {
    let moment = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
    moment.map_or_else(|| second.to_string(), |moment| moment.to_string())
}

fn printable(text: &str) -> String {
    super::session::printable(text)
}

/// Whether a name is like a pattern with `*` and `?` (as the manual of ssh puts it, "PATTERNS").
fn is_like(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.as_bytes(), pattern.as_bytes());
    let (mut at, mut place) = (0, 0);
    // Where the last `*` stood, and what it is taken to stand for begins.
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(place) {
            Some(b'*') => {
                star = Some((place, at));
                place += 1;
            }
            Some(one) if *one == b'?' || Some(one) == name.get(at) => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((back, from)) = star else { return false };
                star = Some((back, from + 1));
                (at, place) = (from + 1, back + 1);
            }
        }
    }
    pattern.get(place..).is_some_and(|rest| rest.iter().all(|one| *one == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn patterns_are_those_of_ssh() {
        for (name, pattern) in [
            ("sftp.acme.example", "*.acme.example"),
            ("sftp.acme.example", "*"),
            ("sftp.acme.example", "s??p.*.ex*e"),
            ("[sftp.acme.example]:2222", "[*.acme.example]:2222"),
            ("aab", "*ab"),
        ] {
            assert!(is_like(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("acme.example", "*.acme.example"), ("sftp.acme.example.evil", "*.example"), ("a", "")]
        {
            assert!(!is_like(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn an_authority_covers_what_its_patterns_say() {
        let covers = |line: &str, host: &str, port| Authority::parse(line).expect("an authority").covers(host, port);
        let everywhere = format!("@cert-authority {KEY}");
        assert!(covers(&everywhere, "anything", 22));
        let some = format!("@cert-authority *.acme.example,!old.acme.example,[*]:2200 {KEY} comment");
        assert!(covers(&some, "sftp.acme.example", 22) && covers(&some, "10.0.0.1", 2200));
        assert!(!covers(&some, "old.acme.example", 22) && !covers(&some, "other.example", 22));
        for wrong in
            ["@cert-authority", "@cert-authority * nonsense", "@revoked * ssh-ed25519 AAAA", "@cert-authorityx"]
        {
            assert!(Authority::is_meant(wrong) && Authority::parse(wrong).is_none(), "{wrong}");
        }
    }
}
