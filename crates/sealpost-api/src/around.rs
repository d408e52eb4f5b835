//! A layer that runs a function around every route within it.
//!
//! axum's `from_fn` does the same, but copies all layers within it several times for every request, each with everything
//! that lies within. Here the layers of a router share what is within them.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::routing::Route;
use futures::FutureExt;
use futures::future::Map;
use tower::{Layer, Service};

/// The layer: `handle` gets each request, and what is within to hand it on to.
#[derive(Clone)]
pub(crate) struct Around<F>(pub(crate) F);

impl<F: Clone> Layer<Route> for Around<F> {
    type Service = Within<F>;

    fn layer(&self, inner: Route) -> Within<F> {
        Within { handle: self.0.clone(), inner: Arc::new(inner) }
    }
}

/// A route with the layer around it.
#[derive(Clone)]
pub(crate) struct Within<F> {
    handle: F,
    inner: Arc<Route>,
}

impl<F, Answer> Service<Request> for Within<F>
where
    F: Fn(Request, Next) -> Answer,
    Answer: Future<Output = Response>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Map<Answer, fn(Response) -> Result<Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // As every route is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        (self.handle)(request, Next(self.inner.clone())).map(Ok)
    }
}

/// What lies within the layer.
pub(crate) struct Next(Arc<Route>);

impl Next {
    /// Hands the request on.
    pub(crate) async fn run(self, request: Request) -> Response {
        let mut route = Route::clone(&self.0);
        match route.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
