//! Many reads in flight, over one channel or several: a file's bytes as fast as the server gives them, in order and in
//! bounded memory.
//!
//! The first channel's word is what counts. A further one that fails, refuses or has another file only leaves its reads
//! to the others.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, Stream, StreamExt};
use futures::{FutureExt, pin_mut};
use sealpost_core::error::{Error, codes};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::client::{Client, protocol};
use super::download::{Download, Halt, Version};
use super::fetch::{begin_look, look_answered, look_by_path};
use super::limiter::Limiter;
use super::packet::{self, Reply, Request};
use super::pipeline::Strand;
use super::status::Fault;
use super::wire::Pending;

/// Bytes that are asked for beyond the last one landed: what a link of 8 Gbit/s holds, within these bounds. Where the
/// landing is slow, so many wait in memory.
const NARROWEST: u64 = 4 << 20;
const WIDEST: u64 = 40 << 20;
const BYTES_PER_SECOND: u64 = 8 * 125_000_000;
/// The least that is asked for at once, however little a server gives.
const SHORTEST_READ: u32 = 512;
/// The most reads of a file on their way: each takes memory of its own. So many of 20 KiB fill the widest window.
const MOST_READS: usize = 2048;

/// For error messages.
const BEHIND: &str = "read behind the end of a file";

/// Bytes that all files of the process together may have asked for. Beyond, each has one read at a time.
static MEMORY: Semaphore = Semaphore::const_new(40 << 20);

/// The memory of bytes that were asked for.
type Memory = Option<SemaphorePermit<'static>>;

/// A channel with the file open on it.
struct Lane {
    strand: Strand,
    /// Bytes that were asked for on it.
    under_way: u64,
    /// How much is asked for at once, and the longest piece that came.
    length: u32,
    longest: u32,
    /// The look at the file behind its last read.
    look: Option<Pending>,
    /// Whether it failed.
    lost: bool,
}

/// A read, with its share of the memory.
struct Read {
    lane: usize,
    offset: u64,
    length: u32,
    memory: Memory,
}

/// A read's place in the file, which nobody has been asked for yet.
struct Gap {
    offset: u64,
    length: u32,
    memory: Memory,
}

/// A file that is being read.
struct Reading<'a, 'b> {
    limiter: &'a Limiter,
    download: &'a mut Download<'b>,
    version: Version,
    doing: String,
    window: u64,
    /// The most pieces that may wait.
    most_waiting: usize,
    lanes: Vec<Lane>,
    /// The first byte that was never asked for.
    next: u64,
    /// What must be asked for again.
    again: VecDeque<Gap>,
    under_way: FuturesUnordered<BoxFuture<'static, (Read, Result<Reply, Fault>)>>,
    /// What came before the bytes in front of it.
    waiting: BTreeMap<u64, (Bytes, Memory)>,
    /// The read behind the end that the server says the file has.
    behind: Option<Pending>,
    /// Whether a further channel was lost.
    lost: bool,
}

/// How reading went.
pub(super) struct Ranges {
    /// What the file is after its last byte was read; `None` where the server does not say.
    pub(super) found: Option<Version>,
    /// Whether a further channel was lost on the way.
    pub(super) lost: bool,
}

/// Reads from what has landed to the end, on the first channel and on those of `more` as they come. A read behind the end and
/// the look at the file are sent right behind the last read: a small file comes whole in one round trip, both included.
pub(super) async fn read(
    first: Strand,
    more: impl Stream<Item = Strand>,
    limiter: &Limiter,
    version: Version,
    download: &mut Download<'_>,
) -> Result<Ranges, Halt> {
    let length = first.client.read_size().await.max(SHORTEST_READ);
    let window = window(first.client.round_trip());
    let mut reading = Reading {
        limiter,
        version,
        doing: format!("read `{}`", download.path),
        window,
        most_waiting: most_waiting(window.min(version.size)),
        lanes: vec![Lane::new(first, length)],
        next: download.landed(),
        again: VecDeque::new(),
        under_way: FuturesUnordered::new(),
        waiting: BTreeMap::new(),
        behind: None,
        lost: false,
        download,
    };
    pin_mut!(more);
    let mut more = more.fuse();
    loop {
        reading.ask_more().await?;
        reading.ask_looks()?;
        if reading.under_way.is_empty() {
            break;
        }
        let wanted = reading.next < version.size;
        tokio::select! {
            biased;
            Some(strand) = more.next(), if wanted => reading.lanes.push(Lane::new(strand, length)),
            Some((read, reply)) = reading.under_way.next() => {
                reading.came(read, reply)?;
                reading.land().await?;
            }
        }
    }
    let lost = reading.lost;
    Ok(Ranges { found: reading.look_again().await?, lost })
}

impl Lane {
    fn new(strand: Strand, length: u32) -> Self {
        Self { strand, under_way: 0, length, longest: SHORTEST_READ, look: None, lost: false }
    }
}

