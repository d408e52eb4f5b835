//! `sealpost lambda`: functions of AWS Lambda. Without Lambda they answer one event, to try them out.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use sealpost_api::authorizer::{AuthorizerSettings, UNAUTHORIZED, authorize};
use sealpost_core::error::{Error, Kind, Result, codes};
use sealpost_identity::Issuers;
use sealpost_pipeline::identify::Authenticator;
use serde_json::Value as Json;

use crate::config::Loaded;
use crate::output;
use crate::wire;

/// Where Lambda says how to ask it for events.
const RUNTIME: &str = "AWS_LAMBDA_RUNTIME_API";

/// Functions of AWS Lambda.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Decide for API Gateway who calls: an authorizer for TOKEN and REQUEST events.
    Authorizer(AuthorizerOptions),
}

/// Options of `lambda authorizer`.
#[derive(clap::Args)]
pub(crate) struct AuthorizerOptions {
    /// Answer the event in this file (`-` for standard input) and end, instead of asking Lambda for events.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Give simple answers to events of version 2.0, for HTTP APIs that are set so.
    #[arg(long, env = "SEALPOST_AUTHORIZER_SIMPLE")]
    simple: bool,
    /// The value of the API Gateway key that a caller's usage counts for; `{partner}` and `{key}` are filled in. Empty
    /// for none.
    #[arg(long, env = "SEALPOST_AUTHORIZER_USAGE_KEY", value_name = "TEMPLATE",
          default_value_t = AuthorizerSettings::default().usage_key)]
    usage_key: String,
}

pub(crate) async fn run(loaded: &Loaded, command: Command) -> Result<ExitCode> {
    crate::logging::start(&loaded.config.log);
    let Command::Authorizer(options) = command;
    let issuers = wire::edge::issuers(loaded)?;
    let records = wire::ledger(loaded).await?.records;
    let authorizer = Authorizer {
        authenticator: wire::edge::authenticator(loaded, records, issuers.clone()),
        issuers,
        settings: AuthorizerSettings { simple: options.simple, usage_key: options.usage_key },
    };
    match options.event {
        Some(file) => output::line(&authorizer.answer(&read(&file)?).await?.to_string()),
        None if std::env::var_os(RUNTIME).is_some() => serve(&authorizer).await?,
        None => {
            let detail = format!("not within Lambda ({RUNTIME} is not set): name an event's file with `--event`");
            return Err(Error::new(&codes::request::INVALID, detail));
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Authorizer {
    authenticator: Authenticator,
    issuers: Option<Arc<Issuers>>,
    settings: AuthorizerSettings,
}

impl Authorizer {
    async fn answer(&self, event: &Json) -> Result<Json> {
        // Between events Lambda stops the process, and whatever would renew keys in the background.
        if let Some(issuers) = &self.issuers {
            issuers.refresh_if_due().await;
        }
        authorize(event, &self.authenticator, &self.settings).await
    }
}

/// Asks Lambda for events until it stops the process.
async fn serve(authorizer: &Authorizer) -> Result<()> {
    let handler = service_fn(async |event: LambdaEvent<Json>| {
        authorizer.answer(&event.payload).await.map_err(|error| failed(&error, &event.context.request_id))
    });
    lambda_runtime::run(handler)
        .await
        .map_err(|error| Error::new(&codes::config::INVALID, format!("Lambda's runtime API: {error}")))
}

/// An error as Lambda wants it.
fn failed(error: &Error, request_id: &str) -> Diagnostic {
    let code = error.code().id;
    if error.kind() == Kind::Unauthorized {
        tracing::info!(target: "sealpost::authorizer", request_id, code, detail = error.detail(), "refused");
        return Diagnostic { error_type: UNAUTHORIZED.to_owned(), error_message: UNAUTHORIZED.to_owned() };
    }
    tracing::error!(target: "sealpost::authorizer", request_id, code, ?error, "the event can't be answered");
    Diagnostic { error_type: code.to_owned(), error_message: error.to_string() }
}

fn read(file: &Path) -> Result<Json> {
    let unreadable = |error: std::io::Error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())).caused_by(error)
    };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        text
    } else {
        std::fs::read_to_string(file).map_err(unreadable)?
    };
    serde_json::from_str(&text).map_err(|error| {
        Error::new(&codes::request::INVALID, format!("{}: no JSON: {error}", file.display())).caused_by(error)
    })
}
