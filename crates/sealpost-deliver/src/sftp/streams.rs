//! Further channels for one large file: how many are worth it, and how they are opened while the first one already sends.
//!
//! On a far link one channel carries no more than a window of the server's in each round trip, 2 MiB with OpenSSH, whatever
//! the client does. Each further channel has a window of its own; each further connection multiplies it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, FuturesUnordered, Stream, StreamExt};
use futures::{FutureExt, future::BoxFuture};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::task::JoinHandle;

use super::Sftp;
use super::client::Client;
use super::download::Version;
use super::link::{Link, Seat};
use super::pipeline::{Place, Strand};
use super::pool::Lease;
use super::quick;
use super::requests::OpenFile;
use super::status::Fault;

/// A window of the server's, by which the number of channels is reckoned: OpenSSH's.
const CHANNEL_WINDOW: u64 = 2 << 20;
/// Below this round trip one channel is the fastest way: its window is not what limits it.
const NEAR: Duration = Duration::from_millis(5);
/// From this round trip on, and this size, a second connection is worth its setup.
const FAR: Duration = Duration::from_millis(20);
const LARGE: u64 = 64 << 20;
/// Channels and connections, where nothing is set.
const MOST_CHANNELS: u32 = 8;
const CONNECTIONS: u32 = 2;

/// How a file is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spread {
    /// Channels of each connection.
    channels: u32,
    connections: u32,
}

impl Spread {
    /// Over one channel.
    pub(super) const NONE: Self = Self { channels: 1, connections: 1 };

    /// How to spread the `left` bytes of a file that is read.
    ///
    /// Here the channel's window is ours, and wide enough: a further channel carries no more. A further connection does,
    /// where TCP's own window is what limits.
    pub(super) fn of_reading(settings: &ConnectorSettings, lease: &Lease, left: u64) -> Self {
        let spread = Self::of(settings, lease, left);
        Self { channels: if settings.parallel.channels.is_some() { spread.channels } else { 1 }, ..spread }
    }

    /// How to spread the `left` bytes of a file that is sent.
    pub(super) fn of(settings: &ConnectorSettings, lease: &Lease, left: u64) -> Self {
        let object_store = lease.link().is_some_and(|link| link.has_object_store());
        let allowed = settings.parallel.ranges.unwrap_or(!object_store);
        if !allowed || lease.takes_one_channel() {
            return Self::NONE;
        }
        Self::reckon(settings, lease.client().round_trip(), left)
    }

    fn reckon(settings: &ConnectorSettings, round_trip: Duration, left: u64) -> Self {
        let far = round_trip >= NEAR;
        let windows = u32::try_from(left / (2 * CHANNEL_WINDOW)).unwrap_or(u32::MAX);
        let wanted = u32::try_from(round_trip.as_millis() / NEAR.as_millis()).unwrap_or(u32::MAX);
        // What is set is what is wanted, as long as there is something to send for each.
        let parts = u32::try_from(left >> 18).unwrap_or(u32::MAX).max(1);
        let channels = match settings.parallel.channels {
            Some(set) => set.min(parts),
            None if far => wanted.saturating_add(1).min(windows).min(MOST_CHANNELS),
            None => 1,
        };
        let connections = match settings.parallel.connections {
            Some(set) => set.min(parts),
            None if round_trip >= FAR && left >= LARGE => CONNECTIONS,
            None => 1,
        };
        Self { channels: channels.clamp(1, 10), connections: connections.clamp(1, 8) }
    }

    /// Whether there is more than one channel.
    pub(super) fn is_wide(self) -> bool {
        self != Self::NONE
    }
}

/// The file that further channels are opened for.
#[derive(Clone, Copy)]
pub(super) struct Further<'a> {
    pub(super) engine: &'a Sftp,
    pub(super) lease: &'a Lease,
    pub(super) settings: &'a ConnectorSettings,
    pub(super) path: &'a str,
    /// How it is opened.
    pub(super) flags: u32,
    /// What it must be, where it is there already: another file may have taken its name meanwhile.
    pub(super) version: Option<Version>,
    /// Channels that are being opened already.
    pub(super) prepared: Option<&'a Prepared>,
}

/// Opens the further channels; each comes when it is ready. What can't be opened is left out: the server allows no more.
pub(super) fn open(further: Further<'_>, spread: Spread) -> impl Stream<Item = Strand> {
    let opening: FuturesUnordered<BoxFuture<'_, Vec<Strand>>> = FuturesUnordered::new();
    if let Some(link) = further.lease.link() {
        for _ in 1..spread.channels {
            opening.push(further.channel(link).map(Vec::from_iter).boxed());
        }
    }
    for _ in 1..spread.connections {
        opening.push(further.connection(spread.channels).boxed());
    }
    opening.flat_map(stream::iter)
}

