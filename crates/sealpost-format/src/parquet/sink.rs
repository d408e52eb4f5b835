//! A sink that keeps its error: the library passes on only the words of some.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use sealpost_core::Error;
use sealpost_core::error::{Result, codes};
use sealpost_core::sink::ByteSink;

/// Where the error of a [`KeptSink`] is kept.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    /// The sink's error, where there is one.
    pub(super) fn or(&self, other: Error) -> Error {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or(other)
    }
}

/// A sink that keeps its error.
pub(super) struct KeptSink {
    sink: Box<dyn ByteSink>,
    failure: Failure,
}

impl KeptSink {
    pub(super) fn new(sink: Box<dyn ByteSink>) -> (Self, Failure) {
        let failure = Failure::default();
        (Self { sink, failure: failure.clone() }, failure)
    }

    pub(super) fn finish(self) -> Result<()> {
        self.sink.finish()
    }
}

impl Write for KeptSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.sink.write(bytes) {
            // The caller tries again: no failure.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let error = Error::from_io(error, &codes::format::WRITE);
                *self.failure.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                Err(error.into_io())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
