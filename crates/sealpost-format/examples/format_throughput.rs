//! How fast formats and compressions are: `cargo run --release -p sealpost-format --example format_throughput [ROWS [FORMAT]]`.
//!
//! Rows like those of the measurements: 20 columns of whole numbers, decimals, dates, text with umlauts, NULLs. Only
//! writing is timed, into a sink that counts; a machine with other work shows less.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program: it stops at errors, and prints")]

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sealpost_core::Result;
use sealpost_core::batch::{Batch, Value};
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::sink::ByteSink;
use sealpost_core::temporal::{Clock, Date, DateTime};
use serde_json::Map;

/// Counts bytes.
struct Count(Arc<AtomicU64>);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Count {
    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

fn columns() -> Vec<Column> {
    let kinds = [
        ColumnKind::Integer,
        ColumnKind::Decimal { precision: 12, scale: 2 },
        ColumnKind::Date,
        ColumnKind::DateTime { digits: 0 },
        ColumnKind::Text,
    ];
    (0..20).map(|number| Column::new(format!("column_{number}"), kinds[number % 5])).collect()
}

fn fill(batch: &mut Batch) {
    let mut seed = 1_u64;
    while !batch.is_full() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let small = (seed >> 33) as u32;
        let date = Date { year: 2026, month: (small % 12 + 1) as u8, day: (small % 28 + 1) as u8 };
        for group in 0..4 {
            batch.push(Value::Int(i64::from(small) * (group + 1)));
            batch.push(Value::Decimal(&format!("{}.{:02}", small % 100_000, small % 100)));
            batch.push(if small.is_multiple_of(10) { Value::Null } else { Value::Date(date) });
            batch.push(Value::DateTime(DateTime {
                date,
                clock: Clock { hour: (small % 24) as u8, minute: 5, second: 59, micro: 0 },
            }));
            batch.push(Value::Text(if group % 2 == 0 { "Müller-Lüdenscheidt" } else { "Fahrradleasing Nord GmbH" }));
        }
    }
}

fn main() {
    let wanted: u64 = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(500_000);
    let columns = columns();
    let mut batch = Batch::new(columns.len(), 0);
    fill(&mut batch);
    let rows = batch.rows() as u64;
    let only = std::env::args().nth(2);
    let compressed = ["gzip", "zstd", "zip"].map(|name| ("csv", name));
    let plain = sealpost_format::FORMATS.iter().map(|entry| (entry.name, "none"));
    let wanted_one =
        |(name, packed): &(&str, &str)| only.as_deref().is_none_or(|only| only == *name || only == *packed);
    for (name, packed) in plain.chain(compressed).filter(wanted_one) {
        let count = Arc::new(AtomicU64::new(0));
        let wrap = sealpost_format::compression(packed).unwrap().wrap;
        let sink = wrap("report", Box::new(Count(Arc::clone(&count)))).unwrap();
        let format = (sealpost_format::format(name).unwrap().build)(&Map::new()).unwrap();
        let start = Instant::now();
        let mut writer = format.begin(&columns, sink).unwrap();
        for _ in 0..wanted.div_ceil(rows) {
            writer.write(&batch).unwrap();
        }
        writer.finish().unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let (rows, bytes) = (wanted.div_ceil(rows) * rows, count.load(Ordering::Relaxed));
        println!(
            "{name:8} {packed:5} {rows} rows, {:6.1} MB in {seconds:5.2} s: {:6.1} MB/s, {:8.0} rows/s",
            bytes as f64 / 1e6,
            bytes as f64 / 1e6 / seconds,
            rows as f64 / seconds,
        );
    }
}
