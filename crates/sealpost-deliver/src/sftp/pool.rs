//! Connections that files share, and that are kept a while for the next file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sealpost_core::address::Reach;
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile, RetryPolicy};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::SecretStore;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::client::Client;
use super::connect::connect;
use super::link::{self, Link, Seat};

/// How long a connection without work is kept, where nothing is set.
const IDLE: Duration = Duration::from_secs(10);
/// Files on one connection, where nothing is set.
const FILES: u32 = 64;
/// Connections of a connector, where nothing is set.
const CONNECTIONS: u32 = 2;
/// How long a server that did not stand several channels for one file gets one.
const NARROW: Duration = Duration::from_secs(600);
/// The same where the connection broke, which may have had nothing to do with it.
const NARROW_AFTER_BREAK: Duration = Duration::from_secs(60);

/// The connections of a transport.
pub(super) struct Pool {
    sites: Mutex<HashMap<ConnectorId, Arc<Site>>>,
    /// How long a connection takes further files.
    life: Duration,
}

/// A connector's connections.
struct Site {
    /// What decides trust and login, and how long anything may take: a connector that was edited in any of it has
    /// another site, and never uses a connection of before.
    settings: ConnectorSettings,
    /// How long a connection takes further files.
    life: Duration,
    links: Mutex<Vec<Arc<Link>>>,
    /// Whose turn it is to connect, and how it went the last time: for as many files as one connection takes, and for
    /// those beyond them, which need another one anyway.
    connecting: [tokio::sync::Mutex<Option<(Instant, Error)>>; 2],
    /// Files that wait for a connection.
    waiting: AtomicUsize,
    /// Connections that are being made.
    opening: AtomicUsize,
    /// Told when a connection has room again.
    room: Notify,
    /// Until when a file goes over one channel only.
    one_channel: Mutex<Option<Instant>>,
}

/// What connections are told apart by: the settings without what concerns single files only.
fn essence(settings: &ConnectorSettings) -> ConnectorSettings {
    ConnectorSettings {
        directory: String::new(),
        create_directories: false,
        existing_file: ExistingFile::default(),
        checksum_file: false,
        done_file: false,
        retry: RetryPolicy::default(),
        ..settings.clone()
    }
}

impl Site {
    fn links(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn most_files(&self) -> usize {
        self.settings.parallel.files.unwrap_or(FILES).clamp(1, 256) as usize
    }

    fn most_links(&self) -> usize {
        self.settings.parallel.connections.unwrap_or(CONNECTIONS).clamp(1, 8) as usize
    }

    fn idle(&self) -> Duration {
        self.settings.network.idle_s.map_or(IDLE, Duration::from_secs)
    }

    /// A place on a connection that is there.
    fn join(self: &Arc<Self>) -> Option<Lease> {
        let gone: Vec<Arc<Link>>;
        let lease;
        {
            let mut links = self.links();
            let (usable, others) =
                std::mem::take(&mut *links).into_iter().partition(|link| link.is_usable() || link.is_ending());
            (*links, gone) = (usable, others);
            // Rather an old one than none until a file has ended that may take hours.
            let full = links.len() >= self.most_links();
            let old = || if full { self.seat(&links, Link::is_prolonged) } else { None };
            lease = self.seat(&links, Link::is_usable).or_else(old);
        }
        drop(gone);
        let (link, seat) = lease?;
        if link.wants_channel() {
            let (site, link) = (Arc::clone(self), Arc::clone(&link));
            tokio::spawn(async move { link.widen(&site.settings).await });
        }
        Some(Lease { link: Some(link), seat, site: Arc::clone(self), reused: true, wide: AtomicBool::new(false) })
    }

    /// A place on the emptiest of those that fit.
    fn seat(&self, links: &[Arc<Link>], fits: impl Fn(&Link) -> bool) -> Option<(Arc<Link>, Seat)> {
        let link = links.iter().filter(|link| fits(link)).min_by_key(|link| link.files())?;
        Some((Arc::clone(link), link.sit(self.most_files())?))
    }

    /// Whether another connection may be made.
    fn may_grow(&self) -> bool {
        let links = self.links();
        links.len() + self.opening.load(Ordering::Relaxed) < self.most_links()
    }

    /// The right to make another connection, unless there are enough.
    fn reserve(&self) -> Option<Reserved<'_>> {
        let links = self.links();
        if links.len() + self.opening.load(Ordering::Relaxed) >= self.most_links() {
            return None;
        }
        self.opening.fetch_add(1, Ordering::Relaxed);
        Some(Reserved(self))
    }

