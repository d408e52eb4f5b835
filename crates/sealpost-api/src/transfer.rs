//! The transfer API: AWS JSON 1.1 as AWS Transfer Family's SFTP connectors speak it, on a listener of its own, so that
//! stock AWS clients drive our engine.
//!
//! A request passes, from outside to inside: `edge` (request id, panics, time limit, log) ▶ `authenticate` (signature,
//! skew, role, rate, replay) ▶ its row of `operations`, which is the table of what is offered.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;

mod authenticate;
mod call;
mod connectors;
mod dispatch;
mod edge;
mod extensions;
mod members;
mod next_token;
mod operations;
mod policies;
mod refusal;
mod replay;
mod resource;
mod results;
mod start;
mod state;
mod tags;
mod throttle;

pub use state::{TransferLimits, TransferState};

/// The transfer API, for [`serve_behind`](crate::serve_behind): everything is `POST /`, told apart by `X-Amz-Target`.
pub fn router(state: TransferState) -> Router {
    Router::new()
        .route("/", post(dispatch::dispatch))
        .fallback(edge::unknown_path)
        .method_not_allowed_fallback(edge::wrong_method)
        .with_state(state.clone())
        .layer(from_fn_with_state(state, edge::edge))
}
