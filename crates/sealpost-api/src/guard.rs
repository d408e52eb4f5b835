//! What stands before every endpoint of the partner plane, in this order: failed attempts of the address, credentials, the
//! partner's plan, the scope, the parameters.
//!
//! One layer for all of them. Each layer of a router costs an allocation or two and copies of all layers within it, for
//! every request.

use axum::extract::{self, Request};
use axum::middleware::Next;
use axum::response::Response;

use crate::authenticate;
use crate::parameters;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;
use crate::throttle;

/// The layer.
pub(crate) async fn guard(
    extract::State(state): extract::State<State>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let attempt = throttle::attempt(Plane::Partner, &state, &request)?;
    if let Err(problem) = authenticate::authenticate(&state, &mut request).await {
        attempt.failed(&state, &problem);
        return Err(problem);
    }
    throttle::throttle(&state, &mut request).await?;
    authenticate::check_scope(&request)?;
    parameters::check(&request)?;
    Ok(next.run(request).await)
}