    fn forget(&self, link: &Arc<Link>) {
        self.links().retain(|kept| !Arc::ptr_eq(kept, link));
        self.room.notify_waiters();
    }

    /// Makes a connection, by a right that [`Self::reserve`] gave.
    async fn connect(self: &Arc<Self>, secrets: &dyn SecretStore, reach: &Reach) -> Result<Lease> {
        let connection = connect(secrets, reach, &self.settings).await?;
        let link = Arc::new(Link::new(connection, &self.settings, self.life));
        let seat = link.sit(self.most_files()).ok_or_else(|| Error::new(&codes::deliver::BROKEN, "no channel"))?;
        self.links().push(Arc::clone(&link));
        self.room.notify_waiters();
        Ok(Lease { link: Some(link), seat, site: Arc::clone(self), reused: false, wide: AtomicBool::new(false) })
    }
}

/// The right to make a connection; given back when it is dropped.
struct Reserved<'a>(&'a Site);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.0.opening.fetch_sub(1, Ordering::Relaxed);
        self.0.room.notify_waiters();
    }
}

/// A file that waits for a connection.
struct Waiting<'a>(&'a Site);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::renewing_after(link::LONGEST_LIFE)
    }
}

impl Pool {
    /// Without connections yet; each takes further files for so long.
    pub(super) fn renewing_after(life: Duration) -> Self {
        Self { sites: Mutex::default(), life }
    }

    /// A place on a connection of the connector: one that is there, or a new one. Where several ask at once, one connects,
    /// and its failure is theirs too; where more ask than fit on one connection, a second one is made beside it.
    ///
    /// # Errors
    /// As [`connect`].
    pub(super) async fn lease(&self, secrets: &dyn SecretStore, reach: &Reach, connector: &Connector) -> Result<Lease> {
        let site = self.site(connector);
        let asked = Instant::now();
        let before = site.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&site);
        let connecting = if before < site.most_files() { &site.connecting[0] } else { &site.connecting[1] };
        loop {
            let room = site.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if let Some(lease) = site.join() {
                return Ok(lease);
            }
            if !site.may_grow() {
                // By then one that is too old may take files again.
                drop(timeout(link::pause(site.life), room).await);
                continue;
            }
            let mut failed = tokio::select! {
                failed = connecting.lock() => failed,
                () = room => continue,
            };
            if let Some(lease) = site.join() {
                return Ok(lease);
            }
            if let Some((_, error)) = failed.as_ref().filter(|(when, _)| *when >= asked) {
                return Err(error.clone());
            }
            if let Some(_reserved) = site.reserve() {
                let connected = site.connect(secrets, reach).await;
                *failed = connected.as_ref().err().map(|error| (Instant::now(), error.clone()));
                return connected;
            }
        }
    }

    fn site(&self, connector: &Connector) -> Arc<Site> {
        let settings = essence(&connector.settings);
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = sites.get(&connector.id).filter(|site| site.settings == settings) {
            return Arc::clone(site);
        }
        // Connectors that are not used any more.
        sites.retain(|_, site| Arc::strong_count(site) > 1 || !site.links().is_empty());
        let site = Arc::new(Site {
            settings,
            life: self.life,
            links: Mutex::default(),
            connecting: Default::default(),
            waiting: AtomicUsize::new(0),
            opening: AtomicUsize::new(0),
            room: Notify::new(),
            one_channel: Mutex::default(),
        });
        sites.insert(connector.id.clone(), Arc::clone(&site));
        site
    }
}

/// A file's place on a connection. Dropped, it leaves the connection to others.
pub(super) struct Lease {
    link: Option<Arc<Link>>,
    seat: Seat,
    site: Arc<Site>,
    reused: bool,
    /// Whether a file is on its way over several channels.
    wide: AtomicBool,
}

