//! The entries of a remote directory, in constant memory: each reply is handed over before it is forgotten.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use jiff::Timestamp;
use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{EntrySink, Listed, RemoteEntry};

use super::Sftp;
use super::client::{Client, protocol};
use super::directory::join;
use super::operation::{end, within};
use super::packet::{self, Name, READDIR, Reply, Request};
use super::requests::OpenFile;
use super::status::{Fault, Refusal};

/// For error messages.
const LIST: &str = "list a directory";
/// Requests sent at once at first: a small directory is read, its end included, in one round trip.
const FIRST: usize = 2;
/// The most requests sent at once. OpenSSH answers each with up to 100 entries.
const MOST: usize = 32;

/// Lists `directory` within the connector's time limit. A server that never ends the list is stopped by `most`.
pub(super) async fn list(
    engine: &Sftp,
    connector: &Connector,
    directory: &str,
    mut reading: Reading<'_>,
) -> Result<Listed> {
    within(&connector.settings, async {
        loop {
            let lease = engine.lease(connector).await?;
            let listed = read_all(lease.client(), directory, &mut reading).await;
            if !end(lease, &listed).await {
                return listed;
            }
        }
    })
    .await
}

/// A listing under way.
pub(super) struct Reading<'a> {
    most: u64,
    listed: Listed,
    entries: &'a mut dyn EntrySink,
}

impl<'a> Reading<'a> {
    /// A listing of at most so many entries.
    pub(super) fn new(most: u64, entries: &'a mut dyn EntrySink) -> Self {
        Self { most, listed: Listed { entries: 0, truncated: false }, entries }
    }

    /// Hands entries over; `false` where there is one too many.
    async fn take(&mut self, directory: &str, names: Vec<Name>) -> Result<bool> {
        for found in names {
            if matches!(&found.name[..], b"." | b"..") {
                continue;
            }
            if self.listed.entries == self.most {
                self.listed.truncated = true;
                return Ok(false);
            }
            self.entries.entry(entry(directory, &found)).await?;
            self.listed.entries += 1;
        }
        Ok(true)
    }
}

async fn read_all(client: &Client, directory: &str, reading: &mut Reading<'_>) -> Result<Listed> {
    let directory = if directory.is_empty() { "." } else { directory };
    let mut handle = open(client, directory).await?;
    let mut most_at_once = MOST;
    // Servers that work on requests side by side may be unable to read one directory side by side: those refuse one of
    // the first two. Nothing has been handed over yet, so the list is begun again, one request at a time.
    let mut first = client.ask_all(LIST, [READDIR; FIRST].map(|kind| request(kind, &handle))).await?;
    if first.iter().any(|answer| matches!(answer, Err(Fault::Refused(refusal)) if !refusal.is_end())) {
        handle = open(client, directory).await?;
        most_at_once = 1;
        first.clear();
    }
    let mut answers: FuturesOrdered<_> = FuturesOrdered::new();
    let mut at_once = most_at_once.min(FIRST);
    let mut ended = false;
    let mut first = first.into_iter();
    loop {
        while !ended && first.len() == 0 && answers.len() < at_once {
            let pending = client.begin(LIST, request(READDIR, &handle))?;
            answers.push_back(client.answer(LIST, pending));
        }
        let answer = match first.next() {
            Some(answer) => Some(answer),
            None => answers.next().await,
        };
        match answer {
            None => return Ok(reading.listed),
            Some(Ok(Reply::Names(names))) => {
                if !reading.take(directory, names).await? {
                    return Ok(reading.listed);
                }
                at_once = (at_once * 2).min(most_at_once);
            }
            Some(Ok(_)) => return Err(protocol(LIST)),
            // Where requests overtake each other, others may still bring entries.
            Some(Err(Fault::Refused(refusal))) if refusal.is_end() => ended = true,
            Some(Err(fault)) => return Err(fault.into_error(&format!("list `{directory}`"))),
        }
    }
}

fn request(kind: u8, handle: &Bytes) -> impl FnOnce(u32) -> Request {
    move |id| Request::new(kind, id).string(handle)
}

async fn open(client: &Client, directory: &str) -> Result<OpenFile> {
    let build = |id| Request::new(packet::OPENDIR, id).string(directory.as_bytes());
    match client.ask("open a directory", build).await {
        Ok(Reply::Handle(handle)) => Ok(client.opened(handle)),
        Ok(_) => Err(protocol("open a directory")),
        Err(Fault::Refused(refusal)) => Err(explain(client, refusal, directory).await?),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Why a directory can't be opened: some servers say only "Failure" of what is a file.
async fn explain(client: &Client, refusal: Refusal, directory: &str) -> Result<Error> {
    if !refusal.is_missing() {
        match client.stat(directory).await {
            Ok(Some(found)) if found.is_directory() == Some(false) => {
                let detail = format!("`{directory}` is a file, not a directory");
                return Ok(Error::new(&codes::deliver::DIRECTORY, detail));
            }
            Ok(None) => {
                let detail = format!("`{directory}` does not exist on the server");
                return Ok(Error::new(&codes::deliver::DIRECTORY, detail));
            }
            Ok(Some(_)) | Err(Fault::Refused(_)) => {}
            Err(Fault::Failed(error)) => return Err(error),
        }
    }
    Ok(refusal.error(&format!("list `{directory}`")))
}

/// Names that are not UTF-8 are shown with replacement characters: such a file can be seen, but not asked for.
fn entry(directory: &str, found: &Name) -> RemoteEntry {
    let attributes = &found.attributes;
    // Servers that send no permissions still write a line as `ls -l` does.
    let is_directory = attributes.is_directory().unwrap_or_else(|| found.line.first() == Some(&b'd'));
    RemoteEntry {
        path: join(directory, &String::from_utf8_lossy(&found.name)),
        is_directory,
        size: attributes.size,
        modified: attributes.modified.and_then(|seconds| Timestamp::from_second(i64::from(seconds)).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Attributes;
    use super::*;

    fn found(line: &'static str, permissions: Option<u32>) -> Name {
        let attributes = Attributes { permissions, size: Some(5), modified: Some(1_700_000_000), ..Default::default() };
        Name { name: Bytes::from_static(b"x"), line: Bytes::from_static(line.as_bytes()), attributes }
    }

    #[test]
    fn a_directory_is_what_the_server_says_is_one() {
        assert!(entry("/in", &found("", Some(0o040_755))).is_directory);
        assert!(!entry("/in", &found("drwx", Some(0o100_644))).is_directory);
        assert!(!entry("/in", &found("lrwx", Some(0o120_777))).is_directory);
        assert!(entry("/in", &found("drwxr-xr-x 2 a b", None)).is_directory);
        assert!(!entry("/in", &found("", None)).is_directory);
        assert!(entry("/in", &found("drwx", Some(0o755))).is_directory);
    }

    #[test]
    fn an_entry_has_its_path_size_and_time() {
        let listed = entry("in/", &found("", None));
        assert_eq!(listed.path, "in/x");
        assert_eq!(listed.size, Some(5));
        assert_eq!(listed.modified.unwrap().to_string(), "2023-11-14T22:13:20Z");
    }
}
