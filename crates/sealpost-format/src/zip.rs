//! Zip archives written from front to back (PKWARE APPNOTE 6.3): sizes follow the data, so nothing is buffered.
//!
//! Own code because of one detail: a size that is not known yet must not announce zip64 in the local header, or Excel
//! calls the file damaged. Only entries that turn out to exceed 4 GiB get zip64 fields, as Go's `archive/zip` does it.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use sealpost_core::Error;
use sealpost_core::error::{Result, codes};
use sealpost_core::sink::ByteSink;

use crate::deflate::{Deflate, Mark};

/// Compressed bytes that are gathered before the sink gets them.
const BLOCK: usize = 64 * 1024;
/// Most text with marks that is compressed at once. A row with huge values has more, and goes without its marks.
const PIECE: usize = 512 * 1024;
/// 1980-01-01, the epoch of the format: the same rows give the same bytes.
const DATE: u16 = 0x0021;
/// Sizes follow the data (bit 3), names are UTF-8 (bit 11).
const FLAGS: u16 = 0x0808;
const DEFLATED: u16 = 8;
/// A regular file that everyone may read, as Unix notes it.
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// Fields of 32 bits that say: look at the zip64 field.
const MAX32: u64 = 0xFFFF_FFFF;

struct Entry {
    name: String,
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
}

/// How entries are compressed.
enum Deflater {
    /// Whatever they hold.
    Any(Compress),
    /// Text with marks.
    Marked(Deflate),
}

/// An archive being written.
pub(crate) struct ZipWriter {
    sink: Box<dyn ByteSink>,
    out: Vec<u8>,
    /// Bytes that the sink already has.
    written: u64,
    deflater: Deflater,
    /// Of the open entry, as is its size.
    crc: Crc,
    size: u64,
    entries: Vec<Entry>,
    /// Where the data of the open entry begins.
    data_start: Option<u64>,
}

impl ZipWriter {
    /// An archive with this level of deflate.
    pub(crate) fn new(sink: Box<dyn ByteSink>, level: Compression) -> Self {
        Self::by(Deflater::Any(Compress::new(level, false)), sink)
    }

    /// An archive of texts that mark where they repeat themselves.
    pub(crate) fn marked(sink: Box<dyn ByteSink>) -> Self {
        Self::by(Deflater::Marked(Deflate::new()), sink)
    }

    fn by(deflater: Deflater, sink: Box<dyn ByteSink>) -> Self {
        Self {
            sink,
            out: Vec::with_capacity(2 * BLOCK),
            written: 0,
            deflater,
            crc: Crc::new(),
            size: 0,
            entries: Vec::new(),
            data_start: None,
        }
    }

    fn position(&self) -> u64 {
        self.written + self.out.len() as u64
    }

    /// Begins an entry, and ends the one before.
    pub(crate) fn start(&mut self, name: &str) -> Result<()> {
        self.end()?;
        let offset = self.position();
        self.put32(0x0403_4B50);
        self.put16(20);
        self.put16(FLAGS);
        self.put16(DEFLATED);
        self.put16(0);
        self.put16(DATE);
        self.out.extend_from_slice(&[0; 12]);
        self.put16(name.len() as u16);
        self.put16(0);
        self.out.extend_from_slice(name.as_bytes());
        self.entries.push(Entry { name: name.to_owned(), crc: 0, compressed: 0, size: 0, offset });
        self.data_start = Some(self.position());
        Ok(())
    }

