//! The single SFTP requests: look, open, close, rename, remove.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use sealpost_core::error::{Error, Result, codes};

use super::client::{Client, LARGEST_WRITE, protocol};
use super::packet::{self, Attributes, Reader, Reply, Request};
use super::status::{Fault, Refusal};
use super::wire::Pending;

/// An open file or directory. Dropped without being closed, it is closed in the background: a server's table of open files
/// must not fill with those of attempts that were cut off.
pub(super) struct OpenFile {
    client: Client,
    handle: Bytes,
    closed: AtomicBool,
}

impl std::ops::Deref for OpenFile {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.handle
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if !self.closed.load(Ordering::Relaxed) {
            self.client.forget(|id| Request::new(packet::CLOSE, id).string(&self.handle));
        }
    }
}

impl Client {
    async fn done(&self, what: &str, build: impl FnOnce(u32) -> Request) -> Result<(), Fault> {
        self.ask(what, build).await.map(drop)
    }

    /// The attributes of what a path names, following links; `None` where there is nothing.
    pub(super) async fn stat(&self, path: &str) -> Result<Option<Attributes>, Fault> {
        let asked = self.ask("look at a path", |id| Request::new(packet::STAT, id).string(path.as_bytes())).await;
        present(asked)
    }

    /// [`Self::stat`] of several paths in one round trip.
    pub(super) async fn stat_all(&self, paths: &[String]) -> Result<Vec<Result<Option<Attributes>, Fault>>> {
        let requests = paths.iter().map(|path| |id| Request::new(packet::STAT, id).string(path.as_bytes()));
        Ok(self.ask_all("look at paths", requests).await?.into_iter().map(present).collect())
    }

    /// The absolute path of `path`.
    pub(super) async fn real_path(&self, path: &str) -> Result<String, Fault> {
        one_name(self.ask("resolve a path", |id| Request::new(packet::REALPATH, id).string(path.as_bytes())).await)
    }

    /// Opens a file for writing with these flags; the server's defaults decide about permissions.
    pub(super) async fn open(&self, path: &str, flags: u32) -> Result<OpenFile, Fault> {
        let build = |id| Request::new(packet::OPEN, id).string(path.as_bytes()).u32(flags).u32(0);
        match self.ask("open a file", build).await? {
            Reply::Handle(handle) => Ok(self.opened(handle)),
            _ => Err(protocol("open a file").into()),
        }
    }

    /// The owner of a handle that the server gave.
    pub(super) fn opened(&self, handle: Bytes) -> OpenFile {
        OpenFile { client: self.clone(), handle, closed: AtomicBool::new(false) }
    }

    /// Writes a few bytes at the start of an open file.
    pub(super) async fn write_start(&self, handle: &Bytes, data: &[u8]) -> Result<(), Fault> {
        self.done("write", |id| Request::new(packet::WRITE, id).string(handle).u64(0).string(data)).await
    }

    /// Closes an open file.
    pub(super) async fn close(&self, handle: &OpenFile) -> Result<(), Fault> {
        let pending = self.begin_close(handle)?;
        self.answer("close a file", pending).await.map(drop)
    }

    /// Queues the closing of an open file.
    pub(super) fn begin_close(&self, handle: &OpenFile) -> Result<Pending> {
        // Queued at once, or the channel has ended and the file with it.
        handle.closed.store(true, Ordering::Relaxed);
        self.begin("close a file", |id| Request::new(packet::CLOSE, id).string(handle))
    }

    /// Queues a request to write an open file to the server's disk.
    pub(super) fn begin_fsync(&self, handle: &Bytes) -> Result<Pending> {
        let build = |id| Request::new(packet::EXTENDED, id).string(b"fsync@openssh.com").string(handle);
        self.begin("write a file to disk", build)
    }

    /// Queues a look at what a path names; [`present`] reads the answer.
    pub(super) fn begin_stat(&self, path: &str) -> Result<Pending> {
        self.begin("look at a path", |id| Request::new(packet::STAT, id).string(path.as_bytes()))
    }