/// Further channels of the file's own connection that are being opened.
pub(super) type Prepared = Mutex<Vec<JoinHandle<Result<Seat>>>>;

/// Begins to open the further channels that a file of this size will use, while its directory and its name are still being
/// looked at. What is not used in the end is there for the next file.
pub(super) async fn prepare(settings: &ConnectorSettings, lease: &Lease, size: u64) -> Prepared {
    // How far the server is is known for certain by then.
    lease.client().settled().await;
    let spread = if size > quick::LONGEST { Spread::of(settings, lease, size) } else { Spread::NONE };
    let link = lease.link().into_iter();
    let opening = link.flat_map(|link| (1..spread.channels).map(|_| (Arc::clone(link), settings.clone())));
    Mutex::new(opening.map(|(link, settings)| tokio::spawn(async move { link.another(&settings).await })).collect())
}

impl Further<'_> {
    async fn channel(self, link: &Arc<Link>) -> Option<Strand> {
        let own = self.lease.link().is_some_and(|own| Arc::ptr_eq(own, link));
        let prepared = self.prepared.filter(|_| own);
        let prepared = prepared.and_then(|prepared| prepared.lock().unwrap_or_else(PoisonError::into_inner).pop());
        let opening = async {
            let seat = match prepared {
                Some(prepared) => {
                    prepared.await.map_err(|error| Error::new(&codes::deliver::BROKEN, error.to_string()))??
                }
                None => link.another(self.settings).await?,
            };
            let file = self.file(&seat.client).await?;
            Ok(Strand { client: seat.client.clone(), file, place: Place::Channel(seat) })
        };
        taken(opening.await)
    }

    async fn connection(self, channels: u32) -> Vec<Strand> {
        let opening = async {
            let Some(lease) = self.engine.further(self.lease).await? else { return Ok(Vec::new()) };
            let client = lease.client().clone();
            let more = async {
                let Some(link) = lease.link() else { return Vec::new() };
                let more = (1..channels).map(|_| self.channel(link));
                futures::future::join_all(more).await.into_iter().flatten().collect()
            };
            let (file, mut strands) = tokio::join!(self.file(&client), more);
            strands.push(Strand { client, file: file?, place: Place::Connection(lease) });
            Ok(strands)
        };
        taken(opening.await).unwrap_or_default()
    }

    async fn file(&self, client: &Client) -> Result<OpenFile> {
        let look = async {
            match self.version {
                Some(_) => client.stat(self.path).await,
                None => Ok(None),
            }
        };
        let (opened, found) = tokio::join!(client.open(self.path, self.flags), look);
        let failed = |fault: Fault| fault.into_error("open a file");
        let (file, found) = (opened.map_err(failed)?, found.map_err(failed)?);
        let found = found.and_then(|found| Version::of(&found));
        if self.version.is_some_and(|version| found.is_none_or(|found| !found.agrees(version))) {
            return Err(Error::new(&codes::deliver::CHANGED, format!("`{}` is another file now", self.path)));
        }
        Ok(file)
    }
}

fn taken<T>(opened: Result<T>) -> Option<T> {
    opened.inspect_err(|error| tracing::debug!(%error, "no further channel for this file")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(round_trip_ms: u64, mib: u64) -> (u32, u32) {
        let settings = ConnectorSettings::new("sftp.example", 22, "x");
        let spread = Spread::reckon(&settings, Duration::from_millis(round_trip_ms), mib << 20);
        (spread.channels, spread.connections)
    }

    #[test]
    fn near_servers_and_small_files_get_one_channel() {
        assert_eq!(spread(0, 1024), (1, 1));
        assert_eq!(spread(4, 1024), (1, 1));
        assert_eq!(spread(100, 3), (1, 1));
    }

    #[test]
    fn far_servers_get_as_many_as_the_way_can_carry() {
        assert_eq!(spread(10, 1024), (3, 1));
        assert_eq!(spread(50, 256), (8, 2));
        assert_eq!(spread(100, 1024), (8, 2));
        assert_eq!(spread(100, 16), (4, 1));
    }

    #[test]
    fn what_is_set_counts_also_for_a_server_nearby() {
        let mut settings = ConnectorSettings::new("sftp.example", 22, "x");
        settings.parallel.channels = Some(4);
        settings.parallel.connections = Some(3);
        let wide = Spread::reckon(&settings, Duration::ZERO, 3 << 20);
        assert_eq!(wide, Spread { channels: 4, connections: 3 });
        assert_eq!(Spread::reckon(&settings, Duration::ZERO, 300 << 10), Spread { channels: 1, connections: 1 });
    }
}
