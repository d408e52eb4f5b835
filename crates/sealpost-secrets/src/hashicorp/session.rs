//! The token that we are logged in with: kept, renewed, and got anew after a refusal.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use sealpost_core::Result;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::Secret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::api::{Answer, Auth, Body, Shared};
use super::fault::Fault;
use super::login::login;
use crate::{SecretStores, Surroundings, VaultAuth};

/// A token that is younger than this is not refused because it ended: its policy does not allow what was asked.
const YOUNG: Duration = Duration::from_secs(10);
/// The least time between two tries to renew a token.
const SHORTEST: Duration = Duration::from_secs(1);

/// Who we are at Vault.
pub(super) struct Session(Arc<Inner>);

struct Inner {
    api: Shared,
    auth: VaultAuth,
    surroundings: Surroundings,
    /// Where the login's own secrets are.
    others: SecretStores,
    /// Whoever holds it logs in; the others wait for it.
    token: Mutex<Option<Token>>,
    /// Makes numbers of tokens.
    numbers: RandomState,
}

/// What is known of a token besides itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Login {
    /// The same for the same token, also where it was read again.
    pub(super) number: u64,
    /// Its end, unless it is renewed until then.
    ends: Option<Instant>,
}

impl Login {
    /// How much of a time from now is over before its end.
    pub(super) fn within(&self, time: Duration) -> Duration {
        self.ends.map_or(time, |ends| ends.saturating_duration_since(Instant::now()).min(time))
    }
}

struct Token {
    secret: Arc<Secret>,
    since: Instant,
    /// Its time when it was new; none for one that never ends.
    whole: Option<Duration>,
    renew_at: Option<Instant>,
    ends: Option<Instant>,
    renewable: bool,
}

impl Token {
    fn new(auth: Auth) -> Self {
        let whole = (auth.lease_duration > 0).then(|| Duration::from_secs(auth.lease_duration));
        let now = Instant::now();
        Self {
            secret: Arc::new(Secret::new(auth.client_token.into_bytes())),
            since: now,
            whole,
            renew_at: whole.map(|whole| now + whole / 2),
            ends: whole.map(|whole| now + whole),
            renewable: auth.renewable,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.renew_at.is_some_and(|at| at <= now)
    }

    fn has_ended(&self, now: Instant) -> bool {
        self.ends.is_some_and(|at| at <= now)
    }

    /// Puts the next renewal off until half of what is left is over. `false` where nothing is left.
    fn put_off(&mut self, now: Instant) -> bool {
        let Some(ends) = self.ends.filter(|ends| *ends > now) else { return false };
        self.renew_at = Some((now + ((ends - now) / 2).max(SHORTEST)).min(ends));
        true
    }
}

impl Session {
    pub(super) fn new(api: Shared, surroundings: &Surroundings, others: SecretStores) -> Self {
        Self(Arc::new(Inner {
            api,
            auth: surroundings.settings.vault.auth.clone().unwrap_or_default(),
            surroundings: surroundings.clone(),
            others,
            token: Mutex::default(),
            numbers: RandomState::new(),
        }))
    }

    /// A request as who we are; made once more with a new token where this one is refused.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<&Body>,
    ) -> Result<Result<Answer, Fault>> {
        Ok(self.call_as(method, path, query, body).await?.0)
    }

    /// The same, and who we were at that.
    pub(super) async fn call_as(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<&Body>,
    ) -> Result<(Result<Answer, Fault>, Login)> {
        let (token, login) = self.token().await?;
        let answer = self.0.api.call(method.clone(), path, query, Some(&token), body).await;
        match &answer {
            Err(fault) if fault.status() == Some(403) && self.drop_refused(&token).await => {
                let (token, login) = self.token().await?;
                Ok((self.0.api.call(method, path, query, Some(&token), body).await, login))
            }
            _ => Ok((answer, login)),
        }
    }

    /// Who we are; logs in where that is nobody.
    pub(super) async fn login(&self) -> Result<Login> {
        Ok(self.token().await?.1)
    }

    async fn token(&self) -> Result<(Arc<Secret>, Login)> {
        let mut held = self.0.token.lock().await;
        self.0.freshen(&mut held).await;
        if let Some(token) = &*held {
            return Ok(self.0.named(token));
        }
        let auth = login(&self.0.api, &self.0.auth, &self.0.surroundings, &self.0.others).await?;
        let token = held.insert(Token::new(auth));
        self.keep(token);
        Ok(self.0.named(token))
    }

    /// Gives the token up, unless it is another by now. Whether a new one may be worth a try.
    async fn drop_refused(&self, refused: &Arc<Secret>) -> bool {
        let mut held = self.0.token.lock().await;
        match &*held {
            Some(token) if Arc::ptr_eq(&token.secret, refused) => {
                if token.since.elapsed() < YOUNG {
                    return false;
                }
                *held = None;
                if let VaultAuth::Token { token } = &self.0.auth {
                    self.0.others.stale(token).await;
                }
                true
            }
            _ => true,
        }
    }

    /// Renews a token also while nobody asks anything, for as long as it is the one in use.
    fn keep(&self, token: &Token) {
        let (Some(at), true) = (token.renew_at, token.renewable) else { return };
        let (inner, secret) = (Arc::downgrade(&self.0), Arc::downgrade(&token.secret));
        tokio::spawn(async move {
            let mut next = at;
            loop {
                tokio::time::sleep_until(next).await;
                let (Some(inner), Some(secret)) = (inner.upgrade(), secret.upgrade()) else { return };
                let mut held = inner.token.lock().await;
                inner.freshen(&mut held).await;
                match &*held {
                    Some(Token { secret: kept, renew_at: Some(at), renewable: true, .. })
                        if Arc::ptr_eq(kept, &secret) =>
                    {
                        next = (*at).max(Instant::now() + SHORTEST);
                    }
                    _ => return,
                }
            }
        });
    }
}

impl Inner {
    fn named(&self, token: &Token) -> (Arc<Secret>, Login) {
        let number = self.numbers.hash_one(token.secret.expose());
        (token.secret.clone(), Login { number, ends: token.ends })
    }

    /// Renews the token that is held where half of its time is over, and drops it where that gives too little: then the next
    /// login gives a new one.
    async fn freshen(&self, held: &mut Option<Token>) {
        let now = Instant::now();
        let Some(token) = held.as_mut().filter(|token| token.is_due(now)) else { return };
        let can_log_in = !matches!(self.auth, VaultAuth::Token { .. });
        let mut renewed = None;
        if token.renewable && !token.has_ended(now) {
            let (path, nothing) = ("auth/token/renew-self", Body::new());
            match self.api.call(Method::POST, path, "", Some(&token.secret), Some(&nothing)).await {
                Ok(answer) => renewed = answer.auth.map(|auth| Duration::from_secs(auth.lease_duration)),
                Err(fault) if fault.is_refusal() => {
                    tracing::warn!(%fault, "Vault does not renew our token");
                    token.renewable = false;
                }
                // It is tried again; until then it is good, and a login would need what has just failed.
                Err(fault) => {
                    tracing::warn!(%fault, "our token at Vault could not be renewed");
                    if token.put_off(Instant::now()) {
                        return;
                    }
                }
            }
        }
        let least = token.whole.map_or(Duration::ZERO, |whole| whole / 2);
        match renewed {
            Some(left) if left >= least || !can_log_in && !left.is_zero() => {
                token.renew_at = Some(now + left / 2);
                token.ends = Some(now + left);
            }
            // Its end is far off; whoever can log in does so now.
            _ if can_log_in || token.has_ended(now) => *held = None,
            _ => token.renew_at = token.ends,
        }
    }
}
