//! Compression of the finished format before it is sealed: gzip, Zstandard, zip.
//!
//! Input is cut into blocks of one size first, so that the compressed bytes depend on the content only, not on how it
//! arrived. `flush` does nothing, for the same reason.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use sealpost_core::Error;
use sealpost_core::error::{Result, codes};
use sealpost_core::sink::ByteSink;

use crate::zip::ZipWriter;

const BLOCK: usize = 64 * 1024;
/// The usual trade of size for speed.
const DEFLATE_LEVEL: u32 = 6;
/// Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;

/// A compressor in front of a sink.
trait Compressor: Send {
    fn block(&mut self, bytes: &[u8]) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Cuts what comes into blocks of one size.
struct Compressed {
    block: Vec<u8>,
    compressor: Box<dyn Compressor>,
}

impl Compressed {
    fn boxed(compressor: impl Compressor + 'static) -> Box<dyn ByteSink> {
        Box::new(Self { block: Vec::with_capacity(BLOCK), compressor: Box::new(compressor) })
    }
}

impl Write for Compressed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.block.len() == BLOCK {
            self.compressor.block(&self.block).map_err(Error::into_io)?;
            self.block.clear();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Compressed {
    fn finish(mut self: Box<Self>) -> Result<()> {
        self.compressor.block(&self.block)?;
        self.compressor.finish()
    }
}

/// As it is.
pub(crate) fn none(_file_name: &str, out: Box<dyn ByteSink>) -> Result<Box<dyn ByteSink>> {
    Ok(out)
}

/// RFC 1952 without name and time.
pub(crate) fn gzip(_file_name: &str, out: Box<dyn ByteSink>) -> Result<Box<dyn ByteSink>> {
    // Operating system 255: unknown (section 2.3.1).
    Ok(Compressed::boxed(GzBuilder::new().mtime(0).operating_system(255).write(out, Compression::new(DEFLATE_LEVEL))))
}

/// RFC 8878 with a checksum of the content.
pub(crate) fn zstd(_file_name: &str, out: Box<dyn ByteSink>) -> Result<Box<dyn ByteSink>> {
    let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).map_err(failed)?;
    encoder.include_checksum(true).map_err(failed)?;
    Ok(Compressed::boxed(encoder))
}

/// One entry, named like the file.
pub(crate) fn zip(file_name: &str, out: Box<dyn ByteSink>) -> Result<Box<dyn ByteSink>> {
    // Only the last part: a path in an archive could leave the folder it is unpacked in.
    let name = file_name.rsplit(['/', '\\']).next().filter(|name| !matches!(*name, "" | "." | ".."));
    let mut archive = ZipWriter::new(out, Compression::new(DEFLATE_LEVEL));
    archive.start(name.unwrap_or("report"))?;
    Ok(Compressed::boxed(archive))
}

fn failed(error: io::Error) -> Error {
    Error::from_io(error, &codes::format::WRITE)
}

impl Compressor for GzEncoder<Box<dyn ByteSink>> {
    fn block(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(failed)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        GzEncoder::finish(*self).map_err(failed)?.finish()
    }
}

impl Compressor for zstd::stream::write::Encoder<'static, Box<dyn ByteSink>> {
    fn block(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(failed)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        zstd::stream::write::Encoder::finish(*self).map_err(failed)?.finish()
    }
}

impl Compressor for ZipWriter {
    fn block(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        ZipWriter::finish(*self)
    }
}
