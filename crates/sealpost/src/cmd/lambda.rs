//! `sealpost lambda`: functions of AWS Lambda. Without Lambda they answer one event, to try them out.
//!
//! In a package the binary is called `bootstrap`; under that name it is the function that the handler names.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealpost_core::error::Result;

use crate::config::Loaded;

mod api;
mod authorizer;
mod events;
mod extension;
mod issuers;
mod runtime;
mod worker;

/// Where Lambda says how to ask it for events.
const RUNTIME: &str = "AWS_LAMBDA_RUNTIME_API";
/// The name that Lambda starts a program by.
const BOOTSTRAP: &str = "bootstrap";

/// Functions of AWS Lambda.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Serve the partners' API behind API Gateway or a function URL.
    Api(EventOption),
    /// Work on tasks that messages of SQS call for.
    Worker(EventOption),
    /// Hear of finished transfers by EventBridge, and look after the queue by schedule.
    Events(EventOption),
    /// Decide for API Gateway who calls: an authorizer for TOKEN and REQUEST events.
    Authorizer(authorizer::Options),
}

/// What every function has.
#[derive(clap::Args)]
pub(crate) struct EventOption {
    /// Answer the event in this file (`-` for standard input) and end, instead of asking Lambda for events.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
}

pub(crate) async fn run(loaded: &Loaded, command: Command) -> Result<ExitCode> {
    crate::logging::start(&loaded.config.log);
    match command {
        Command::Api(EventOption { event }) => runtime::run(api::Api::new(loaded), event).await,
        Command::Worker(EventOption { event }) => runtime::run(worker::Worker::new(loaded), event).await,
        Command::Events(EventOption { event }) => runtime::run(events::Events::new(loaded), event).await,
        Command::Authorizer(options) => {
            let event = options.event();
            runtime::run(authorizer::Authorizer::new(loaded, options), event).await
        }
    }
}

/// The command line that Lambda means when it starts the program as `bootstrap`: the function that the handler names, with
/// the package's configuration. `None` where it is started in any other way.
pub(crate) fn started_by_lambda() -> Option<Vec<OsString>> {
    let program = PathBuf::from(std::env::args_os().next()?);
    let is_alone = std::env::args_os().len() == 1 && std::env::var_os(RUNTIME).is_some();
    if !is_alone || program.file_name() != Some(BOOTSTRAP.as_ref()) {
        return None;
    }
    let mut line = vec![OsString::from("sealpost")];
    if std::env::var_os("SEALPOST_CONFIG").is_none() {
        let package = std::env::var_os("LAMBDA_TASK_ROOT").unwrap_or_else(|| "/var/task".into());
        line.extend(["--config".into(), Path::new(&package).join("sealpost.toml").into_os_string()]);
    }
    line.extend(["lambda".into(), std::env::var_os("_HANDLER").unwrap_or_default()]);
    Some(line)
}