impl Reading<'_, '_> {
    /// Asks for as much as window and memory allow. A slow landing does not move on, so nothing more is asked for.
    async fn ask_more(&mut self) -> Result<(), Halt> {
        loop {
            if let Some(gap) = self.again.pop_front() {
                self.ask(gap)?;
                continue;
            }
            let far = self.next - self.download.landed() >= self.window;
            if self.next >= self.version.size || far || self.under_way.len() >= MOST_READS {
                return Ok(());
            }
            let left = u32::try_from(self.version.size - self.next).unwrap_or(u32::MAX);
            let length = self.lanes.get(self.freest()).map_or(SHORTEST_READ, |lane| lane.length).min(left);
            let memory = MEMORY.try_acquire_many(length).ok();
            if memory.is_none() && !self.under_way.is_empty() {
                return Ok(());
            }
            self.limiter.take(length).await;
            self.ask(Gap { offset: self.next, length, memory })?;
            self.next += u64::from(length);
        }
    }

    /// The channel with the least under way: one that gets on gets more to do.
    fn freest(&self) -> usize {
        let usable = self.lanes.iter().enumerate().filter(|(_, lane)| !lane.lost);
        usable.min_by_key(|(_, lane)| lane.under_way).map_or(0, |(place, _)| place)
    }

    fn ask(&mut self, gap: Gap) -> Result<(), Halt> {
        let place = self.freest();
        let Some(lane) = self.lanes.get_mut(place) else { return Ok(()) };
        let Gap { offset, length, memory } = gap;
        let client = lane.strand.client.clone();
        let build = |id| Request::new(packet::READ, id).string(&lane.strand.file).u64(offset).u32(length);
        match client.begin("read a file", build) {
            Ok(pending) => {
                lane.under_way += u64::from(length);
                // The last look must come after the last read.
                lane.look = None;
                let read = Read { lane: place, offset, length, memory };
                self.under_way.push(async move { (read, client.answer("read a file", pending).await) }.boxed());
                Ok(())
            }
            Err(error) if place == 0 => Err(error.into()),
            Err(error) => {
                self.lose(place, &error.into());
                self.again.push_front(Gap { offset, length, memory });
                Ok(())
            }
        }
    }

    /// When all was asked for, asks whether that was all, and looks at the file by each handle that it is read through.
    fn ask_looks(&mut self) -> Result<(), Halt> {
        if self.next < self.version.size || !self.again.is_empty() {
            return Ok(());
        }
        if self.behind.is_none()
            && let Some(first) = self.lanes.first()
        {
            let (strand, end) = (&first.strand, self.version.size);
            let build = |id| Request::new(packet::READ, id).string(&strand.file).u64(end).u32(1);
            self.behind = Some(strand.client.begin(BEHIND, build)?);
        }
        let mut failed = None;
        for (place, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| lane.look.is_none() && !lane.lost) {
            match begin_look(&lane.strand.client, &lane.strand.file) {
                Ok(look) => lane.look = Some(look),
                Err(error) if place == 0 => return Err(error.into()),
                Err(error) => failed = Some((place, error)),
            }
        }
        if let Some((place, error)) = failed {
            self.lose(place, &error.into());
        }
        Ok(())
    }

    /// Does without a further channel. What came on it is confirmed by a look at the file on the first one, after it.
    fn lose(&mut self, place: usize, fault: &Fault) {
        tracing::debug!(?fault, "a further channel failed");
        if let Some(lane) = self.lanes.get_mut(place) {
            lane.lost = true;
        }
        if let Some(first) = self.lanes.first_mut() {
            first.look = None;
        }
        self.lost = true;
    }

    /// Takes an answer.
    fn came(&mut self, read: Read, reply: Result<Reply, Fault>) -> Result<(), Halt> {
        let Read { lane: place, offset, length: asked, memory } = read;
        let doing = &self.doing;
        let data = match reply {
            Ok(Reply::Data(data)) if data.len() <= asked as usize => Ok(data),
            Ok(_) => Err(Fault::from(protocol(doing))),
            Err(Fault::Refused(refusal)) if refusal.is_end() => Ok(Bytes::new()),
            Err(fault) => Err(fault),
        };
        let Some(lane) = self.lanes.get_mut(place) else { return Ok(()) };
        lane.under_way = lane.under_way.saturating_sub(u64::from(asked));
        let data = match data {
            // What comes on a channel that was given up would come after the look that confirms the rest.
            _ if lane.lost => {
                self.again.push_back(Gap { offset, length: asked, memory });
                return Ok(());
            }
            Ok(data) if data.is_empty() && place == 0 => {
                let (path, size) = (self.download.path, self.version.size);
                let detail = format!("`{path}` ends after {offset} bytes; it had {size} at first");
                return Err(Error::new(&codes::deliver::CHANGED, detail).into());
            }
            Ok(data) if !data.is_empty() => data,
            Err(fault) if place == 0 => return Err(fault.into_error(doing).into()),
            failed => {
                let ended = || Error::new(&codes::deliver::CHANGED, format!("the file ends after {offset} bytes"));
                let fault = failed.err().unwrap_or_else(|| ended().into());
                self.lose(place, &fault);
                self.again.push_back(Gap { offset, length: asked, memory });
                return Ok(());
            }
        };
        let came = u32::try_from(data.len()).unwrap_or(asked);
        lane.longest = lane.longest.max(came);
        if came < asked {
            // The server gives less at once than it was asked for, now or always: the rest is asked for again, and what
            // comes next in pieces of the longest that it gave.
            lane.length = lane.length.min(lane.longest);
            self.again.push_back(Gap { offset: offset + u64::from(came), length: asked - came, memory: None });
        }
        self.waiting.insert(offset, (data, memory));
        // A server that gives a byte at a time and leaves out the first read has one more wait for each byte of the file.
        if self.waiting.len() > self.most_waiting {
            return Err(protocol(&self.doing).into());
        }
        Ok(())
    }

