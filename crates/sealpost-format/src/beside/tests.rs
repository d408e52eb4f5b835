//! The thread beside the formatting: its errors, its end, its memory.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flate2::Compression;
use sealpost_core::sink::{ByteSink, MemorySink};

use super::*;

/// A sink that fails or panics after so many bytes, and tells when it is dropped or finished.
struct Trap {
    room: usize,
    panics: bool,
    taken: usize,
    dropped: Arc<AtomicBool>,
    finished: Arc<AtomicBool>,
}

impl Trap {
    fn new(room: usize) -> Self {
        Self { room, panics: false, taken: 0, dropped: Arc::default(), finished: Arc::default() }
    }
}

impl Write for Trap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.taken += bytes.len();
        if self.taken > self.room {
            assert!(!self.panics, "the sink panicked");
            return Err(Error::new(&codes::store::FULL, "the disk").into_io());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Trap {
    fn finish(self: Box<Self>) -> Result<()> {
        self.finished.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

const BLOCK: usize = 1000;

fn sevens(count: usize) -> Block {
    block(vec![7; count])
}

fn block(text: Vec<u8>) -> Block {
    Block { text, ..Block::default() }
}

fn beside(sink: Box<dyn ByteSink>) -> ZipBeside {
    // Level 0: what goes in comes out, and soon.
    let mut beside = ZipBeside::begin(ZipWriter::new(sink, Compression::new(0)), BLOCK).unwrap();
    beside.start("a".to_owned()).unwrap();
    beside
}

/// Writes until the other side's error arrives. It does before the blocks between the two are used up twice.
fn until_it_fails(beside: &mut ZipBeside) -> Error {
    for _ in 0..1000 {
        if let Err(error) = beside.write(&mut sevens(BLOCK)) {
            return error;
        }
    }
    unreachable!("the sink has failed")
}

#[test]
fn the_bytes_are_those_of_one_thread() {
    let alone = MemorySink::default();
    let mut archive = ZipWriter::new(Box::new(alone.clone()), Compression::new(1));
    let threaded = MemorySink::default();
    let mut beside = ZipBeside::begin(ZipWriter::new(Box::new(threaded.clone()), Compression::new(1)), BLOCK).unwrap();
    for name in ["first", "second"] {
        archive.start(name).unwrap();
        beside.start(name.to_owned()).unwrap();
        for number in 0..500_u32 {
            let text: Vec<u8> = (0..300).flat_map(|byte: u32| (byte * number % 1009).to_le_bytes()).collect();
            archive.write(&text).unwrap();
            let mut block = block(text);
            beside.write(&mut block).unwrap();
            assert!(block.text.is_empty());
        }
    }
    archive.finish().unwrap();
    beside.finish().unwrap();
    assert!(alone.finished().unwrap() == threaded.finished().unwrap());
}

#[test]
fn an_error_of_the_sink_arrives_whole_and_once() {
    let trap = Trap::new(100_000);
    let (dropped, finished) = (Arc::clone(&trap.dropped), Arc::clone(&trap.finished));
    let mut beside = beside(Box::new(trap));
    let error = until_it_fails(&mut beside);
    assert!(error.is(&codes::store::FULL), "{error:?}");
    assert_eq!(error.detail(), "the disk");
    assert!(dropped.load(Ordering::Relaxed), "the thread has ended, and its sink with it");
    // The error was told; what comes after it fails too, and nothing is ever finished.
    assert!(beside.write(&mut sevens(BLOCK)).unwrap_err().is(&codes::format::WRITE));
    assert!(beside.finish().unwrap_err().is(&codes::format::WRITE));
    assert!(!finished.load(Ordering::Relaxed));
}

#[test]
fn an_error_of_the_last_block_is_that_of_the_finish() {
    let mut beside = beside(Box::new(Trap::new(0)));
    beside.write(&mut sevens(10)).unwrap();
    assert!(beside.finish().unwrap_err().is(&codes::store::FULL));
}

#[test]
fn dropped_midway_the_thread_has_ended_and_nothing_is_finished() {
    let trap = Trap::new(usize::MAX);
    let (dropped, finished) = (Arc::clone(&trap.dropped), Arc::clone(&trap.finished));
    let mut beside = beside(Box::new(trap));
    (0..50).for_each(|_| beside.write(&mut sevens(BLOCK)).unwrap());
    drop(beside);
    assert!(dropped.load(Ordering::Relaxed) && !finished.load(Ordering::Relaxed));
}

#[test]
fn a_panic_goes_on_in_the_thread_that_formats() {
    let mut trap = Trap::new(0);
    trap.panics = true;
    let mut beside = beside(Box::new(trap));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until_it_fails(&mut beside)));
    let panic = caught.expect_err("the sink panicked");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the sink panicked"));
}

#[test]
fn there_are_never_more_blocks_than_were_made() {
    let gate = Arc::new(std::sync::Mutex::new(()));
    struct Gated(Arc<std::sync::Mutex<()>>);
    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.0.lock());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl ByteSink for Gated {
        fn finish(self: Box<Self>) -> Result<()> {
            Ok(())
        }
    }
    let shut = gate.lock().unwrap();
    let mut beside = beside(Box::new(Gated(Arc::clone(&gate))));
    // While the sink stands still, the archive's own buffers take less than 250 KB; then its thread stands too, and the writer at the
    // blocks there are.
    let count = Arc::new(AtomicUsize::new(0));
    let writing = std::thread::spawn({
        let count = Arc::clone(&count);
        move || {
            for _ in 0..1000 {
                beside.write(&mut sevens(BLOCK)).unwrap();
                count.fetch_add(1, Ordering::SeqCst);
            }
            beside.finish().unwrap();
        }
    });
    let standing = |count: usize| count < 250 + BLOCKS;
    for _ in 0..100 {
        assert!(standing(count.load(Ordering::SeqCst)), "{count:?} blocks were taken from the writer");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    drop(shut);
    writing.join().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1000);
}
