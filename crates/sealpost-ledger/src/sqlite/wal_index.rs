//! The header of the write-ahead log's index, the file `-shm`: it changes with every transaction, of whatever process.
//!
//! Its format: <https://www.sqlite.org/walformat.html#the_wal_index_header>. SQLite writes it by a memory map; reading the
//! file shows the same pages, takes no lock and none of SQLite's mutexes, and costs less than a microsecond.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The one version of the format that there has been.
const VERSION: u32 = 3_007_000;
/// Bytes of one of the two copies of the header.
const SIZE: usize = 48;

/// The header as it was at one moment. Where two are equal, no transaction lies between them: it has the checksum over
/// the log up to its last frame, the log's salts, and a number that each transaction counts up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header([u8; SIZE]);

impl Header {
    /// Of the two copies; `None` while they differ (a transaction is being noted) and for a format that we don't know.
    fn of(copies: &[u8; 2 * SIZE]) -> Option<Self> {
        let (first, second) = copies.split_at(SIZE);
        let header = Self(first.try_into().ok()?);
        let is_initialised = header.0[12] == 1;
        (first == second && header.number(0) == VERSION && is_initialised).then_some(header)
    }

    fn number(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        // In the machine's own byte order, unlike everything else of SQLite.
        u32::from_ne_bytes(bytes)
    }

    /// How many frames the log has.
    pub(super) fn frames(&self) -> u32 {
        self.number(16)
    }

    /// Whether exactly one transaction lies between the other one and this one.
    pub(super) fn is_next_after(&self, other: &Self) -> bool {
        self.number(8) == other.number(8).wrapping_add(1)
    }

    /// How many transactions lie between the other one and this one.
    #[cfg(test)]
    pub(super) fn transactions_since(&self, other: &Self) -> u32 {
        self.number(8).wrapping_sub(other.number(8))
    }
}

/// The index of one ledger's log. It is only good while a connection of this process has the log open: without any,
/// SQLite removes the file, and makes another one later.
#[derive(Debug, Clone, Copy)]
pub(super) struct WalIndex(&'static File);

/// Files that were opened, by device and inode. They are never closed: closing *any* descriptor of a file ends all
/// locks that the process has on it (POSIX, `fcntl`), those of SQLite's own descriptor too.
static OPENED: Mutex<Vec<((u64, u64), WalIndex)>> = Mutex::new(Vec::new());

impl WalIndex {
    /// The index beside a ledger's file, which a connection has open. `None` where it can't be read.
    pub(super) fn beside(ledger: &Path) -> Option<Self> {
        let mut path = std::fs::canonicalize(ledger).ok()?.into_os_string();
        path.push("-shm");
        let path = PathBuf::from(path);
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        // By a look that opens nothing, see above.
        let met = std::fs::metadata(&path).ok()?;
        let place = (met.dev(), met.ino());
        if let Some((_, index)) = opened.iter().find(|(known, _)| *known == place) {
            return Some(*index);
        }
        let index = Self(Box::leak(Box::new(File::open(&path).ok()?)));
        let met = index.0.metadata().ok()?;
        opened.push(((met.dev(), met.ino()), index));
        Some(index)
    }

    /// The header as it is now.
    pub(super) fn header(self) -> Option<Header> {
        let mut copies = [0; 2 * SIZE];
        self.0.read_exact_at(&mut copies, 0).ok()?;
        Header::of(&copies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(version: u32, changes: u32) -> [u8; 2 * SIZE] {
        let mut one = [0; SIZE];
        one[..4].copy_from_slice(&version.to_ne_bytes());
        one[8..12].copy_from_slice(&changes.to_ne_bytes());
        one[12] = 1;
        [one, one].concat().try_into().expect("two copies")
    }

    #[test]
    fn only_a_whole_header_of_the_known_format_is_read() {
        let whole = copies(VERSION, 7);
        assert!(Header::of(&whole).is_some());
        assert_eq!(Header::of(&copies(VERSION + 1, 7)), None);
        for wrong in [12, 40, SIZE + 40] {
            let mut torn = whole;
            torn[wrong] ^= 2;
            assert_eq!(Header::of(&torn), None, "{wrong}");
        }
    }

    #[test]
    fn transactions_are_counted_around_the_end_of_the_numbers() {
        let header = |changes| Header::of(&copies(VERSION, changes)).expect("a header");
        assert!(header(8).is_next_after(&header(7)) && header(0).is_next_after(&header(u32::MAX)));
        assert!(!header(9).is_next_after(&header(7)) && !header(7).is_next_after(&header(7)));
    }
}
