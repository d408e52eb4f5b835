//! One connection: handshake, then requests, each with what is known about who sends it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::certificate::ClientCertificate;
use super::{ClientAddress, Front, Stopping};
use crate::stall::Stalling;

/// Serves a connection until either side ends it.
pub(super) async fn serve(
    front: Arc<Front>,
    http: http1::Builder,
    stream: TcpStream,
    peer: IpAddr,
    router: Router,
    watcher: Watcher,
    stopping: Stopping,
) {
    let stream = Stalling::new(stream, front.limits.stall);
    let Some(tls) = &front.tls else {
        let service = Service { front: front.clone(), peer, certificate: None, router, stopping };
        return service.requests(http, stream, watcher).await;
    };
    // In a task of its own, so that one who is slow to shake hands keeps nobody else waiting.
    let handshake = tokio::time::timeout(front.limits.handshake_time, tls.acceptor().accept(stream));
    let outcome = tokio::select! {
        outcome = handshake => outcome,
        () = stopping.0.cancelled() => return,
    };
    let stream = match outcome {
        Ok(Ok(stream)) => stream,
        // Load balancers knock and go away.
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return tracing::debug!(target: "sealpost::http", %peer, %error, "TLS handshake ended");
        }
        Ok(Err(error)) => return tracing::info!(target: "sealpost::http", %peer, %error, "TLS handshake failed"),
        Err(_) => return tracing::info!(target: "sealpost::http", %peer, "TLS handshake took too long"),
    };
    let chain = stream.get_ref().1.peer_certificates();
    let certificate = chain.and_then(<[_]>::first).map(|first| ClientCertificate::from_der(first));
    let service = Service { front: front.clone(), peer, certificate, router, stopping };
    service.requests(http, stream, watcher).await;
}

/// The router, for one connection.
struct Service {
    front: Arc<Front>,
    peer: IpAddr,
    certificate: Option<ClientCertificate>,
    router: Router,
    stopping: Stopping,
}

impl Service {
    async fn requests<S>(self, http: http1::Builder, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|mut request: http::Request<hyper::body::Incoming>| {
            self.introduce(&mut request);
            self.router.clone().oneshot(request.map(axum::body::Body::new))
        });
        if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await {
            // The other side's doing: it went away, was too slow, or spoke no HTTP.
            tracing::debug!(target: "sealpost::http", %error, "connection ended");
        }
    }

    fn introduce<B>(&self, request: &mut http::Request<B>) {
        let proxies = &self.front.proxies;
        let address = proxies.client(self.peer, request.headers());
        // The one that we saw ourselves, where there is one.
        let certificate = self.certificate.clone().or_else(|| proxies.certificate(self.peer, request.headers()));
        let extensions = request.extensions_mut();
        extensions.insert(ClientAddress(address));
        extensions.insert(self.stopping.clone());
        if let Some(certificate) = certificate {
            extensions.insert(certificate);
        }
    }
}
