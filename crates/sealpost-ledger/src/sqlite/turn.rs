//! A write transaction: taking turns, sharing a commit, and what becomes of a connection when one ends badly.
//!
//! A turn runs its statements on the caller's thread; commits, which wait for the disk, have a thread of their own. Who waits
//! for a turn when the one before it ends takes it in the same transaction, under a savepoint, and one sync of the disk serves
//! all of them. Nobody waits for others to come, and nobody sees or hears of anything before it is committed.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;
use sealpost_core::error::codes;
use sealpost_core::{Error, Result};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use super::checkpoints::{self, Log};
use super::commits::{self, Asked};
use super::marks::{Marks, Touched};
use super::open::Opening;
use super::{Connection, Durability, fault};

/// The pause between two looks whether another process still writes. Each does for a millisecond or so.
const PAUSE: Duration = Duration::from_millis(2);

/// What writing needs. Shared, so that a write can go on when whoever asked for it is gone.
pub(super) struct Writing {
    opening: Opening,
    writer: Arc<Mutex<Writer>>,
    thread: mpsc::Sender<Asked>,
    pub(super) marks: Arc<Marks>,
}

impl Writing {
    /// Starts the thread that commits and the one that takes the log into the file, which end with this. Not one of the runtime's
    /// when it is needed: there may be none then, and the transaction would stay open for ever.
    pub(super) fn new(opening: Opening) -> std::io::Result<Self> {
        let (thread, own) = (commits::start()?, opening.clone());
        let checkpoints = checkpoints::start(move || checkpoints::take_in(&own))?;
        Ok(Self::beside(opening, thread, checkpoints))
    }

    /// Beside threads that have been started.
    pub(super) fn beside(opening: Opening, thread: mpsc::Sender<Asked>, checkpoints: mpsc::SyncSender<()>) -> Self {
        let (marks, log) = (Arc::<Marks>::default(), Log::of(opening.index(), checkpoints));
        let writer = Writer {
            thread: thread.clone(),
            marks: marks.clone(),
            log,
            connection: None,
            set: None,
            open: None,
            ended: Vec::new(),
        };
        Self { opening, writer: Arc::new(Mutex::new(writer)), thread, marks }
    }

    /// Asks the thread that waits for the disk. False when it is gone, as by a panic.
    pub(super) fn ask(&self, what: Asked) -> bool {
        self.thread.send(what).is_ok()
    }

    /// A write transaction. It sees the newest state and excludes every other writer, of other processes too.
    pub(super) async fn begin(&self, durability: Durability) -> Result<Turn> {
        // Before it takes its place in the line: each waits for itself, not for all those before it as well.
        let asked = Instant::now();
        let mut writer = self.writer.clone().lock_owned().await;
        while !writer.begin(&self.opening, durability, asked)? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Turn { writer, ended: false })
    }

    /// [`begin`](Self::begin) on the thread that waits for the disk: blocks it.
    pub(super) fn begin_here(&self, durability: Durability) -> Result<Turn> {
        let asked = Instant::now();
        let mut writer = self.writer.clone().blocking_lock_owned();
        while !writer.begin(&self.opening, durability, asked)? {
            std::thread::sleep(PAUSE);
        }
        Ok(Turn { writer, ended: false })
    }

    /// Commits what waits for it and closes the connection.
    pub(super) async fn close(&self) {
        let mut writer = self.writer.lock().await;
        writer.commit();
        writer.give_up();
        writer.log.forget_index();
    }
}

/// The connection that writes, and the transaction that it is in. One for all: what another connection writes makes the pages
/// that a connection has in memory old. Under a lock: SQLite has one writer at a time, and waiting on a lock in memory is fairer
/// and cheaper than its polling.
pub(super) struct Writer {
    /// The thread that waits for the disk.
    thread: mpsc::Sender<Asked>,
    marks: Arc<Marks>,
    log: Log,
    connection: Option<Connection>,
    /// The durability that the connection is set to.
    set: Option<Durability>,
    /// That of the transaction which is open.
    open: Option<Durability>,
    /// Turns of it that have ended, and wait for the commit. The first of them ended well.
    ended: Vec<Ended>,
}

