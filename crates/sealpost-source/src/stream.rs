//! The rows of a query that a task reads ahead of its consumer, by a bounded number of batches.

use async_trait::async_trait;
use sealpost_core::batch::Batch;
use sealpost_core::error::codes::source::BROKEN;
use sealpost_core::port::RowStream;
use sealpost_core::{Error, Result};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Batches between reader and consumer: with one in each hand, memory is bounded by eight of about 256 KiB. A slow
/// consumer fills it, the reader stops reading, and the server stops sending. With fewer, a consumer runs dry whenever the reader has
/// to wait for a processor.
const AHEAD: usize = 6;

/// What the reading task says.
pub(crate) enum Said {
    /// Rows, at least one.
    Rows(Batch),
    /// The result is complete.
    End,
}

/// The reading task's end of the channel.
pub(crate) struct Mouth(mpsc::Sender<Result<Said>>);

impl Mouth {
    /// Hands on, waiting while the consumer is busy. `false` when nobody listens any more.
    pub(crate) async fn say(&self, said: Result<Said>) -> bool {
        self.0.send(said).await.is_ok()
    }
}

/// A stream fed by a task.
pub(crate) struct TaskStream {
    heard: mpsc::Receiver<Result<Said>>,
    task: AbortHandle,
    over: Option<Result<()>>,
}

impl TaskStream {
    /// Starts the task. When the stream is dropped the task is aborted, and what the task holds ends the query.
    pub(crate) fn start<F>(read: impl FnOnce(Mouth) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, heard) = mpsc::channel(AHEAD);
        let task = tokio::spawn(read(Mouth(sender))).abort_handle();
        Self { heard, task, over: None }
    }
}

#[async_trait]
impl RowStream for TaskStream {
    async fn next(&mut self) -> Result<Option<Batch>> {
        // A failure stays one: asked again, it must not look like the end of the rows.
        if let Some(over) = &self.over {
            return over.clone().map(|()| None);
        }
        match self.heard.recv().await {
            Some(Ok(Said::Rows(batch))) => Ok(Some(batch)),
            Some(Ok(Said::End)) => {
                self.over = Some(Ok(()));
                Ok(None)
            }
            Some(Err(error)) => {
                self.over = Some(Err(error.clone()));
                Err(error)
            }
            // Only a task that panicked or was stopped with its runtime says nothing: that is no end of the rows.
            None => Err(Error::new(&BROKEN, "the reader of the result stopped")),
        }
    }
}

impl Drop for TaskStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
