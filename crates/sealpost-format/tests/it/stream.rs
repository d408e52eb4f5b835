//! Streams: bounded buffers, errors of the sink kept whole, nothing that looks complete without `finish`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealpost_core::Error;
use sealpost_core::batch::Batch;
use sealpost_core::error::{Result, codes};
use sealpost_core::sink::{ByteSink, MemorySink};
use serde_json::json;

use crate::fixture::{format, trouble};

/// A sink that fails after so many bytes, and notes the largest write.
#[derive(Clone)]
struct Meter {
    room: usize,
    largest: Arc<AtomicUsize>,
}

impl Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.largest.fetch_max(bytes.len(), Ordering::Relaxed);
        match self.room.checked_sub(bytes.len()) {
            Some(room) => self.room = room,
            None => return Err(Error::new(&codes::store::UNREACHABLE, "bucket reports").into_io()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Meter {
    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// Every format behind every compression.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let compressions = || sealpost_format::COMPRESSIONS.iter();
    sealpost_format::FORMATS.iter().flat_map(move |format| compressions().map(|packed| (format.name, packed.name)))
}

fn fill(name: &str, packed: &str, sink: Box<dyn ByteSink>, batches: u64, finish: bool) -> Result<()> {
    let table = trouble(false);
    let sink = (sealpost_format::compression(packed).unwrap().wrap)("report", sink)?;
    let mut writer = format(name, json!({})).begin(&table.columns, sink)?;
    let mut batch = Batch::new(table.columns.len(), 0);
    for number in 0..batches {
        batch.clear(number * 700);
        (0..100).for_each(|_| table.rows.iter().flatten().for_each(|value| batch.push(*value)));
        writer.write(&batch)?;
    }
    if finish { writer.finish() } else { Ok(()) }
}

#[test]
fn what_the_sink_says_arrives_whole() {
    for (name, packed) in pairs() {
        let meter = Meter { room: 100, largest: Arc::default() };
        let error = fill(name, packed, Box::new(meter), 3, true).unwrap_err();
        assert!(error.is(&codes::store::UNREACHABLE), "{name} {packed}: {error:?}");
        assert_eq!(error.detail(), "bucket reports");
    }
}

#[test]
fn without_finish_there_is_no_file() {
    for (name, packed) in pairs() {
        let memory = MemorySink::default();
        fill(name, packed, Box::new(memory.clone()), 2, false).unwrap();
        assert!(memory.finished().is_none(), "{name} {packed}");
    }
}

#[test]
fn writes_stay_small_however_many_rows_come() {
    for entry in sealpost_format::FORMATS {
        let largest = Arc::new(AtomicUsize::new(0));
        let meter = Meter { room: usize::MAX, largest: Arc::clone(&largest) };
        fill(entry.name, "none", Box::new(meter), 40, true).unwrap();
        let largest = largest.load(Ordering::Relaxed);
        assert!(largest < 1024 * 1024, "{}: a write of {largest} bytes", entry.name);
    }
}