struct Ended {
    /// `None` where it was taken back, and only what it was refused for waits.
    touched: Option<Touched>,
    told: oneshot::Sender<Result<()>>,
}

impl Writer {
    /// A transaction, or a savepoint in the one that is open. False where another process writes: to be asked again after a pause.
    fn begin(&mut self, opening: &Opening, durability: Durability, asked: Instant) -> Result<bool> {
        if self.open.is_some() {
            // Turns have ended, and the commit waits for the lock behind this one.
            return self.run("SAVEPOINT turn").map(|()| true).map_err(fault::write);
        }
        self.set_up(opening, durability)?;
        // IMMEDIATE, so that it never has to be begun again because another came between its read and its write.
        match self.run("BEGIN IMMEDIATE") {
            Ok(()) => {
                self.open = Some(durability);
                Ok(true)
            }
            // Waiting is done by who asks, where it may hold no thread.
            Err(error) if fault::is_busy(&error) && asked.elapsed() < opening.patience => Ok(false),
            Err(error) => Err(fault::write(error)),
        }
    }

    /// Opens the connection where there is none, and sets it to what the next transaction has to survive.
    fn set_up(&mut self, opening: &Opening, durability: Durability) -> Result<()> {
        if self.connection.is_none() {
            self.set = None;
            let connection = opening.connect().map_err(fault::write)?;
            connection.busy_timeout(Duration::ZERO).map_err(fault::write)?;
            self.connection = Some(connection);
        }
        if self.set != Some(durability) {
            let settings = match durability {
                // The usual number of pages after which the log is written into the file.
                Durability::Disk => "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000",
                // That waits for the disk, so it is left to those who do so anyway, or to a thread. Only where nobody can tell
                // how long the log is, it is done in the end.
                Durability::Process => "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 16000",
            };
            self.set = None;
            self.connection().and_then(|connection| connection.execute_batch(settings)).map_err(fault::write)?;
            self.set = Some(durability);
        }
        Ok(())
    }

    fn connection(&self) -> rusqlite::Result<&Connection> {
        // It is only gone after an end that nobody was told of yet.
        self.connection.as_ref().ok_or_else(|| {
            let gone = rusqlite::ffi::Error { code: ErrorCode::OperationAborted, extended_code: 4 };
            rusqlite::Error::SqliteFailure(gone, Some("the connection was given up".to_owned()))
        })
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection()?.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Ends the transaction, if one is open, and tells those who wait for it. Takes as long as the disk does. Nobody else can
    /// leave one open without a turn that has ended well.
    pub(super) fn commit(&mut self) {
        if self.open.take().is_none() {
            return;
        }
        let touched: Vec<_> = self.ended.iter_mut().filter_map(|turn| turn.touched.take()).collect();
        let committing = self.marks.before_commit(touched);
        let outcome = self.run("COMMIT").map_err(fault::write);
        match &outcome {
            // Before anyone else writes, and before anyone hears of it.
            Ok(()) => committing.into_iter().for_each(|committing| committing.done()),
            Err(_) => self.give_up(),
        }
        for turn in self.ended.drain(..) {
            // Who is gone finds out by reading, as after a lost answer.
            drop(turn.told.send(outcome.clone()));
        }
    }

    /// Without its connection, SQLite takes back what was not committed; the next turn opens a new one.
    fn give_up(&mut self) {
        self.connection = None;
        self.open = None;
    }

    /// The transaction is lost, and with it the turns that have ended.
    fn lose(&mut self, error: &Error) {
        self.give_up();
        for turn in self.ended.drain(..) {
            drop(turn.told.send(Err(error.clone())));
        }
    }

    /// Takes back what the turn did, which others may have been before. Whether a transaction of others is still open.
    ///
    /// # Errors
    /// What the loss is told as, where SQLite has ended the transaction by itself (full disk: the turn's own error) or can't take
    /// the turn back.
    fn take_back(&mut self, error: &Error) -> Result<bool> {
        let lost = if self.connection().map_or(true, Connection::is_autocommit) {
            error.clone()
        } else if self.ended.is_empty() {
            match self.run("ROLLBACK") {
                Ok(()) => {
                    self.open = None;
                    return Ok(false);
                }
                Err(failed) => fault::write(failed),
            }
        } else {
            match self.run("ROLLBACK TO turn").and_then(|()| self.run("RELEASE turn")) {
                Ok(()) => return Ok(true),
                Err(failed) => fault::write(failed),
            }
        };
        self.lose(&lost);
        Err(lost)
    }
}

/// One turn of writing. Dropped before its end, as by a panic, it is taken back.
pub(super) struct Turn {
    writer: OwnedMutexGuard<Writer>,
    ended: bool,
}

impl Turn {
    /// The connection, inside the transaction.
    #[expect(clippy::expect_used, reason = "beginning a turn opens it, and only ends give it up")]
    pub(super) fn connection(&self) -> &Connection {
        self.writer.connection.as_ref().expect("a turn has a connection")
    }

