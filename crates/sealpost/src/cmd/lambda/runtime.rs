//! What all functions share: events from Lambda or from a file, the time for each, and a clean end.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use sealpost_core::error::{Error, Result, codes};
use serde_json::Value as Json;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{RUNTIME, extension};
use crate::output;

/// How long an event without a deadline may take, such as one of a file: as long as Lambda's longest.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How long the answer to the last event may take on its way when Lambda ends the process.
const LAST_WORD: Duration = Duration::from_millis(100);

/// A function of AWS Lambda.
pub(super) trait Function {
    /// Its name in logs.
    const NAME: &'static str;

    /// Answers one event.
    ///
    /// # Errors
    /// What Lambda is to take for a failure.
    async fn answer(&self, event: &Json, time: &Time) -> Result<Json>;

    /// What Lambda has to be told for this error, where it isn't the error itself.
    fn refusal(&self, _error: &Error) -> Option<&'static str> {
        None
    }

    /// Whether what fails of this event is in the log already, from where it failed.
    fn is_logged(&self, _event: &Json) -> bool {
        false
    }

    /// Called once when no more events come.
    async fn stop(&self) {}
}

/// The time that an event has.
pub(super) struct Time {
    deadline: SystemTime,
    stopping: CancellationToken,
}

impl Time {
    /// A token that is cancelled this long before the event's time is over, or when the process is to end. Of a short time
    /// half is left to work. Its timer ends with the guard.
    pub(super) fn until(&self, before: Duration) -> (CancellationToken, DropGuard) {
        // One that was over before the event came is an emulator's, which has none.
        let left = self.deadline.duration_since(SystemTime::now()).unwrap_or(LONGEST);
        let end = left.saturating_sub(before).max(left / 2);
        let token = self.stopping.child_token();
        let timer = token.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(end) => timer.cancel(),
                () = timer.cancelled() => {}
            }
        });
        (token.clone(), token.drop_guard())
    }
}

/// Makes the function, and has it answer the event of a file, or Lambda's events until it ends the process.
///
/// # Errors
/// Why the function can't be made; an event that can't be read or answered; Lambda's runtime API.
pub(super) async fn run<F: Function>(
    function: impl Future<Output = Result<F>>,
    event: Option<PathBuf>,
) -> Result<ExitCode> {
    let is_served = event.is_none() && std::env::var_os(RUNTIME).is_some();
    // On its way while the function is made: Lambda takes registrations until it is asked for the first event.
    let registered = is_served.then(|| tokio::spawn(extension::register()));
    let function = &function.await?;
    if let Some(registered) = registered {
        // What it has to say it logs itself.
        drop(registered.await);
    }
    let stopping = CancellationToken::new();
    let asked = stopping.clone();
    tokio::spawn(async move {
        crate::cmd::serve::asked_to_stop().await;
        asked.cancel();
    });
    match event {
        Some(file) => {
            let time = Time { deadline: SystemTime::now() + LONGEST, stopping };
            let answer = function.answer(&read(&file)?, &time).await;
            function.stop().await;
            output::line(&answer?.to_string());
        }
        None if is_served => serve(function, stopping).await?,
        None => {
            let detail = format!("not within Lambda ({RUNTIME} is not set): name an event's file with `--event`");
            return Err(Error::new(&codes::request::INVALID, detail));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks Lambda for events until it ends the process: by SIGTERM where it knows that we want to hear of it.
async fn serve<F: Function>(function: &F, stopping: CancellationToken) -> Result<()> {
    // Held while an event is answered. When the last one was: the answer is on its way for a moment longer.
    let answered = tokio::sync::Mutex::new(None);
    let handler = service_fn(async |event: LambdaEvent<Json>| {
        let mut answered = answered.lock().await;
        let time = Time { deadline: event.context.deadline(), stopping: stopping.clone() };
        let answer = function.answer(&event.payload, &time).await;
        *answered = Some(Instant::now());
        answer.map_err(|error| failed(function, &error, &event))
    });
    let stopped = async {
        stopping.cancelled().await;
        if let Some(answered) = *answered.lock().await {
            tokio::time::sleep_until(answered + LAST_WORD).await;
        }
    };
    let ended = tokio::select! {
        ended = lambda_runtime::run(handler) => ended,
        () = stopped => Ok(()),
    };
    function.stop().await;
    ended.map_err(|error| Error::new(&codes::config::INVALID, format!("Lambda's runtime API: {error}")))
}

/// An error as Lambda wants it.
fn failed<F: Function>(function: &F, error: &Error, event: &LambdaEvent<Json>) -> Diagnostic {
    let (code, function_name, request_id) = (error.code().id, F::NAME, event.context.request_id.as_str());
    if let Some(refusal) = function.refusal(error) {
        tracing::info!(target: "sealpost::lambda", function = function_name, request_id, code, detail = error.detail(), "refused");
        return Diagnostic { error_type: refusal.to_owned(), error_message: refusal.to_owned() };
    }
    if function.is_logged(&event.payload) {
        tracing::debug!(target: "sealpost::lambda", function = function_name, request_id, code, ?error, "the event can't be answered");
    } else {
        tracing::error!(target: "sealpost::lambda", function = function_name, request_id, code, ?error, "the event can't be answered");
    }
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
