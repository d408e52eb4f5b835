//! One connection that several files share, over one SFTP channel or several.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::time::Instant;

use super::client::Client;
use super::connect::Connection;
use super::session::{Session, look};

/// How long a connection takes further files: what was resolved to log in, and the server's address, may have changed.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(600);
/// One that is too old takes files all the same where no other can be made, but for this part of each further life: one with short
/// files only ends then.
const PAUSE: u32 = 20;
/// Files on one channel before another channel is opened for them: a server works on each channel by itself.
const FILES_PER_CHANNEL: usize = 8;
/// Channels that are opened for many small files.
const CHANNELS_FOR_FILES: usize = 4;
/// Channels of a connection, where nothing is set. OpenSSH allows 10.
const MOST_CHANNELS: u32 = 8;
/// Software that stops answering once several channels of a connection carry requests: proftpd's `mod_sftp` 1.1.1.
const ONE_CHANNEL: &str = "SSH-2.0-mod_sftp";

/// A channel and how many files are under way on it.
struct Channel {
    client: Client,
    files: Arc<AtomicUsize>,
}

struct State {
    channels: Vec<Channel>,
    /// Channels that are being opened.
    opening: usize,
    /// Files under way.
    files: usize,
    idle_since: Instant,
}

/// A connection.
pub(super) struct Link {
    session: Option<Session>,
    state: Mutex<State>,
    /// Directories that were entered, by what the connector calls them.
    folders: Mutex<HashMap<String, String>>,
    opened: Instant,
    /// How long it takes further files.
    life: Duration,
    /// Whether it is not to be used for further files.
    spent: AtomicBool,
    /// Whether a channel is being opened for small files.
    widening: AtomicBool,
    /// Whether somebody waits for it to be idle.
    watched: AtomicBool,
    /// How many channels the server allows, as far as is known.
    most_channels: AtomicUsize,
}

/// A file's place on a channel; given back when it is dropped.
pub(super) struct Seat {
    pub(super) client: Client,
    files: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.files.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Channel {
    fn sit(&self) -> Seat {
        self.files.fetch_add(1, Ordering::Relaxed);
        Seat { client: self.client.for_one_file(), files: Arc::clone(&self.files) }
    }

    fn files(&self) -> usize {
        self.files.load(Ordering::Relaxed)
    }
}

impl Link {
    pub(super) fn new(connection: Connection, settings: &ConnectorSettings, life: Duration) -> Self {
        let software = look(&connection.session.seen).software.clone();
        let alone = software.starts_with(ONE_CHANNEL) && settings.parallel.ranges != Some(true);
        let most = if alone { 1 } else { settings.parallel.channels.unwrap_or(MOST_CHANNELS).clamp(1, 10) };
        let channel = Channel { client: connection.client, files: Arc::default() };
        Self {
            session: Some(connection.session),
            state: Mutex::new(State { channels: vec![channel], opening: 0, files: 0, idle_since: Instant::now() }),
            folders: Mutex::default(),
            opened: Instant::now(),
            life,
            spent: AtomicBool::new(false),
            widening: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            most_channels: AtomicUsize::new(most as usize),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The SSH connection.
    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The path of a directory that was entered, by what the connector calls it.
    pub(super) fn folder(&self, directory: &str) -> Option<String> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(directory).cloned()
    }

    /// Notes the path of a directory that was entered; `None` where it has to be entered again.
    pub(super) fn note_folder(&self, directory: &str, path: Option<&str>) {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            Some(path) => folders.insert(directory.to_owned(), path.to_owned()),
            None => folders.remove(directory),
        };
    }

    /// Whether an object store lies behind the server, as far as its software's name says so: such a store takes a file
    /// from its start to its end only.
    pub(super) fn has_object_store(&self) -> bool {
        self.session().is_some_and(|session| look(&session.seen).software.starts_with("SSH-2.0-AWS_SFTP"))
    }

    /// Takes it out of use. Files under way on it go on.
    pub(super) fn spend(&self) {
        self.spent.store(true, Ordering::Relaxed);
    }

    /// Whether further files may use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.spent.load(Ordering::Relaxed)
            && self.opened.elapsed() < self.life
            && self.session().is_some_and(|session| !session.handle.is_closed())
            && self.state().channels.iter().any(|channel| !channel.client.is_over())
    }

    /// Whether it is too old for further files, but has some to end: the server still counts it.
    pub(super) fn is_ending(&self) -> bool {
        !self.spent.load(Ordering::Relaxed)
            && self.session().is_some_and(|session| !session.handle.is_closed())
            && self.files() > 0
    }

    /// Whether further files may use it where no other connection can be made: it is too old, and has one that takes long. Not all
    /// the time, so that it ends when it has short ones only, and a new one can be made.
    pub(super) fn is_prolonged(&self) -> bool {
        self.is_ending() && !pauses(self.opened.elapsed(), self.life)
    }

