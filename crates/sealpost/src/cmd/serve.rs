//! `sealpost serve`: the partners' API, the operators' API, and workers, in one process.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sealpost_api::{keep_tls_fresh, serve_behind};
use sealpost_core::error::{Error, Result, codes};
use sealpost_pipeline::Pipeline;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::config::Loaded;
use crate::wire::{self, edge};

/// How often the files of TLS are looked at; SIGHUP asks at once.
const TLS_LOOK: Duration = Duration::from_secs(5);

/// How often figures of histograms are put together.
const METRICS_LOOK: Duration = Duration::from_secs(5);

/// Options of `serve`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Serve only; leave the tasks to `sealpost worker`.
    #[arg(long)]
    no_worker: bool,
}

pub(crate) async fn run(loaded: &Loaded, options: &Options) -> Result<ExitCode> {
    crate::logging::start(&loaded.config.log);
    let pipeline = wire::pipeline(loaded).await?;
    let mut running = start(loaded, pipeline, !options.no_worker).await?;
    info!(api = %running.api, admin = %running.admin, version = env!("CARGO_PKG_VERSION"), "sealpost serves");
    let outcome = running.until_asked_to_stop().await;
    match &outcome {
        Ok(()) => info!("sealpost stops; running tasks get 20 seconds, the next worker takes up the rest"),
        // Before the rest has ended, which may take a while.
        Err(error) => error!(%error, "sealpost stops: a part of it has"),
    }
    running.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// A running service.
pub(crate) struct Running {
    /// Where the partners' API listens.
    pub(crate) api: SocketAddr,
    /// Where the operators' API listens.
    pub(crate) admin: SocketAddr,
    /// Where the transfer API listens, where it does.
    pub(crate) transfer: Option<SocketAddr>,
    shutdown: CancellationToken,
    parts: JoinSet<()>,
    pipeline: Pipeline,
}

impl Running {
    /// Returns when the process gets SIGTERM or SIGINT.
    ///
    /// # Errors
    /// `SP-LEDGER-009` where a part ends before. What is left would look like a service while no task is worked on, or nobody
    /// answers: the process is to end, for whatever watches over it to start it again.
    pub(crate) async fn until_asked_to_stop(&mut self) -> Result<()> {
        tokio::select! {
            () = asked_to_stop() => Ok(()),
            error = first_end(&mut self.parts) => Err(error),
        }
    }

    /// Stops listening, lets running tasks end, and returns when all is quiet.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while self.parts.join_next().await.is_some() {}
        // No more requests come: what was reserved for some is for other processes to use.
        self.pipeline.quotas().give_back().await;
    }
}

/// The first end of a part that nobody has asked to end.
async fn first_end(parts: &mut JoinSet<()>) -> Error {
    let detail = match parts.join_next().await {
        Some(Err(panic)) => format!("a part of the service stopped: {panic}"),
        Some(Ok(())) | None => "a part of the service ended by itself".to_owned(),
    };
    Error::new(&codes::ledger::DEFECT, detail)
}

/// Binds the listeners and starts everything.
///
/// # Errors
/// `SP-CONFIG-005` for an address that is in use, `SP-CONFIG-006` for TLS files; the admin token's reference.
pub(crate) async fn start(loaded: &Loaded, pipeline: Pipeline, with_worker: bool) -> Result<Running> {
    let config = &loaded.config;
    let token = match &config.admin.token {
        Some(reference) => Some(pipeline.parts().secrets.resolve(reference).await?),
        None => None,
    };
    let secrets = pipeline.parts().secrets.clone();
    let tls = (edge::api_tls(loaded, secrets.clone()).await?, edge::admin_tls(loaded, secrets.clone()).await?);
    let transfer_tls = edge::transfer_tls(loaded, secrets).await?;
    let issuers = edge::issuers(loaded)?;
    let admin_front = edge::plain_front(&config.admin.trusted_proxies, tls.1.clone());
    let fronts = (edge::front(loaded, tls.0.clone())?, admin_front);
    let api = bind(config.api.listen, "api.listen").await?;
    let admin = bind(config.admin.listen, "admin.listen").await?;
    let transfer = match config.transfer.listen {
        Some(listen) => Some(bind(listen, "transfer.listen").await?),
        None => None,
    };
    let addresses = (address(&api)?, address(&admin)?, transfer.as_ref().map(address).transpose()?);
    let shutdown = CancellationToken::new();
    let mut parts = JoinSet::new();
    let metrics = metrics();
    parts.spawn(keep_metrics_small(metrics.clone(), shutdown.clone()));
    let state = edge::state(loaded, pipeline.clone(), Some(metrics), token, issuers.clone());
    if let Some(issuers) = issuers {
        let shutdown = shutdown.clone();
        parts.spawn(async move { issuers.refresh_in_background(shutdown).await });
    }
    // Without TLS too: SIGHUP would end the process otherwise.
    let shown = [tls.0, tls.1, transfer_tls.clone()].into_iter().flatten().collect();
    parts.spawn(keep_tls_fresh(shown, TLS_LOOK, shutdown.clone()));
    parts.spawn(serve_behind(api, sealpost_api::public::router(state.clone()), shutdown.clone(), fronts.0));
    parts.spawn(serve_behind(admin, sealpost_api::admin::router(state), shutdown.clone(), fronts.1));
    if let Some(transfer) = transfer {
        let limits = config.transfer.limits(config.api.failed_attempts());
        let state = sealpost_api::transfer::TransferState::new(pipeline.clone(), limits);
        let front = edge::plain_front(&config.transfer.trusted_proxies, transfer_tls);
        parts.spawn(serve_behind(transfer, sealpost_api::transfer::router(state), shutdown.clone(), front));
    }
    if with_worker {
        let (pipeline, shutdown) = (pipeline.clone(), shutdown.clone());
        parts.spawn(async move { pipeline.work(shutdown).await });
    }
    Ok(Running { api: addresses.0, admin: addresses.1, transfer: addresses.2, shutdown, parts, pipeline })
}

async fn bind(listen: SocketAddr, key: &str) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| {
        Error::new(&codes::config::ADDRESS_IN_USE, format!("{key} = {listen}: {error}")).caused_by(error)
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|error| Error::new(&codes::config::ADDRESS_IN_USE, error.to_string()))
}

/// The process's metrics recorder; installed once.
fn metrics() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Only a second recorder fails, and this is the only place that installs one.
            drop(metrics::set_global_recorder(recorder));
            sealpost_pipeline::telemetry::describe();
            handle
        })
        .clone()
}

/// Every figure of a histogram stays in memory until somebody looks at the metrics, or this is done.
async fn keep_metrics_small(metrics: PrometheusHandle, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(METRICS_LOOK)).await.is_some() {
        metrics.run_upkeep();
    }
}

/// Returns when the process gets SIGTERM or SIGINT.
pub(crate) async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        pressed = tokio::signal::ctrl_c() => drop(pressed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_does_not_go_unnoticed_while_others_go_on() {
        for how in ["panics", "returns"] {
            let mut parts = JoinSet::new();
            parts.spawn(std::future::pending());
            parts.spawn(async move { assert_ne!(how, "panics", "on purpose") });
            let error = first_end(&mut parts).await;
            assert_eq!((error.code().id, crate::output::exit_code(&error)), ("SP-LEDGER-009", 70), "{how}: {error}");
        }
    }
}