    /// Removes a file.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Fault> {
        self.done("remove a file", |id| Request::new(packet::REMOVE, id).string(path.as_bytes())).await
    }

    /// Makes a directory.
    pub(super) async fn make_directory(&self, path: &str) -> Result<(), Fault> {
        self.done("make a directory", |id| Request::new(packet::MKDIR, id).string(path.as_bytes()).u32(0)).await
    }

    /// Renames; by the draft it fails where `to` exists, though some servers replace it.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        let build = |id| Request::new(packet::RENAME, id).string(from.as_bytes()).string(to.as_bytes());
        self.done("rename a file", build).await
    }

    /// Renames and replaces `to`, atomically where the server offers `posix-rename@openssh.com`. Elsewhere what stands in the
    /// way is moved to `aside` and removed when `from` has its place: then there is a moment without it.
    pub(super) async fn replace(&self, from: &str, to: &str, aside: &str) -> Result<(), Fault> {
        if self.features.posix_rename {
            let build = |id| {
                let request = Request::new(packet::EXTENDED, id).string(b"posix-rename@openssh.com");
                request.string(from.as_bytes()).string(to.as_bytes())
            };
            return self.done("rename a file", build).await;
        }
        match self.rename(from, to).await {
            Err(Fault::Refused(refusal)) if refusal.is_missing() || !self.is_in_the_way(from, to).await? => {
                Err(Fault::Refused(refusal))
            }
            // It is not removed before `from` has its place: the account may be allowed to remove, but not to rename. Where it
            // may not rename, it can't move this away either.
            Err(Fault::Refused(refusal)) => match self.rename(to, aside).await {
                Ok(()) => self.take_place(from, to, aside).await,
                // The first refusal says why.
                Err(Fault::Refused(_)) => Err(Fault::Refused(refusal)),
                Err(failed) => Err(failed),
            },
            other => other,
        }
    }

    /// Whether there is something at `to` that keeps `from` from its place. Where `from` is gone, `to` may be what an earlier
    /// attempt's rename, thought lost, has just published. A directory stays where it is.
    async fn is_in_the_way(&self, from: &str, to: &str) -> Result<bool, Fault> {
        let (gone, found) = tokio::join!(self.is_gone(from), self.stat(to));
        if gone? {
            return Ok(false);
        }
        match found {
            Ok(found) => Ok(found.is_some_and(|found| found.is_directory() != Some(true))),
            // A server that hides what is there.
            Err(Fault::Refused(_)) => Ok(true),
            Err(failed) => Err(failed),
        }
    }

    /// Renames to the place that was freed by moving what had it to `aside`. That is removed then, or put back.
    async fn take_place(&self, from: &str, to: &str, aside: &str) -> Result<(), Fault> {
        let refusal = match self.rename(from, to).await {
            Ok(()) => {
                return match self.remove(aside).await {
                    Ok(()) => Ok(()),
                    // Ours is there: that it stays, hidden, is for whoever may remove it.
                    Err(Fault::Refused(stuck)) => {
                        tracing::warn!(%aside, refusal = %stuck, "a file that was replaced can't be removed, and stays");
                        Ok(())
                    }
                    // It may still be there: the next attempt sees that the rename happened, and tidies up.
                    Err(failed) => Err(failed),
                };
            }
            Err(Fault::Refused(refusal)) => refusal,
            // Should it not have happened, it is done by the next attempt, which finds the place free.
            Err(failed) => return Err(failed),
        };
        // Where `from` is gone, an earlier attempt's rename has just taken the place.
        if !refusal.is_missing() && !self.is_gone(from).await? {
            match self.rename(aside, to).await {
                Ok(()) => {}
                Err(Fault::Refused(stuck)) => {
                    tracing::warn!(%aside, %to, refusal = %stuck, "a file that was to be replaced can't be put back yet");
                }
                Err(failed) => return Err(failed),
            }
        }
        Err(Fault::Refused(refusal))
    }

    /// Whether there is certainly nothing at `path`.
    pub(super) async fn is_gone(&self, path: &str) -> Result<bool, Fault> {
        match self.stat(path).await {
            Ok(found) => Ok(found.is_none()),
            // A server that hides what is there.
            Err(Fault::Refused(_)) => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    /// Bytes that are free for us on the file system of `path`; `None` where the server can't say.
    pub(super) async fn free_space(&self, path: &str) -> Option<u64> {
        if !self.features.statvfs {
            return None;
        }
        let build = |id| Request::new(packet::EXTENDED, id).string(b"statvfs@openssh.com").string(path.as_bytes());
        let Ok(Reply::Extended(reply)) = self.ask("ask for free space", build).await else { return None };
        let mut reader = Reader(reply);
        // f_bsize, f_frsize, f_blocks, f_bfree, f_bavail.
        let (_block, fragment) = (reader.u64()?, reader.u64()?);
        let (_blocks, _free, available) = (reader.u64()?, reader.u64()?, reader.u64()?);
        Some(fragment.saturating_mul(available))
    }

    /// The error of a refusal to write in `folder`: OpenSSH says "Failure" for a full disk, so its free space is asked
    /// for where no reason was given.
    pub(super) async fn explain(&self, refusal: Refusal, what: &str, folder: &str) -> Error {
        if refusal.is_unexplained()
            && let Some(free) = self.free_space(folder).await
            && free < u64::from(LARGEST_WRITE)
        {
            return Error::new(
                &codes::deliver::FULL,
                format!("{what}: the server says {refusal}, and has {free} bytes left in `{folder}`"),
            );
        }
        refusal.error(what)
    }
}

/// The longest path that a server may resolve one to, in bytes: as long as Linux has them (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// The path in the answer to a request to resolve one. It goes on into receipts, logs and messages, so it must be fit for
/// them.
pub(super) fn one_name(answer: Result<Reply, Fault>) -> Result<String, Fault> {
    let invalid = || protocol("resolve a path");
    let Reply::Names(names) = answer? else { return Err(invalid().into()) };
    let path = names.into_iter().next().ok_or_else(invalid)?.name;
    let unfit =
        |why: String| Error::new(&codes::deliver::PROTOCOL, format!("resolve a path: the server's answer {why}"));
    if path.len() > LONGEST_PATH {
        return Err(unfit(format!("has {} bytes; the most are {LONGEST_PATH}", path.len())).into());
    }
    let path = String::from_utf8(path.to_vec()).map_err(|_| invalid())?;
    if path.chars().any(char::is_control) {
        return Err(unfit("has control characters".to_owned()).into());
    }
    Ok(path)
}

/// What a path names, by the answer to a look at it; `None` where there is nothing.
pub(super) fn present(asked: Result<Reply, Fault>) -> Result<Option<Attributes>, Fault> {
    match asked {
        Ok(Reply::Attributes(attributes)) => Ok(Some(attributes)),
        Ok(_) => Err(protocol("look at a path").into()),
        Err(Fault::Refused(refusal)) if refusal.is_missing() => Ok(None),
        Err(fault) => Err(fault),
    }
}