    /// Files under way.
    pub(super) fn files(&self) -> usize {
        self.state().files
    }

    /// A place for a file, on the channel with the fewest, while fewer than `most` are under way.
    pub(super) fn sit(&self, most: usize) -> Option<Seat> {
        let mut state = self.state();
        if state.files >= most {
            return None;
        }
        let usable = state.channels.iter().filter(|channel| !channel.client.is_over());
        let seat = usable.min_by_key(|channel| channel.files())?.sit();
        state.files += 1;
        Some(seat)
    }

    /// Notes that a file is done. Returns whether it was the last.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.state();
        state.files = state.files.saturating_sub(1);
        state.idle_since = Instant::now();
        state.files == 0
    }

    /// How long nothing has been under way; `None` while something is.
    pub(super) fn idle(&self) -> Option<Duration> {
        let state = self.state();
        (state.files == 0).then(|| state.idle_since.elapsed())
    }

    /// Whether somebody waits already for it to be idle; from now on somebody does.
    pub(super) fn is_watched(&self) -> bool {
        self.watched.swap(true, Ordering::Relaxed)
    }

    /// Whether so many files are under way that another channel would help, and nobody is at opening one.
    pub(super) fn wants_channel(&self) -> bool {
        let state = self.state();
        let channels = state.channels.len();
        channels < CHANNELS_FOR_FILES
            && channels < self.most_channels.load(Ordering::Relaxed)
            && state.files > channels * FILES_PER_CHANNEL
            && !self.widening.swap(true, Ordering::Relaxed)
    }

    /// Opens a channel for small files.
    pub(super) async fn widen(self: Arc<Self>, settings: &ConnectorSettings) {
        // Refused or broken: those that are there go on.
        drop(self.open_channel(settings).await);
        self.widening.store(false, Ordering::Relaxed);
    }

    /// A place on a channel with nothing else on it; it is opened where there is none. Should the caller be dropped
    /// meanwhile, it is there for the next one: a channel that was asked for can't be taken back.
    ///
    /// # Errors
    /// Where the server or the connector allows no further one.
    pub(super) async fn another(self: &Arc<Self>, settings: &ConnectorSettings) -> Result<Seat> {
        let free = {
            let state = self.state();
            let found = state.channels.iter().find(|channel| channel.files() == 0 && !channel.client.is_over());
            found.map(Channel::sit)
        };
        if let Some(seat) = free {
            return Ok(seat);
        }
        let (link, settings) = (Arc::clone(self), settings.clone());
        let opening = tokio::spawn(async move { link.open_channel(&settings).await });
        opening.await.map_err(|error| Error::new(&codes::deliver::BROKEN, error.to_string()))?
    }

    async fn open_channel(&self, settings: &ConnectorSettings) -> Result<Seat> {
        let full = || Error::new(&codes::deliver::REFUSED, "no further channel on this connection");
        let session = self.session().ok_or_else(full)?;
        let first = {
            let mut state = self.state();
            if state.channels.len() + state.opening >= self.most_channels.load(Ordering::Relaxed) {
                return Err(full());
            }
            let first = state.channels.first().ok_or_else(full)?.client.clone();
            state.opening += 1;
            first
        };
        let opened = first.start_another(session, settings).await;
        let mut state = self.state();
        state.opening -= 1;
        match opened {
            Ok(client) => {
                let channel = Channel { client, files: Arc::default() };
                let seat = channel.sit();
                state.channels.push(channel);
                Ok(seat)
            }
            Err(error) => {
                tracing::debug!(%error, channels = state.channels.len(), "no further channel");
                // Those that are being opened may still be allowed.
                self.most_channels.fetch_min((state.channels.len() + state.opening).max(1), Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Says goodbye, and waits for it a moment.
    pub(super) async fn close(mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }
}

/// For how long a connection with this life, too old by then, takes no further files at a time.
pub(super) fn pause(life: Duration) -> Duration {
    life / PAUSE
}

/// Whether one of this age is at such a pause.
fn pauses(age: Duration, life: Duration) -> bool {
    age.as_nanos() % life.as_nanos().max(1) < pause(life).as_nanos()
}

impl Drop for Link {
    fn drop(&mut self) {
        // Without a runtime there is nobody to say goodbye: the tether cuts the connection.
        if let (Some(session), Ok(runtime)) = (self.session.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(session.close());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_too_old_takes_files_but_for_a_pause_in_each_life() {
        for (age, paused) in [(600, true), (629, true), (630, false), (1_199, false), (1_200, true), (7_300, false)] {
            assert_eq!(pauses(Duration::from_secs(age), LONGEST_LIFE), paused, "{age} s");
        }
    }
}
