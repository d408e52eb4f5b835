//! How far a file has come: what is read and waits to be sent, and what is on its way, over all channels.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, SemaphorePermit};

use super::status::Refusal;

/// How far beyond the last byte that is confirmed without a gap anything is ever sent.
///
/// A promise to later attempts, not only a tuning knob: a server may work on requests in any order, and those of
/// several channels do not wait for each other. All that an interrupted attempt proves is that everything below its file's
/// size *minus this window* was written. Making it smaller would make files of earlier versions look more complete than
/// they are.
pub(super) const WINDOW: u64 = 32 << 20;

/// Bytes that were read, with their share of the memory that all files read ahead in.
pub(super) struct Block {
    pub(super) bytes: Bytes,
    #[expect(dead_code, reason = "held until the bytes are on their way")]
    pub(super) memory: Option<SemaphorePermit<'static>>,
}

/// A write to be sent.
pub(super) struct Write {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) data: Bytes,
}

/// Why nothing more is sent before the file's end.
pub(super) enum Stop {
    /// The server refused a write.
    Refused(Refusal),
    /// A channel beside the first one does not work; the first one may.
    Retreat,
}

/// Whether there is something to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    Ready,
    /// Not before something changes.
    Wait,
    Over,
}

struct State {
    blocks: VecDeque<Block>,
    /// Whether the last block has been read.
    read_all: bool,
    /// Where the first waiting block begins in the file.
    offset: u64,
    /// For each write on its way its end and whether the reply has come; in the order of offsets.
    outstanding: VecDeque<(u64, bool)>,
    /// The number of the first of them.
    first: u64,
    confirmed: u64,
    stop: Option<Stop>,
}

/// One file's way.
pub(super) struct Flow {
    state: Mutex<State>,
    changed: Notify,
}

impl Flow {
    pub(super) fn new(from: u64) -> Self {
        let state = State {
            blocks: VecDeque::new(),
            read_all: false,
            offset: from,
            outstanding: VecDeque::new(),
            first: 0,
            confirmed: from,
            stop: None,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends with the next change. To be enabled before looking.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Adds a block.
    pub(super) fn push(&self, block: Block) {
        self.state().blocks.push_back(block);
        self.changed.notify_waiters();
    }

    /// Notes that no further block comes.
    pub(super) fn read_all(&self) {
        self.state().read_all = true;
        self.changed.notify_waiters();
    }

    /// Blocks that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.state().blocks.len()
    }

    /// Nothing more is sent; the first reason counts.
    pub(super) fn stop(&self, stop: Stop) {
        self.state().stop.get_or_insert(stop);
        self.changed.notify_waiters();
    }

    /// Whether sending has stopped early.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().stop.is_some()
    }

    /// Whether a write of up to `most` bytes may be sent.
    pub(super) fn outlook(&self, most: u32) -> Outlook {
        self.state().outlook(most)
    }

    /// Takes the next write, which counts as on its way from now on.
    pub(super) fn take(&self, most: u32) -> Option<Write> {
        let mut state = self.state();
        if state.outlook(most) != Outlook::Ready {
            return None;
        }
        let block = state.blocks.front_mut()?;
        let data = block.bytes.split_to(block.bytes.len().min(most as usize));
        if block.bytes.is_empty() {
            state.blocks.pop_front();
        }
        let offset = state.offset;
        state.offset += data.len() as u64;
        let end = state.offset;
        let number = state.first + state.outstanding.len() as u64;
        state.outstanding.push_back((end, false));
        let emptied = state.blocks.is_empty();
        drop(state);
        if emptied {
            self.changed.notify_waiters();
        }
        Some(Write { number, offset, data })
    }

    /// Notes that a write was done. Returns how far the file is confirmed without a gap.
    pub(super) fn landed(&self, number: u64) -> u64 {
        let mut state = self.state();
        let place = usize::try_from(number.wrapping_sub(state.first)).unwrap_or(usize::MAX);
        if let Some(write) = state.outstanding.get_mut(place) {
            write.1 = true;
        }
        let before = state.confirmed;
        while let Some((end, true)) = state.outstanding.front().copied() {
            state.confirmed = end;
            state.first += 1;
            state.outstanding.pop_front();
        }
        let confirmed = state.confirmed;
        drop(state);
        if confirmed != before {
            self.changed.notify_waiters();
        }
        confirmed
    }

    /// How far the file is confirmed without a gap, and why sending stopped early, where it did.
    pub(super) fn outcome(self) -> (u64, Option<Stop>) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.confirmed, state.stop)
    }
}

impl State {
    fn outlook(&self, most: u32) -> Outlook {
        if self.stop.is_some() {
            return Outlook::Over;
        }
        match self.blocks.front() {
            None if self.read_all => Outlook::Over,
            None => Outlook::Wait,
            Some(block) => {
                let end = self.offset + u64::from(most).min(block.bytes.len() as u64);
                if end <= self.confirmed + WINDOW { Outlook::Ready } else { Outlook::Wait }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u32 = 1 << 20;

    fn flow(mib: usize) -> Flow {
        let flow = Flow::new(0);
        for _ in 0..mib {
            flow.push(Block { bytes: Bytes::from(vec![0; MIB as usize]), memory: None });
        }
        flow.read_all();
        flow
    }

    #[test]
    fn nothing_is_sent_beyond_the_window_whatever_else_was_answered() {
        let flow = flow(40);
        let first = flow.take(MIB).unwrap();
        let others: Vec<Write> = std::iter::from_fn(|| flow.take(MIB)).collect();
        assert_eq!(others.last().unwrap().offset + u64::from(MIB), WINDOW);
        for write in &others {
            assert_eq!(flow.landed(write.number), 0);
        }
        assert_eq!(flow.outlook(MIB), Outlook::Wait);
        assert_eq!(flow.landed(first.number), WINDOW);
        assert_eq!(flow.outlook(MIB), Outlook::Ready);
    }

    #[test]
    fn a_file_is_over_when_all_of_it_was_taken_or_something_stopped_it() {
        let flow_to_end = flow(2);
        assert_eq!(flow_to_end.take(MIB * 2).unwrap().data.len(), MIB as usize);
        assert_eq!(flow_to_end.outlook(MIB), Outlook::Ready);
        flow_to_end.take(MIB).unwrap();
        assert_eq!(flow_to_end.outlook(MIB), Outlook::Over);
        let stopped = flow(2);
        stopped.stop(Stop::Retreat);
        assert_eq!(stopped.outlook(MIB), Outlook::Over);
        assert!(stopped.take(MIB).is_none());
    }
}
