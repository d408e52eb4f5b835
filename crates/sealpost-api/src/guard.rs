//! What stands before every endpoint of the partner plane, in this order: failed attempts of the address, credentials, the
//! partner's plan, the scope, the parameters.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::around::Next;
use crate::authenticate::{self, Authenticated};
use crate::edge::Trail;
use crate::parameters;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;
use crate::throttle;

/// The layer. One for all of them: each costs an allocation or two for every request.
pub(crate) async fn guard(state: State, mut request: Request, next: Next) -> Response {
    match admit(&state, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admit(state: &State, request: &mut Request) -> Result<(), Problem> {
    let attempt = throttle::attempt(Plane::Partner, state, request)?;
    let authenticated = match authenticate::authenticate(state, request).await {
        Ok(authenticated) => authenticated,
        Err(problem) => {
            attempt.failed(state, &problem);
            return Err(problem);
        }
    };
    let trail = request.extensions().get::<Trail>().cloned().unwrap_or_default();
    let Authenticated { partner, operation, .. } = &authenticated;
    throttle::throttle(state, &trail, partner, &operation.name).await?;
    authenticated.check_scope()?;
    parameters::check(authenticated.operation, request)?;
    request.extensions_mut().insert(authenticated);
    Ok(())
}
