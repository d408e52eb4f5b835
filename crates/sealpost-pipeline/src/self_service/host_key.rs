//! Host keys of destinations: what a server shows is a candidate, never trusted before someone approved it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::Timestamp;
use sealpost_core::change::{Change, ChangeAction};
use sealpost_core::connector::{Connector, ConnectorSettings, HostKeyCandidate};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{ConnectorId, PartnerId};
use sha2::{Digest, Sha256};

use crate::Pipeline;
use crate::audit::Author;

/// Most candidates that a connector keeps; the one that was not shown for longest goes first.
const MOST_CANDIDATES: usize = 8;
/// Most approved host keys of a connector.
const MOST_APPROVED: usize = 8;

/// The fingerprint of an approved entry — a public key, a line of `ssh-keyscan`, or a fingerprint — as OpenSSH prints
/// it: `SHA256:…`. `None` where it is none of them.
#[must_use]
pub fn fingerprint(entry: &str) -> Option<String> {
    let entry = entry.trim();
    if let Some(digest) = entry.strip_prefix("SHA256:") {
        return Some(format!("SHA256:{}", digest.trim_end_matches('=')));
    }
    let blob = entry.split_whitespace().find(|word| word.starts_with("AAAA"))?;
    let key = STANDARD.decode(blob).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))))
}

impl Pipeline {
    /// Asks to trust a host key that the destination's server has shown.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such destination or its server has not shown this key; as
    /// [`ask_change`](Self::ask_change).
    pub async fn ask_to_trust(
        &self,
        partner: &PartnerId,
        destination: &ConnectorId,
        fingerprint: &str,
        author: &Author,
    ) -> Result<Change> {
        let (destination, fingerprint) = (destination.clone(), fingerprint.trim().to_owned());
        self.ask_change(partner, ChangeAction::ApproveHostKey { destination, fingerprint }, author).await
    }

    /// Asks to trust a host key no longer.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such destination or the key is not approved; as
    /// [`ask_change`](Self::ask_change).
    pub async fn ask_to_distrust(
        &self,
        partner: &PartnerId,
        destination: &ConnectorId,
        fingerprint: &str,
        author: &Author,
    ) -> Result<Change> {
        let (destination, fingerprint) = (destination.clone(), fingerprint.trim().to_owned());
        self.ask_change(partner, ChangeAction::RevokeHostKey { destination, fingerprint }, author).await
    }

    /// Trusts a host key that a connector's server has shown, or trusts one no longer: what an operator decides by
    /// itself.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where there is no such candidate, or no such approved key.
    pub async fn decide_host_key(
        &self,
        connector: &Connector,
        fingerprint: &str,
        trusted: bool,
        author: &Author,
    ) -> Result<()> {
        let (partner, id) = (&connector.partner, &connector.id);
        let action = if trusted {
            self.check_approval(partner, id, fingerprint).await?;
            "host_key.approve"
        } else {
            self.check_revocation(partner, id, fingerprint).await?;
            "host_key.revoke"
        };
        // Noted first: a key that is trusted without a trace would be worse than a trace of one that is not.
        let subject = format!("host key {fingerprint} of {id}");
        self.note(author, partner, action, &subject, &connector.settings.account()).await?;
        match trusted {
            true => self.approve_host_key(partner, id, fingerprint).await,
            false => self.revoke_host_key(partner, id, fingerprint).await,
        }
    }

    pub(super) async fn check_approval(&self, partner: &PartnerId, id: &ConnectorId, key: &str) -> Result<()> {
        approved(self.destination(partner, id).await?, key).map(drop)
    }

    pub(super) async fn check_revocation(&self, partner: &PartnerId, id: &ConnectorId, key: &str) -> Result<()> {
        let connector = self.destination(partner, id).await?;
        if is_approved(&connector.settings, key) { Ok(()) } else { Err(not_shown(&connector, key)) }
    }

    pub(super) async fn approve_host_key(&self, partner: &PartnerId, id: &ConnectorId, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.edit_destination(partner, id, move |before| approved(before, &key)).await.map(drop)
    }