    /// Hands over what has come without a gap.
    async fn land(&mut self) -> Result<(), Halt> {
        while let Some((data, _memory)) = self.waiting.remove(&self.download.landed()) {
            self.download.land(data).await?;
        }
        Ok(())
    }

    /// What the file is after it was read: the same by all handles.
    async fn look_again(mut self) -> Result<Option<Version>, Halt> {
        let mut lanes = std::mem::take(&mut self.lanes).into_iter();
        let Some(mut first) = lanes.next() else { return Ok(None) };
        if let Some(behind) = self.behind.take() {
            ends(&first.strand.client, behind, self.download.path, self.version.size).await?;
        }
        for lane in lanes.filter(|lane| !lane.lost) {
            let found = match lane.look {
                Some(look) => look_answered(&lane.strand.client, look).await,
                None => Ok(None),
            };
            match found {
                Ok(Some(found)) if found.agrees(self.version) => {}
                Ok(Some(found)) => return Err(Halt::Final(self.download.changed(self.version, found))),
                // Not by this handle, or its channel has gone: by the first one, once more.
                Ok(None) | Err(_) => first.look = None,
            }
        }
        let look = match first.look.take() {
            Some(look) => look,
            None => begin_look(&first.strand.client, &first.strand.file)?,
        };
        let (client, path, version) = (&first.strand.client, self.download.path, self.version);
        match look_answered(client, look).await {
            // Its handle does not tell the time, so its path has to.
            Ok(Some(found)) if found.agrees(version) && found.lacks_time_of(version) => {
                Ok(look_by_path(client, path).await?.or(Some(found)))
            }
            Ok(found) => Ok(found),
            // Not by its handle; perhaps by its path.
            Err(Fault::Refused(_)) => look_by_path(client, path).await,
            Err(Fault::Failed(error)) => Err(error.into()),
        }
    }
}

/// Whether the file ends where the server says. Some servers say too little of a file, 0 of one that they make as it is read:
/// then what was read is not the file, though nothing has changed.
async fn ends(client: &Client, behind: Pending, path: &str, size: u64) -> Result<(), Halt> {
    let refusal = match client.answer(BEHIND, behind).await {
        Ok(Reply::Data(data)) if !data.is_empty() => {
            let detail = format!("`{path}` goes on behind the {size} bytes that the server says it has");
            return Err(Error::new(&codes::deliver::CHANGED, detail).into());
        }
        Ok(_) => return Ok(()),
        Err(Fault::Refused(refusal)) => refusal.error(BEHIND),
        Err(Fault::Failed(error)) => return Err(error.into()),
    };
    // The end; or a server that does not read behind it in whatever way. That takes back nothing of what it has given.
    if refusal.is(&codes::deliver::BROKEN) { Err(refusal.into()) } else { Ok(()) }
}

/// How many bytes may be asked for and not landed, at a server this far away.
fn window(round_trip: Duration) -> u64 {
    let link = u128::from(BYTES_PER_SECOND) * round_trip.as_micros() / 1_000_000;
    u64::try_from(link).unwrap_or(WIDEST).clamp(NARROWEST, WIDEST)
}

/// How many pieces of so many bytes may wait for what is in front of them: those of a server that gives half of the least
/// that is asked for each time. Each takes about a hundred bytes beside its own, so a few thousand do no harm.
fn most_waiting(bytes: u64) -> usize {
    usize::try_from(bytes / u64::from(SHORTEST_READ / 2)).unwrap_or(usize::MAX).max(MOST_READS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_in_number_too() {
        assert_eq!(most_waiting(1), MOST_READS);
        assert_eq!(most_waiting(NARROWEST), 16_384);
        assert_eq!(most_waiting(WIDEST), 163_840);
    }

    #[test]
    fn the_window_grows_with_the_distance_within_bounds() {
        assert_eq!(window(Duration::ZERO), NARROWEST);
        assert_eq!(window(Duration::from_millis(20)), 20_000_000);
        assert_eq!(window(Duration::from_secs(100_000)), WIDEST);
    }
}