impl Lease {
    /// A further connection for a file that is under way already; `None` where the connector has as many as it may.
    ///
    /// # Errors
    /// As [`connect`].
    pub(super) async fn further(&self, secrets: &dyn SecretStore, reach: &Reach) -> Result<Option<Self>> {
        let site = &self.site;
        let _turn = site.connecting[0].lock().await;
        let idle = site.links().iter().find(|link| link.files() == 0 && link.is_usable()).cloned();
        if let Some(link) = idle
            && let Some(seat) = link.sit(1)
        {
            return Ok(Some(Lease {
                link: Some(link),
                seat,
                site: Arc::clone(site),
                reused: true,
                wide: AtomicBool::new(false),
            }));
        }
        let Some(_reserved) = site.reserve() else { return Ok(None) };
        site.connect(secrets, reach).await.map(Some)
    }

    /// The channel to use.
    pub(super) fn client(&self) -> &Client {
        &self.seat.client
    }

    /// The connection.
    pub(super) fn link(&self) -> Option<&Arc<Link>> {
        self.link.as_ref()
    }

    /// Whether the server is known not to take a file over several channels.
    pub(super) fn takes_one_channel(&self) -> bool {
        let until = *self.site.one_channel.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| until > Instant::now())
    }

    /// Notes that the server does not take a file over several channels.
    pub(super) fn note_one_channel(&self) {
        self.narrow(NARROW);
    }

    /// Notes that a further channel of a file failed where the first one did not.
    pub(super) fn note_lost_channel(&self) {
        self.narrow(NARROW_AFTER_BREAK);
    }

    fn narrow(&self, time: Duration) {
        *self.site.one_channel.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// Notes whether a file is on its way over several channels.
    pub(super) fn note_wide(&self, wide: bool) {
        self.wide.store(wide, Ordering::Relaxed);
    }

    /// The fingerprint of the key that the server showed, and the algorithms that were agreed.
    pub(super) fn identity(&self) -> (String, String) {
        let session = self.link().and_then(|link| link.session());
        session.map(|session| (session.host_key(), session.algorithms())).unwrap_or_default()
    }

    /// Looks at how the work ended: a connection that does not work is not used again. Returns whether it is worth another
    /// try at once: the connection was there before, and has not answered anything; or it broke or fell silent while a file was
    /// being sent over several channels.
    pub(super) fn judge(&self, error: &Error) -> bool {
        let broken = [&codes::deliver::BROKEN, &codes::deliver::TIMEOUT, &codes::deliver::PROTOCOL];
        if !broken.iter().any(|code| error.is(code)) {
            return false;
        }
        if let Some(link) = &self.link {
            link.spend();
        }
        if error.is(&codes::deliver::TIMEOUT) {
            // Whoever else waits on a channel that says nothing would wait for as long again, or for room that never comes.
            self.client().give_up();
        }
        if self.wide.load(Ordering::Relaxed) && !error.is(&codes::deliver::PROTOCOL) {
            // A network that fails, or a server that does not stand several channels: one comes through either.
            self.narrow(NARROW_AFTER_BREAK);
            return true;
        }
        self.reused && !self.client().has_answered()
    }

    /// Gives the place back. Where no connection is kept, it waits a moment for the goodbye.
    pub(super) async fn finish(mut self) {
        let Some(link) = self.link.take() else { return };
        let last = link.leave();
        self.site.room.notify_waiters();
        if last && (self.site.idle().is_zero() || !link.is_usable()) {
            self.site.forget(&link);
            if let Some(link) = Arc::into_inner(link) {
                link.close().await;
            }
        } else if last {
            park(&self.site, &link);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        let last = link.leave();
        self.site.room.notify_waiters();
        if last {
            park(&self.site, &link);
        }
    }
}

/// Ends the connection when it has had no work for long enough.
fn park(site: &Arc<Site>, link: &Arc<Link>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return site.forget(link) };
    let limit = site.idle();
    if limit.is_zero() || !link.is_usable() {
        return site.forget(link);
    }
    if link.is_watched() {
        return;
    }
    let (site, link): (Weak<Site>, Weak<Link>) = (Arc::downgrade(site), Arc::downgrade(link));
    runtime.spawn(async move {
        loop {
            let Some(idle) = link.upgrade().map(|link| link.idle()) else { return };
            let left = idle.map_or(limit, |idle| limit.saturating_sub(idle));
            if left.is_zero() {
                break;
            }
            sleep(left).await;
        }
        if let (Some(site), Some(link)) = (site.upgrade(), link.upgrade()) {
            site.forget(&link);
        }
    });
}