    /// Commits what went well; takes back all of what did not. Either is told once what it rests on is committed.
    pub(super) async fn end<T>(self, outcome: Result<T>) -> Result<T> {
        self.end_touching(outcome, |_| Touched::Anything).await
    }

    /// [`end`](Self::end) of a turn of which it is known what it changes of reports.
    pub(super) async fn end_touching<T>(
        mut self,
        outcome: Result<T>,
        touched: impl FnOnce(&T) -> Touched,
    ) -> Result<T> {
        let (outcome, committed) = self.leave(outcome, touched)?;
        if self.writer.open == Some(Durability::Process) {
            // Costs microseconds, and nobody has to wait for it.
            self.writer.commit();
            self.writer.log.has_grown();
        } else if self.writer.ended.len() == 1 {
            // Behind those who wait for their turns already. Not by this caller, who may go away.
            let shared = OwnedMutexGuard::mutex(&self.writer).clone();
            if self.writer.thread.send(Asked::Commit(shared)).is_err() {
                // The thread is gone, as by a panic.
                self.writer.commit();
            }
        }
        drop(self);
        committed.await.map_err(|_| gone())??;
        outcome
    }

    /// [`end_touching`](Self::end_touching) on the thread that waits for the disk, which commits by itself: behind those who wait
    /// for their turns already.
    pub(super) fn end_here<T>(mut self, outcome: Result<T>, touched: impl FnOnce(&T) -> Touched) -> Result<T> {
        let (outcome, committed) = self.leave(outcome, touched)?;
        let shared = OwnedMutexGuard::mutex(&self.writer).clone();
        drop(self);
        shared.blocking_lock().commit();
        committed.blocking_recv().map_err(|_| gone())??;
        outcome
    }

    /// Ends the turn, and lets it wait for the commit.
    ///
    /// # Errors
    /// The outcome, where nothing of it waits for a commit.
    fn leave<T>(
        &mut self,
        outcome: Result<T>,
        touched: impl FnOnce(&T) -> Touched,
    ) -> Result<(Result<T>, oneshot::Receiver<Result<()>>)> {
        self.ended = true;
        let is_first = self.writer.ended.is_empty();
        let outcome = match outcome {
            Ok(value) if !is_first => self.writer.run("RELEASE turn").map(|()| value).map_err(fault::write),
            outcome => outcome,
        };
        let (touched, outcome) = match outcome {
            Ok(value) => (Some(touched(&value)), Ok(value)),
            // It may be refused because of what another turn did, which nobody may hear of before it is committed.
            Err(error) if self.writer.take_back(&error)? => (None, Err(error)),
            Err(error) => return Err(error),
        };
        let (told, committed) = oneshot::channel();
        self.writer.ended.push(Ended { touched, told });
        Ok((outcome, committed))
    }
}

/// What a turn is told whose transaction went with the program.
fn gone() -> Error {
    Error::new(&codes::ledger::UNREACHABLE, "write: the program ended before the commit")
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            // Nobody is left to hear of it.
            drop(self.writer.take_back(&Error::new(&codes::ledger::UNREACHABLE, "write: the step was broken off")));
        }
    }
}
