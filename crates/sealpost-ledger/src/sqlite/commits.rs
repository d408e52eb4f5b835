//! The thread that waits for the disk: it commits and admits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use tokio::sync::Mutex;

use super::admit::together::Admissions;
use super::turn::{Writer, Writing};

/// What the thread is asked for.
pub(super) enum Asked {
    /// To commit when it has the lock, behind those who wait for their turns already.
    Commit(Arc<Mutex<Writer>>),
    /// To admit those who wait, in a transaction that it commits by itself. A task of the runtime would be woken, and wait behind
    /// others of the runtime, between any two of its transactions; all that time nobody would write.
    Admit(Arc<Admissions>, Arc<Writing>),
}

/// Starts the thread. It ends when nobody can ask any more.
pub(super) fn start() -> std::io::Result<mpsc::Sender<Asked>> {
    let (sender, asked) = mpsc::channel();
    let thread = std::thread::Builder::new().name("ledger-commit".to_owned());
    thread.spawn(move || {
        for asked in asked {
            // A panic ends what was asked for, whose callers hear of it, and not the thread, for which others wait.
            drop(catch_unwind(AssertUnwindSafe(|| match asked {
                Asked::Commit(writer) => writer.blocking_lock().commit(),
                Asked::Admit(admissions, writing) => admissions.admit_some(writing),
            })));
        }
    })?;
    Ok(sender)
}
