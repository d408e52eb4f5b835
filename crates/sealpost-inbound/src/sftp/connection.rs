//! One SSH connection: login, then SFTP sessions and nothing else (no shell, no command, no forwarding).

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet};

use super::session;
use super::users::Users;

/// The ways to log in.
pub(super) const METHODS: [MethodKind; 3] =
    [MethodKind::PublicKey, MethodKind::Password, MethodKind::KeyboardInteractive];

/// Sessions on one connection, as OpenSSH's `MaxSessions`.
const MOST_SESSIONS: usize = 10;

pub(super) struct Connection {
    users: Arc<Users>,
    peer: SocketAddr,
    user: Option<String>,
    /// `None` once a session serves the channel.
    channels: HashMap<ChannelId, Option<Channel<Msg>>>,
}

impl Connection {
    pub(super) fn new(users: Arc<Users>, peer: SocketAddr) -> Self {
        Self { users, peer, user: None, channels: HashMap::new() }
    }

    fn decide(&mut self, user: &str, method: &str, accepted: bool) -> Auth {
        if accepted {
            self.user = Some(user.to_owned());
            tracing::debug!(peer = %self.peer, user, method, "logged in");
            return Auth::Accept;
        }
        tracing::info!(peer = %self.peer, user = %user.escape_debug(), method, "login refused");
        refusal()
    }
}

/// All methods may be tried again, as with OpenSSH. By itself russh takes the refused one away; a client then goes on
/// to another method, and paramiko does so with a second service request, which russh leaves unanswered.
fn refusal() -> Auth {
    Auth::Reject { proceed_with_methods: Some(MethodSet::from(&METHODS[..])), partial_success: false }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        let known = self.users.knows_key(user, offer.public_key);
        Ok(if known { Auth::Accept } else { refusal() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let accepted = self.users.knows_key(user, key.public_key);
        Ok(self.decide(user, "publickey", accepted))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let accepted = self.users.knows_password(user, password.as_bytes());
        Ok(self.decide(user, "password", accepted))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut answers) = response else {
            return Ok(Auth::Partial {
                name: Cow::Borrowed(""),
                instructions: Cow::Borrowed(""),
                prompts: Cow::Borrowed(&[(Cow::Borrowed("Password: "), false)]),
            });
        };
        let accepted = answers.next().is_some_and(|answer| self.users.knows_password(user, &answer));
        Ok(self.decide(user, "keyboard-interactive", accepted))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.channels.len() >= MOST_SESSIONS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.channels.insert(channel.id(), Some(channel));
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let home = self.user.as_deref().and_then(|user| self.users.home(user));
        let free = self.channels.get_mut(&channel).filter(|_| name == "sftp").and_then(Option::take);
        let (Some(home), Some(stream)) = (home, free) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        let handle = session.handle();
        tokio::spawn(async move {
            session::run(stream.into_stream(), home).await;
            // Where the session broke off, the client would wait for ever; after an orderly end nothing is left to close.
            if handle.close(channel).await.is_err() {
                tracing::debug!("the connection ended before its session");
            }
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        // A client that sends no more requests waits for nothing but the end. After our close, russh does not report
        // the client's.
        if let Some(None) = self.channels.remove(&channel) {
            session.exit_status_request(channel, 0)?;
        }
        session.close(channel)
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }
}
