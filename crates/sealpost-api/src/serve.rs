//! Serving a router over HTTP/1.1 on plain TCP. TLS ends before us: at a load balancer, gateway or proxy.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// What a listener allows.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a connection may take to send the head of a request, idle time before it included; 30 seconds.
    pub head_time: Duration,
    /// Most bytes of a request's head before the connection is refused outright; 32 KiB.
    pub head_size: usize,
    /// Most connections at once; further ones wait to be accepted; 2,048.
    pub connections: usize,
    /// How long requests may go on after shutdown was asked for; 20 seconds.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_time: Duration::from_secs(30),
            head_size: 32 * 1024,
            connections: 2048,
            drain: Duration::from_secs(20),
        }
    }
}

/// Serves until `shutdown` is cancelled, then lets requests end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    serve_with(listener, router, shutdown, Limits::default()).await;
}

/// [`serve`] with other limits.
pub async fn serve_with(listener: TcpListener, router: Router, shutdown: CancellationToken, limits: Limits) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    // HTTP/1.1 alone: telling HTTP/2 apart needs the first bytes, for which no time limit would hold.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_buf_size(limits.head_size);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, permit)) = accepted else { continue };
        let router = router.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            router.clone().oneshot(request.map(axum::body::Body::new))
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // The other side's doing: it went away, was too slow, or spoke no HTTP.
                tracing::debug!(target: "sealpost::http", %error, "connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(target: "sealpost::http", "requests were cut off: they took longer than the time to shut down");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // Never closed, so this fails never.
    let permit = connections.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(target: "sealpost::http", %error, "TCP_NODELAY");
            }
            Some((stream, permit))
        }
        Err(error) => {
            // Out of file descriptors, mostly: wait for some to be free again instead of spinning.
            tracing::warn!(target: "sealpost::http", %error, "accept");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
