//! Serving a router over HTTP/1.1: on plain TCP behind a proxy or gateway, or on TLS that ends here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod certificate;
mod clock;
mod connection;
mod crowd;
mod proxies;
mod tls;

pub use certificate::ClientCertificate;
pub use proxies::TrustedProxies;
pub use tls::{ClientCertificates, Tls, TlsSettings, keep_tls_fresh};

/// The address of whoever calls; an extension of every request that came in by a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The listener's shutdown, for answers that go on for long; an extension of every request that came in by a connection.
/// (A token's own clones take a lock that all of them share.)
#[derive(Debug, Clone)]
pub(crate) struct Stopping(pub(crate) Arc<CancellationToken>);

/// What a listener allows.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a TLS handshake may take; 10 seconds.
    pub handshake_time: Duration,
    /// How long a connection may take to send the head of a request, idle time before it included; 30 seconds.
    pub head_time: Duration,
    /// Most bytes of a request's head before the connection is refused outright; 32 KiB.
    pub head_size: usize,
    /// How long the other side may take nothing of an answer before the connection is cut off; 60 seconds.
    pub stall: Duration,
    /// Most connections at once; further ones wait to be accepted; 2,048.
    pub connections: usize,
    /// Most of them from one address, a /64 of IPv6 counted as one; further ones are closed at once. Trusted proxies may have
    /// any number; 512.
    pub connections_per_address: usize,
    /// How long requests may go on after shutdown was asked for; 20 seconds.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_time: Duration::from_secs(10),
            head_time: Duration::from_secs(30),
            head_size: 32 * 1024,
            stall: Duration::from_secs(60),
            connections: 2048,
            connections_per_address: 512,
            drain: Duration::from_secs(20),
        }
    }
}

/// What lies between a listener and its router. By default plain TCP, and nobody is believed about the client.
#[derive(Clone, Default)]
pub struct Front {
    /// What the listener allows.
    pub limits: Limits,
    /// TLS; plain TCP when `None`.
    pub tls: Option<Arc<Tls>>,
    /// Whose word about the client's address and certificate counts.
    pub proxies: TrustedProxies,
}

/// Serves until `shutdown` is cancelled, then lets requests end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    serve_behind(listener, router, shutdown, Front::default()).await;
}

/// [`serve`] with other limits.
pub async fn serve_with(listener: TcpListener, router: Router, shutdown: CancellationToken, limits: Limits) {
    serve_behind(listener, router, shutdown, Front { limits, ..Front::default() }).await;
}

/// [`serve`] with TLS, trusted proxies, other limits.
pub async fn serve_behind(listener: TcpListener, router: Router, shutdown: CancellationToken, front: Front) {
    let front = Arc::new(front);
    let limits = &front.limits;
    let connections = Arc::new(Semaphore::new(limits.connections));
    let crowd = crowd::Crowd::new(limits.connections_per_address);
    let graceful = GracefulShutdown::new();
    // HTTP/1.1 alone: telling HTTP/2 apart needs the first bytes, for which no time limit would hold.
    let mut http = http1::Builder::new();
    http.header_read_timeout(limits.head_time).max_buf_size(limits.head_size);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let place = (!front.proxies.trusts(peer)).then(|| crowd.enter(peer));
        if matches!(place, Some(None)) {
            metrics::counter!("sealpost_connections_refused_total").increment(1);
            tracing::debug!(target: "sealpost::http", %peer, "too many connections of one address");
            continue;
        }
        let stopping = Stopping(Arc::new(shutdown.clone()));
        let mut http = http.clone();
        http.timer(clock::Clock::default());
        let connection =
            connection::serve(front.clone(), http, stream, peer, router.clone(), graceful.watcher(), stopping);
        tokio::spawn(async move {
            connection.await;
            drop((place, permit));
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
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    // Never closed, so this fails never.
    let permit = connections.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(target: "sealpost::http", %error, "TCP_NODELAY");
            }
            Some((stream, peer.ip().to_canonical(), permit))
        }
        Err(error) => {
            // Out of file descriptors, mostly: wait for some to be free again instead of spinning.
            tracing::warn!(target: "sealpost::http", %error, "accept");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
