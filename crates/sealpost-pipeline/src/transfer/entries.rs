//! The file that a directory listing is: `{"files":[…],"paths":[…],"truncated":…}`, as AWS Transfer Family writes it.
//!
//! Entries come in the server's order, files and directories mixed. Files are written as they come; directories, which
//! stand behind them, wait compressed: 200,000 of them in some megabytes.

use std::io::{Read, Write};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{EntrySink, RemoteEntry};
use sealpost_store::{ObjectUpload, StoredObject};
use serde::Serialize;

use super::attempt::Progress;
use crate::breaker::Passage;

#[cfg(test)]
mod tests;

/// Bytes handed to the store at once.
const CHUNK: usize = 128 * 1024;
/// The longest path of an entry, in bytes: as long as Linux has them (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;
/// Most bytes that directories may wait in, compressed.
const MOST_WAITING: usize = 32 << 20;
/// Most bytes of a listing, whatever files may have.
pub(super) const LARGEST: u64 = 1 << 30;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileRow<'a> {
    file_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

#[derive(Serialize)]
struct PathRow<'a> {
    path: &'a str,
}

/// A listing on its way into the store.
pub(super) struct ListingFile<'a> {
    upload: ObjectUpload,
    passage: &'a Passage,
    progress: &'a Progress,
    /// Most bytes of the whole file.
    most: u64,
    buffer: Vec<u8>,
    has_files: bool,
    directories: ZlibEncoder<Vec<u8>>,
    has_directories: bool,
}

impl<'a> ListingFile<'a> {
    /// A listing of at most so many bytes.
    pub(super) fn new(upload: ObjectUpload, passage: &'a Passage, progress: &'a Progress, most: u64) -> Self {
        let mut buffer = Vec::with_capacity(CHUNK + 4096);
        buffer.extend_from_slice(b"{\"files\":[");
        let directories = ZlibEncoder::new(Vec::new(), Compression::fast());
        Self { upload, passage, progress, most, buffer, has_files: false, directories, has_directories: false }
    }

    /// Refuses what no server that means well has: it would cost our memory, or fill the store.
    fn check(&self) -> Result<()> {
        let size = self.upload.size() + self.buffer.len() as u64 + self.directories.total_in();
        let waiting = self.directories.get_ref().len();
        if size <= self.most && waiting <= MOST_WAITING {
            return Ok(());
        }
        let detail = if waiting > MOST_WAITING {
            format!("the names of the directories have more than {MOST_WAITING} bytes, compressed")
        } else {
            format!("the listing has more than {} bytes", self.most)
        };
        Err(Error::new(&codes::deliver::TOO_LARGE, detail))
    }

    /// Completes the file.
    pub(super) async fn finish(mut self, truncated: bool) -> Result<StoredObject> {
        self.buffer.extend_from_slice(b"],\"paths\":[");
        let compressed = self.directories.finish().map_err(defect)?;
        let mut directories = ZlibDecoder::new(compressed.as_slice());
        loop {
            let taken = (&mut directories).take(CHUNK as u64).read_to_end(&mut self.buffer).map_err(defect)?;
            if taken == 0 {
                break;
            }
            hand_over(&mut self.upload, &mut self.buffer, self.progress).await?;
        }
        self.buffer.extend_from_slice(format!("],\"truncated\":{truncated}}}\n").as_bytes());
        hand_over(&mut self.upload, &mut self.buffer, self.progress).await?;
        self.upload.finish().await
    }
}

#[async_trait]
impl EntrySink for ListingFile<'_> {
    async fn entry(&mut self, entry: RemoteEntry) -> Result<()> {
        self.passage.reached();
        if entry.path.len() > LONGEST_PATH {
            let detail = format!(
                "a directory has an entry whose path has {} bytes; the most are {LONGEST_PATH}",
                entry.path.len()
            );
            return Err(Error::new(&codes::deliver::PROTOCOL, detail));
        }
        if entry.is_directory {
            if std::mem::replace(&mut self.has_directories, true) {
                self.directories.write_all(b",").map_err(defect)?;
            }
            serde_json::to_writer(&mut self.directories, &PathRow { path: &entry.path }).map_err(defect)?;
            return self.check();
        }
        if std::mem::replace(&mut self.has_files, true) {
            self.buffer.push(b',');
        }
        let row = FileRow {
            file_path: &entry.path,
            modified_timestamp: entry.modified.map(|at| at.to_string()),
            size: entry.size,
        };
        serde_json::to_writer(&mut self.buffer, &row).map_err(defect)?;
        self.check()?;
        if self.buffer.len() >= CHUNK {
            hand_over(&mut self.upload, &mut self.buffer, self.progress).await?;
        }
        Ok(())
    }
}

async fn hand_over(upload: &mut ObjectUpload, buffer: &mut Vec<u8>, progress: &Progress) -> Result<()> {
    progress.add(buffer.len() as u64);
    upload.write(Bytes::copy_from_slice(buffer)).await?;
    buffer.clear();
    Ok(())
}

/// Writing into memory does not fail.
fn defect(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(&codes::ledger::DEFECT, format!("a listing's text: {error}")).caused_by(error)
}
