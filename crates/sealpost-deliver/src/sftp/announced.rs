//! Further host keys that a server announces after the login (OpenSSH's PROTOCOL, section 2.5: `hostkeys-00@openssh.com`
//! and `hostkeys-prove-00@openssh.com`). They are shown to whoever approves keys, so that a change can be prepared. They
//! are never trusted for being announced.

use russh::keys::PublicKey;
use tokio::time::timeout;

use super::host_key::{Approved, Shown};
use super::session::{Session, handshake_limit, look};
use sealpost_core::connector::ConnectorSettings;

/// Most keys that are looked at: more types than there are, and some on the way in or out.
const MOST: usize = 16;

/// The announced keys that nobody has approved yet, and of which the server has proven that it holds them.
///
/// Nothing depends on them: a server that proves nothing, or does not answer in time, has none.
pub(super) async fn candidates(session: &Session, settings: &ConnectorSettings, approved: &Approved) -> Vec<Shown> {
    let proving = async {
        // The announcement comes first thing after the login, so it is there once the server has answered anything.
        if session.handle.send_ping().await.is_err() {
            return Vec::new();
        }
        let announced: Vec<PublicKey> = std::mem::take(&mut look(&session.seen).announced);
        let mut proven: Vec<Shown> = Vec::new();
        for key in announced.into_iter().take(MOST) {
            let is_known = approved.accepts(&key) || proven.iter().any(|one| one.key.key_data() == key.key_data());
            // One by one: a key that the server can't prove does not spoil the others.
            if !is_known && session.handle.hostkeys_prove(vec![key.clone()]).await.is_ok() {
                proven.push(Shown { key, certificate: None });
            }
        }
        proven
    };
    timeout(handshake_limit(settings), proving).await.unwrap_or_default()
}
