//! Sealpost: encrypted partner reports, delivered and verified. See `sealpost --help`.

use std::process::ExitCode;

mod cmd;
mod config;
mod demo;
mod logging;
mod output;
mod wire;

/// What one thread asks for and another gives back waits for a lock in the C library's allocator, in every request (ADR 0021).
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cmd::run()
}
