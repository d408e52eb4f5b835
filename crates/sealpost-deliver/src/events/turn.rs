//! One writer at a time, on a thread that may be held up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long an event waits for its turn. Those before it take a moment each, unless nobody reads the pipe or the disk hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose turn it is to write to a sink.
///
/// A write that hangs holds its thread, and nothing ends it. The runtime has some hundred such threads for all that blocks, so
/// nothing else begins with the same sink before that write has ended, though whoever asked for it has long gone.
pub(super) struct Turn {
    writer: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Turn {
    fn default() -> Self {
        Self::waiting(PATIENCE)
    }
}

impl Turn {
    fn waiting(patience: Duration) -> Self {
        Self { writer: Arc::new(Semaphore::new(1)), patience }
    }

    /// Writes when it is its turn, and tells how that went.
    ///
    /// # Errors
    /// What `write` says; or that its turn has not come.
    pub(super) async fn write(&self, write: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let Ok(Ok(turn)) = timeout(self.patience, self.writer.clone().acquire_owned()).await else {
            return Err(io::Error::other("what was written before is not taken"));
        };
        let written = spawn_blocking(move || {
            let written = write();
            drop(turn);
            written
        });
        written.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// A pipe that nobody reads, as far as the sink can tell.
    #[tokio::test]
    async fn a_write_that_hangs_takes_one_thread_whatever_comes_after_it() {
        let turn = Turn::waiting(Duration::from_millis(10));
        let (reader, pipe) = mpsc::channel::<()>();
        let hanging = turn.write(move || pipe.recv().map_err(io::Error::other));
        timeout(Duration::from_millis(10), hanging).await.expect_err("nobody reads");
        let begun = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let begun = begun.clone();
            let error = turn.write(move || {
                begun.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
            let error = error.await.expect_err("another one still writes");
            assert!(error.to_string().contains("before"), "{error}");
        }
        assert_eq!(begun.load(Ordering::Relaxed), 0);
        // Somebody reads.
        reader.send(()).expect("the writer is still there");
        while turn.write(|| Ok(())).await.is_err() {}
    }

    #[tokio::test]
    async fn a_write_that_fails_or_panics_gives_its_turn_back() {
        let turn = Turn::default();
        let full = || Err(io::Error::other("full"));
        assert_eq!(turn.write(full).await.expect_err("it is full").to_string(), "full");
        turn.write(|| panic!("on purpose")).await.expect_err("it panics");
        turn.write(|| Ok(())).await.expect("its turn");
    }
}