    pub(super) async fn revoke_host_key(&self, partner: &PartnerId, id: &ConnectorId, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.edit_destination(partner, id, move |mut before| {
            before.settings.host_keys.retain(|entry| fingerprint(entry).as_deref() != Some(&key));
            Ok(before)
        })
        .await
        .map(drop)
    }

    /// Keeps a key that the connector's server has shown and nobody has approved. `settings` are those it was met with.
    pub(super) async fn keep_candidate(&self, connector: &Connector, public_key: &str, author: &Author) -> Result<()> {
        let Some(shown) = fingerprint(public_key) else { return Ok(()) };
        if !connector.candidates.iter().any(|candidate| candidate.fingerprint == shown) {
            let detail = format!("shown by {}:{}", connector.settings.host, connector.settings.port);
            let subject = format!("host key {shown} of {}", connector.id);
            self.note(author, &connector.partner, "host_key.candidate", &subject, &detail).await?;
        }
        let (met, key, now) = (connector.settings.clone(), public_key.to_owned(), Timestamp::now());
        let edited = move |before| Ok(with_candidate(before, &met, &key, &shown, now));
        self.parts.records.edit_connector(&connector.id, &edited).await.map(drop)
    }
}

fn is_approved(settings: &ConnectorSettings, key: &str) -> bool {
    settings.host_keys.iter().any(|entry| fingerprint(entry).as_deref() == Some(key))
}

fn not_shown(connector: &Connector, key: &str) -> Error {
    let detail = format!("host key {key} of {}: its server has not shown it, or it is not approved", connector.name);
    Error::new(&codes::request::NOT_FOUND, detail)
}

/// With a candidate made an approved key. Repeated, it changes nothing.
fn approved(mut connector: Connector, key: &str) -> Result<Connector> {
    if is_approved(&connector.settings, key) {
        return Ok(connector);
    }
    let place = connector.candidates.iter().position(|candidate| candidate.fingerprint == key);
    let candidate = place.map(|place| connector.candidates.remove(place)).ok_or_else(|| not_shown(&connector, key))?;
    if connector.settings.host_keys.len() >= MOST_APPROVED {
        let detail = format!("{MOST_APPROVED} approved host keys of {}", connector.name);
        return Err(Error::new(&codes::request::TOO_MANY, detail));
    }
    // The whole key: it says its type, so the server is asked for that one at once.
    connector.settings.host_keys.push(candidate.public_key);
    Ok(connector)
}

fn with_candidate(
    mut connector: Connector,
    met: &ConnectorSettings,
    public_key: &str,
    shown: &str,
    now: Timestamp,
) -> Connector {
    // Meanwhile it may lead to another server, or the key may be approved.
    if !is_same_server(&connector.settings, met) || is_approved(&connector.settings, shown) {
        return connector;
    }
    match connector.candidates.iter_mut().find(|candidate| candidate.fingerprint == shown) {
        Some(known) => known.last_seen = now,
        None => connector.candidates.push(HostKeyCandidate {
            public_key: public_key.to_owned(),
            fingerprint: shown.to_owned(),
            first_seen: now,
            last_seen: now,
        }),
    }
    connector.candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.last_seen));
    connector.candidates.truncate(MOST_CANDIDATES);
    connector
}

/// Whether host keys of one are those of the other.
pub(crate) fn is_same_server(one: &ConnectorSettings, other: &ConnectorSettings) -> bool {
    one.host.eq_ignore_ascii_case(&other.host) && one.port == other.port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_fingerprint_however_it_is_written() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
        let print = fingerprint(key).expect("a fingerprint");
        assert!(print.starts_with("SHA256:") && print.len() == 50, "{print}");
        for other in [format!("{key} comment"), format!("sftp.example {key}"), print.clone(), format!("{print}=")] {
            assert_eq!(fingerprint(&other), Some(print.clone()), "{other}");
        }
        assert_eq!(fingerprint("nonsense"), None);
    }
}
