//! Streams: bounded buffers, errors of the sink kept whole, nothing that looks complete without `finish`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealpost_core::Error;
use sealpost_core::batch::{Batch, Value};
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::{Result, codes};
use sealpost_core::sink::{ByteSink, MemorySink};
use serde_json::json;

use crate::fixture::{format, trouble};

/// A sink that fails after so many bytes, and notes the largest write and how much it has taken.
#[derive(Clone)]
struct Meter {
    room: usize,
    largest: Arc<AtomicUsize>,
    taken: Arc<AtomicUsize>,
}

impl Meter {
    fn with_room(room: usize) -> Self {
        Self { room, largest: Arc::default(), taken: Arc::default() }
    }
}

impl Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.largest.fetch_max(bytes.len(), Ordering::Relaxed);
        self.taken.fetch_add(bytes.len(), Ordering::Relaxed);
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
        let meter = Meter::with_room(100);
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
        let meter = Meter::with_room(usize::MAX);
        fill(entry.name, "none", Box::new(meter.clone()), 40, true).unwrap();
        let largest = meter.largest.load(Ordering::Relaxed);
        assert!(largest < 1024 * 1024, "{}: a write of {largest} bytes", entry.name);
    }
}

/// What a writer still had when it was told to finish, and the whole file, in bytes. Its rows are such that nothing makes them small.
fn held_back(name: &str, thousands: u64) -> (usize, usize) {
    let options = if name == "parquet" { json!({"row_group_rows": 1000}) } else { json!({}) };
    let columns = [Column::new("id", ColumnKind::Unsigned), Column::new("noise", ColumnKind::Text)];
    let meter = Meter::with_room(usize::MAX);
    let mut writer = format(name, options).begin(&columns, Box::new(meter.clone())).unwrap();
    let mut batch = Batch::new(columns.len(), 0);
    // Knuth's multiplier for 64 bits.
    let mut noise = 1_u64;
    let mut next = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise
    };
    for first in (0..thousands).map(|number| number * 1000) {
        batch.clear(first);
        for row in first..first + 1000 {
            batch.push(Value::UInt(row));
            batch.push(Value::Text(&format!("{:016x}{:016x}{:016x}{:016x}", next(), next(), next(), next())));
        }
        writer.write(&batch).unwrap();
    }
    let before = meter.taken.load(Ordering::Relaxed);
    writer.finish().unwrap();
    let whole = meter.taken.load(Ordering::Relaxed);
    (whole - before, whole)
}

/// In many small pieces at the end is no better than in one large one.
#[test]
fn no_writer_holds_rows_back_until_it_finishes() {
    for entry in sealpost_format::FORMATS {
        for thousands in [10, 100] {
            let (rest, whole) = held_back(entry.name, thousands);
            assert!(rest < 1024 * 1024, "{}: {rest} of {whole} bytes come at the end", entry.name);
            assert!(thousands == 10 || whole > 2 * 1024 * 1024, "{}: {whole} bytes show nothing", entry.name);
        }
    }
}
