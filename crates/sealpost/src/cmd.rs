//! The command line: one file per command, one row per command here.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use sealpost_core::error::{Error, Result, codes};

use crate::config::{Loaded, ProcessEnvironment};
use crate::output::{self, Output};

mod access_key;
mod apply;
mod audit;
mod change;
mod config;
mod connector;
mod doctor;
mod init;
mod key;
mod lambda;
mod partner;
mod report;
pub(crate) mod serve;
mod webhook;
mod worker;

/// Encrypted partner reports: from the database to the partner's SFTP server, verified and tracked.
#[derive(Parser)]
#[command(name = "sealpost", version, max_term_width = 110, propagate_version = true)]
struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, env = "SEALPOST_CONFIG", default_value = "sealpost.toml", value_name = "FILE")]
    config: PathBuf,
    /// Print results and errors as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the whole way with made-up data: request, produce, seal, deliver, decrypt.
    Demo(crate::demo::Options),
    /// Write a commented starter configuration and an example report.
    Init(init::Options),
    /// Serve the partners' API, the operators' API, and work on tasks.
    Serve(serve::Options),
    /// Work on tasks only.
    Worker,
    /// Make the ledger's partners as the files of a folder say.
    Apply(apply::Options),
    /// Run, preview, list and show reports.
    #[command(subcommand)]
    Report(report::Command),
    /// List and show partners, and their API keys.
    #[command(subcommand)]
    Partner(partner::Command),
    /// Make, list and revoke access keys of the transfer API.
    #[command(subcommand)]
    AccessKey(access_key::Command),
    /// Decide what partners ask to have changed about themselves.
    #[command(subcommand)]
    Change(change::Command),
    /// Show who changed what.
    Audit(audit::Options),
    /// List and test connectors, and approve host keys.
    #[command(subcommand)]
    Connector(connector::Command),
    /// List, ping and disable partners' webhooks; list and replay notifications.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Make an OpenPGP key, or show what the recipient policy says of a certificate.
    #[command(subcommand)]
    Key(key::Command),
    /// Functions of AWS Lambda.
    #[command(subcommand)]
    Lambda(lambda::Command),
    /// Check, print and describe the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Check everything a job needs by doing what a job does.
    Doctor(doctor::Options),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// The most threads for what blocks; they come as they are needed. A report takes one until its file is written, a retrieved file
/// that is sealed too, and each needs another one for every block that goes to the disk: with as many of the first kind as there
/// are threads, none would get on. There are at most a thousand reports at once, and 16 items of transfers for each.
const MOST_BLOCKING: usize = 20_000;

/// How long the end waits for threads that block: one that writes to a pipe which nobody reads, or to a disk that hangs, would hold
/// the process for ever. Nothing is lost with them. What the ledger has acknowledged is committed by then, on a thread that is not
/// the runtime's and was never waited for; a file counts once the ledger has it, and what was stored or written without that is
/// taken up by the next worker, as after a kill; results that are printed are flushed line by line.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Runs the process's command line.
pub(crate) fn run() -> ExitCode {
    let cli = lambda::started_by_lambda().map_or_else(Cli::parse, Cli::parse_from);
    let output = Output::new(cli.json);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.enable_all().max_blocking_threads(MOST_BLOCKING).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("the runtime can't be started: {error}"));
            return ExitCode::from(70);
        }
    };
    let outcome = runtime.block_on(dispatch(cli, output));
    let code = match outcome.and_then(|code| output::printed().map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            output::report(&error, output);
            ExitCode::from(output::exit_code(&error))
        }
    };
    runtime.shutdown_timeout(LAST_WAIT);
    code
}

async fn dispatch(cli: Cli, output: Output) -> Result<ExitCode> {
    let load = || crate::config::load(&cli.config, &ProcessEnvironment);
    match cli.command {
        Command::Demo(options) => crate::demo::run(options, output).await,
        Command::Init(options) => init::run(&options, output),
        Command::Serve(options) => serve::run(&load()?, &options).await,
        Command::Worker => worker::run(&load()?).await,
        Command::Apply(options) => apply::run(&quiet(load()?), &options, output).await,
        Command::Report(command) => report::run(&quiet(load()?), command, output).await,
        Command::Partner(command) => partner::run(&quiet(load()?), command, output).await,
        Command::AccessKey(command) => access_key::run(&quiet(load()?), command, output).await,
        Command::Change(command) => change::run(&quiet(load()?), command, output).await,
        Command::Audit(options) => audit::run(&quiet(load()?), &options, output).await,
        Command::Connector(command) => connector::run(&quiet(load()?), command, output).await,
        Command::Webhook(command) => webhook::run(&quiet(load()?), command, output).await,
        Command::Key(command) => key::run(command, output),
        Command::Lambda(command) => lambda::run(&load()?, command).await,
        Command::Config(command) => config::run(command, &cli.config, output),
        Command::Doctor(options) => doctor::run(&quiet(load()?), &options, output).await,
        Command::Completions { shell } => {
            // It panics where it can't write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sealpost", &mut script);
            output::line(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Commands that print a result log warnings only, so that the result stays readable.
fn quiet(mut loaded: Loaded) -> Loaded {
    if loaded.config.log.level == "info" {
        "warn".clone_into(&mut loaded.config.log.level);
    }
    crate::logging::start(&loaded.config.log);
    loaded
}

pub(crate) use apply::apply_folder as apply_partners;
pub(crate) use key::write_private;

/// A partner by its id.
async fn partner_of(pipeline: &sealpost_pipeline::Pipeline, id: &str) -> Result<sealpost_core::partner::Partner> {
    let missing = || Error::new(&codes::request::NOT_FOUND, format!("partner {id}; `sealpost partner list` shows all"));
    pipeline.parts().records.partner(&id.parse()?).await?.ok_or_else(missing)
}
