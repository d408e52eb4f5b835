//! Sealpost: encrypted partner reports, delivered and verified. See `sealpost --help`.

use std::process::ExitCode;

mod cmd;
mod config;
mod demo;
mod logging;
mod output;
mod wire;

fn main() -> ExitCode {
    cmd::run()
}
