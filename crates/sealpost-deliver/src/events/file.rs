//! Events in a file, a line of JSON each; on the disk before the event counts as taken.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use schemars::JsonSchema;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{TransferEvent, TransferEventSink};
use serde::{Deserialize, Serialize};

use super::EventParts;
use super::turn::Turn;

/// Where the file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSinkSettings {
    /// The file; its folder must exist. It is made with mode 0600, and made again after a rotation renamed or removed it.
    /// Relative to the configuration file.
    pub path: PathBuf,
}

pub(super) struct FileSink {
    lines: Arc<Lines>,
    turn: Turn,
}

/// The file as far as it is open. Several processes may write to one file: each line is one appending write.
struct Lines {
    path: PathBuf,
    open: Mutex<Option<File>>,
}

impl FileSink {
    pub(super) fn new(settings: &FileSinkSettings, parts: &EventParts) -> Self {
        let lines = Lines { path: parts.base_folder.join(&settings.path), open: Mutex::default() };
        Self { lines: Arc::new(lines), turn: Turn::default() }
    }
}

#[async_trait]
impl TransferEventSink for FileSink {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn publish(&self, event: &TransferEvent) -> Result<()> {
        let (lines, line) = (self.lines.clone(), format!("{}\n", event.envelope));
        let written = self.turn.write(move || lines.append(&line)).await;
        let place = self.lines.path.display();
        written.map_err(|error| Error::new(&codes::notify::EVENT_SINK, format!("{place}: {error}")))
    }
}

impl Lines {
    fn append(&self, line: &str) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = match open.take().filter(|file| is_at(file, &self.path)) {
            Some(file) => file,
            None => begin(&self.path)?,
        };
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        // After a failure it is opened anew, which ends a line that was left half written.
        *open = Some(file);
        Ok(())
    }
}

/// Whether the path still leads to this file: a rotation puts it elsewhere.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let (ours, theirs) = (file.metadata().map(identity), std::fs::metadata(path).map(identity));
    matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs)
}

fn begin(path: &Path) -> std::io::Result<File> {
    let is_new = std::fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if is_new && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // The name is on the disk as well.
        File::open(folder)?.sync_all()?;
    }
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}
