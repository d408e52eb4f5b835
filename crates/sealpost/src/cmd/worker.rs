//! `sealpost worker`: works on tasks, without listeners.

use std::process::ExitCode;

use sealpost_core::error::Result;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Loaded;
use crate::wire;

pub(crate) async fn run(loaded: &Loaded) -> Result<ExitCode> {
    crate::logging::start(&loaded.config.log);
    let pipeline = wire::pipeline(loaded).await?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        super::serve::asked_to_stop().await;
        stop.cancel();
    });
    info!(worker = %pipeline.parts().settings.worker, "sealpost works");
    pipeline.work(shutdown).await;
    Ok(ExitCode::SUCCESS)
}
