//! Bytes on their way: in order, each handed over when its time has come.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

/// Most bytes of one connection on their way in one direction: five times what 1 Gbit/s holds in 100 ms, so that it is
/// never this that limits, and a server that has stopped reading does stop the sender.
const MOST: usize = 64 << 20;

/// One direction of one connection.
#[derive(Default)]
pub(super) struct Lane {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    held: usize,
    abandoned: bool,
}

impl Lane {
    /// Hands in bytes that arrive at `due`; no bytes are the end. Waits while too much is on its way. `false` when
    /// nobody takes them any more.
    pub(super) fn push(&self, due: Instant, bytes: &[u8]) -> bool {
        let mut state = self.state.lock().unwrap();
        while state.held >= MOST && !state.abandoned {
            state = self.changed.wait(state).unwrap();
        }
        state.held += bytes.len();
        state.pieces.push_back((due, bytes.to_vec()));
        self.changed.notify_all();
        !state.abandoned
    }

    /// The next bytes, when they are due; `None` when it was abandoned.
    pub(super) fn pop(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock().unwrap();
        loop {
            if state.abandoned {
                return None;
            }
            if let Some((due, bytes)) = state.pieces.pop_front() {
                // A sender waits only for room: waking it for every piece would cost a switch each.
                let was_full = state.held >= MOST;
                state.held -= bytes.len();
                drop(state);
                if was_full {
                    self.changed.notify_all();
                }
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                return Some(bytes);
            }
            state = self.changed.wait(state).unwrap();
        }
    }

    /// Ends it: one of the connections is gone.
    pub(super) fn abandon(&self) {
        self.state.lock().unwrap().abandoned = true;
        self.changed.notify_all();
    }
}
