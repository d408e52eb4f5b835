//! What is transferred, how far, and which ratio we aim at.

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) direction: Direction,
    pub(crate) shape: Shape,
    /// The round trip to the server in milliseconds; 0 is loopback.
    pub(crate) round_trip_ms: u64,
    /// Whom the ratio compares us with.
    pub(crate) beside: Beside,
    /// The ratio that we aim at.
    pub(crate) reach: f64,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Send,
    Retrieve,
}

/// Files of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// A peer of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// OpenSSH's client at its best.
    TunedSftp,
    /// Whoever was fastest in this run.
    Fastest,
}

use Beside::{Fastest, TunedSftp};
use Direction::{Retrieve, Send};

const LARGE: Shape = Shape { files: 1, bytes: 1 << 30 };
const MEDIUM: Shape = Shape { files: 1, bytes: 256 << 20 };
const ONE: Shape = Shape { files: 1, bytes: 20 << 10 };
const SMALL: Shape = Shape { files: 1_000, bytes: 20 << 10 };

/// All of them, in the order of the table.
pub(crate) const WORKLOADS: [Workload; 14] = [
    row("send 1 GiB, loopback", Send, LARGE, 0, TunedSftp, 1.15),
    row("retrieve 1 GiB, loopback", Retrieve, LARGE, 0, TunedSftp, 1.1),
    row("send 1,000 × 20 KiB, loopback", Send, SMALL, 0, Fastest, 3.0),
    row("retrieve 1,000 × 20 KiB, loopback", Retrieve, SMALL, 0, Fastest, 3.0),
    // Round trips until the first byte, and after the last one.
    row("send 20 KiB, 50 ms", Send, ONE, 50, Fastest, 1.0),
    row("retrieve 20 KiB, 50 ms", Retrieve, ONE, 50, Fastest, 1.0),
    row("send 256 MiB, 50 ms", Send, MEDIUM, 50, Fastest, 3.5),
    row("retrieve 256 MiB, 50 ms", Retrieve, MEDIUM, 50, Fastest, 3.5),
    row("send 1,000 × 20 KiB, 50 ms", Send, SMALL, 50, Fastest, 3.0),
    row("retrieve 1,000 × 20 KiB, 50 ms", Retrieve, SMALL, 50, Fastest, 3.0),
    row("send 256 MiB, 100 ms", Send, MEDIUM, 100, Fastest, 3.5),
    row("retrieve 256 MiB, 100 ms", Retrieve, MEDIUM, 100, Fastest, 3.5),
    row("send 1 GiB, 100 ms", Send, LARGE, 100, Fastest, 5.0),
    row("retrieve 1 GiB, 100 ms", Retrieve, LARGE, 100, Fastest, 5.0),
];

const fn row(
    name: &'static str,
    direction: Direction,
    shape: Shape,
    round_trip_ms: u64,
    beside: Beside,
    reach: f64,
) -> Workload {
    Workload { name, direction, shape, round_trip_ms, beside, reach }
}

impl Workload {
    /// An eighth of it.
    pub(crate) fn smaller(mut self) -> Self {
        if self.shape.files > 1 {
            self.shape.files /= 8;
        } else if self.shape != ONE {
            self.shape.bytes /= 8;
        }
        self
    }

    pub(crate) fn is_far(&self) -> bool {
        self.round_trip_ms > 0
    }

    /// Whether peers that are not at their best need minutes for it.
    pub(crate) fn takes_minutes(&self) -> bool {
        self.is_far() && (self.shape.files > 1 || self.shape == LARGE)
    }

    /// Whether each of many files takes some round trips of a far line.
    pub(crate) fn is_many_far(&self) -> bool {
        self.is_far() && self.shape.files > 1
    }

    /// How often peers run: far ones are slow, and vary little.
    pub(crate) fn rounds(&self, most: usize) -> usize {
        let wanted = match (self.is_far(), self.takes_minutes()) {
            (false, _) => 5,
            (true, false) => 3,
            (true, true) => 2,
        };
        most.min(wanted)
    }
}

impl Shape {
    /// All bytes, in millions.
    pub(crate) fn megabytes(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few GiB, far below 2^52")]
        let bytes = (self.files * self.bytes) as f64;
        bytes / 1e6
    }

    /// The files' names.
    pub(crate) fn names(self) -> impl Iterator<Item = String> {
        (1..=self.files).map(|number| format!("file-{number:04}.bin"))
    }
}