    /// Appends to the open entry.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_marked(bytes, &[])
    }

    /// Appends to the open entry of an archive made by [`ZipWriter::marked`]; one made otherwise does without the marks.
    pub(crate) fn write_marked(&mut self, bytes: &[u8], marks: &[Mark]) -> Result<()> {
        self.crc.update(bytes);
        self.size += bytes.len() as u64;
        // Places in a block that is cut are not those of its pieces.
        let marks = if bytes.len() <= PIECE { marks } else { &[] };
        for piece in bytes.chunks(PIECE) {
            let Deflater::Marked(deflate) = &mut self.deflater else { return self.deflate(bytes, FlushCompress::None) };
            deflate.write(piece, marks, &mut self.out);
            self.write_full()?;
        }
        Ok(())
    }

    fn write_full(&mut self) -> Result<()> {
        if self.out.len() >= BLOCK { self.write_out() } else { Ok(()) }
    }

    fn deflate(&mut self, mut input: &[u8], flush: FlushCompress) -> Result<()> {
        loop {
            self.write_full()?;
            let Deflater::Any(deflate) = &mut self.deflater else { return Ok(()) };
            // Always the same room, so that the compressor's choices depend on the input only.
            self.out.reserve_exact(2 * BLOCK - self.out.len());
            let before = deflate.total_in();
            let status = deflate.compress_vec(input, &mut self.out, flush);
            let status =
                status.map_err(|error| Error::new(&codes::format::WRITE, error.to_string()).caused_by(error))?;
            let used = (deflate.total_in() - before) as usize;
            input = input.get(used..).unwrap_or_default();
            let done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => input.is_empty(),
            };
            if done {
                return Ok(());
            }
        }
    }

    fn write_out(&mut self) -> Result<()> {
        self.sink.write_all(&self.out).map_err(|error| Error::from_io(error, &codes::format::WRITE))?;
        self.written += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }

    /// Ends the open entry with its data descriptor.
    fn end(&mut self) -> Result<()> {
        let Some(data_start) = self.data_start.take() else { return Ok(()) };
        self.deflate(&[], FlushCompress::Finish)?;
        match &mut self.deflater {
            Deflater::Any(deflate) => deflate.reset(),
            Deflater::Marked(deflate) => deflate.finish(&mut self.out),
        }
        let (crc, size, compressed) = (self.crc.sum(), std::mem::take(&mut self.size), self.position() - data_start);
        self.crc.reset();
        if let Some(entry) = self.entries.last_mut() {
            (entry.crc, entry.size, entry.compressed) = (crc, size, compressed);
        }
        self.put32(0x0807_4B50);
        self.put32(crc);
        if size.max(compressed) >= MAX32 {
            self.put64(compressed);
            self.put64(size);
        } else {
            self.put32(compressed as u32);
            self.put32(size as u32);
        }
        Ok(())
    }

    /// Writes the directory and finishes the sink.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.end()?;
        let start = self.position();
        for entry in std::mem::take(&mut self.entries) {
            self.directory_entry(&entry);
            self.write_out()?;
            self.entries.push(entry);
        }
        let (size, count) = (self.position() - start, self.entries.len() as u64);
        if start.max(size) >= MAX32 || count >= 0xFFFF {
            self.zip64_end(start, size, count);
        }
        self.put32(0x0605_4B50);
        self.put32(0);
        let short_count = count.min(0xFFFF) as u16;
        self.put16(short_count);
        self.put16(short_count);
        self.put32(size.min(MAX32) as u32);
        self.put32(start.min(MAX32) as u32);
        self.put16(0);
        self.write_out()?;
        self.sink.finish()
    }

    fn directory_entry(&mut self, entry: &Entry) {
        let large = entry.size.max(entry.compressed).max(entry.offset) >= MAX32;
        let version = if large { 45 } else { 20 };
        self.put32(0x0201_4B50);
        self.put16(3 << 8 | version);
        self.put16(version);
        self.put16(FLAGS);
        self.put16(DEFLATED);
        self.put16(0);
        self.put16(DATE);
        self.put32(entry.crc);
        self.put32(if large { u32::MAX } else { entry.compressed as u32 });
        self.put32(if large { u32::MAX } else { entry.size as u32 });
        self.put16(entry.name.len() as u16);
        self.put16(if large { 28 } else { 0 });
        self.out.extend_from_slice(&[0; 6]);
        self.put32(ATTRIBUTES);
        self.put32(if large { u32::MAX } else { entry.offset as u32 });
        self.out.extend_from_slice(entry.name.as_bytes());
        if large {
            self.put16(1);
            self.put16(24);
            self.put64(entry.size);
            self.put64(entry.compressed);
            self.put64(entry.offset);
        }
    }

    /// The zip64 end of the directory and its locator (APPNOTE 4.3.14 and 4.3.15).
    fn zip64_end(&mut self, start: u64, size: u64, count: u64) {
        let here = self.position();
        self.put32(0x0606_4B50);
        self.put64(44);
        self.put16(3 << 8 | 45);
        self.put16(45);
        self.put64(0);
        self.put64(count);
        self.put64(count);
        self.put64(size);
        self.put64(start);
        self.put32(0x0706_4B50);
        self.put32(0);
        self.put64(here);
        self.put32(1);
    }

    fn put16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn put32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn put64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }
}
