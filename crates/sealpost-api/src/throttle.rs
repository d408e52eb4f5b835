//! Usage plans at the edge: how many requests a partner may make, and how many failed attempts an address.
//!
//! [`attempt()`] lies around authentication and looks at addresses; [`throttle`] lies behind it and looks at
//! partners: the operation's own bucket, the partner's bucket, then its quota. What a bucket refuses does not count for
//! the quota.

mod bucket;
mod fields;
mod guesses;
mod plan;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::{self, Request};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;
use sealpost_core::error::{Error, Retry, codes};
use sealpost_core::identity::Genuine;
use sealpost_core::partner::Partner;
use sealpost_core::usage::RateLimit;
use sealpost_pipeline::identify::nothing_presented;
use sealpost_pipeline::usage::Taken;

use crate::edge::Trail;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::serve::ClientAddress;
use crate::state::State;

pub(crate) use bucket::Bucket;
pub(crate) use fields::{Fields, NAMES as FIELD_NAMES};
pub(crate) use guesses::{DEFAULT as FAILED_ATTEMPTS, Guesses, network};
pub(crate) use plan::Standing;

/// What this process has counted.
pub(crate) struct Throttle {
    pub(crate) plans: plan::Plans,
    /// For each plane its own: what partners do must never make operators wait.
    of_partners: guesses::Guesses,
    of_operators: guesses::Guesses,
}

impl Throttle {
    /// With another limit for failed attempts of an address; 20, and one more every three seconds, when not given.
    pub(crate) fn new(failed_attempts: Option<RateLimit>) -> Self {
        let limit = failed_attempts.unwrap_or(guesses::DEFAULT);
        let guesses = || guesses::Guesses::new(limit);
        Self { plans: plan::Plans::default(), of_partners: guesses(), of_operators: guesses() }
    }

    fn guesses(&self, plane: Plane) -> &guesses::Guesses {
        match plane {
            Plane::Partner => &self.of_partners,
            Plane::Operator => &self.of_operators,
        }
    }
}

/// Behind authentication: no more than the partner's plan allows, of the operation of this name and of all of them.
pub(crate) async fn throttle(state: &State, trail: &Trail, partner: &Partner, name: &str) -> Result<(), Problem> {
    let (allowed, standings) = state.throttle.plans.take(&partner.id, &partner.limits, name, Instant::now());
    let mut fields = Fields::of_rate(&standings.all, standings.operation.as_ref().map(|one| (name, one)));
    if !allowed {
        trail.limited_by(fields);
        return Err(too_fast(&standings, name).into());
    }
    if let Some(quota) = partner.limits.quota {
        let now = Timestamp::now();
        let quotas = state.pipeline.quotas();
        let taken = match quotas.take_at_once(&partner.id, quota, now) {
            Some(taken) => taken,
            None => Box::pin(quotas.take(&partner.id, quota, now)).await?,
        };
        fields.add_quota(&taken.standing, now);
        if !taken.allowed {
            trail.limited_by(fields);
            return Err(used_up(&taken, now).into());
        }
    }
    trail.limited_by(fields);
    Ok(())
}

fn too_fast(standings: &plan::Standings, name: &str) -> Error {
    let tight = standings.operation.filter(|one| one.wait > Duration::ZERO);
    let (reason, of) = if tight.is_some() { ("operation", format!(" of {name}")) } else { ("rate", String::new()) };
    refused(Plane::Partner, reason);
    let RateLimit { per_second, burst } = tight.unwrap_or(standings.all).limit;
    // Both must have room again.
    let wait = tight.map_or(standings.all.wait, |one| one.wait.max(standings.all.wait));
    Error::new(&codes::request::RATE, format!("more than {per_second} requests{of} per second, {burst} at once"))
        .retried(Retry::After(wait))
}

fn used_up(taken: &Taken, now: Timestamp) -> Error {
    refused(Plane::Partner, "quota");
    let standing = &taken.standing;
    let (limit, period) = (standing.quota.limit, standing.quota.period.as_str());
    let detail = format!("{limit} requests in a {period}; the next begins at {}", standing.window.end);
    let wait = standing.window.end.duration_since(now).unsigned_abs();
    Error::new(&codes::request::QUOTA, detail).retried(Retry::After(wait))
}

/// [`attempt()`] as a layer of the operator plane, around authentication.
pub(crate) async fn operator_guesses(
    extract::State(state): extract::State<State>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let attempt = attempt(Plane::Operator, &state, &request)?;
    let response = next.run(request).await;
    if let Some(problem) = response.extensions().get::<Problem>() {
        attempt.failed(&state, problem);
    }
    Ok(response)
}

/// An attempt to authenticate.
pub(crate) struct Attempt {
    plane: Plane,
    /// Without an address there is a gateway before us, which counts for itself.
    address: Option<IpAddr>,
}

/// Before authentication: an address whose attempts failed too often waits, whatever it tries.
pub(crate) fn attempt(plane: Plane, state: &State, request: &Request) -> Result<Attempt, Problem> {
    let address = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| *address);
    let wait = address.map(|address| state.throttle.guesses(plane).wait(address, Instant::now())).unwrap_or_default();
    if !wait.is_zero() {
        refused(plane, "failed_attempts");
        let detail = "too many failed attempts to authenticate from your address";
        return Err(Error::new(&codes::request::RATE, detail).retried(Retry::After(wait)).into());
    }
    Ok(Attempt { plane, address })
}

impl Attempt {
    /// It was refused so.
    pub(crate) fn failed(&self, state: &State, problem: &Problem) {
        if let Some(address) = self.address.filter(|_| is_guess(&problem.error)) {
            state.throttle.guesses(self.plane).failed(address, Instant::now());
        }
    }
}

/// Whether a refusal may be that of somebody who tries out credentials. Who has none, or old ones that were good, does
/// not guess, and must not make everybody behind the same address wait.
fn is_guess(error: &Error) -> bool {
    let is_about_credentials = error.is(&codes::request::UNAUTHORIZED) || error.is(&codes::request::TOKEN_REFUSED);
    is_about_credentials && !Genuine::is_behind(error) && error.detail() != nothing_presented().detail()
}

fn refused(plane: Plane, reason: &'static str) {
    metrics::counter!("sealpost_throttled_total", "plane" => plane.as_str(), "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_credentials_that_may_be_made_up_are_guesses() {
        let refusal = |code| Error::new(code, "no");
        let (unauthorized, token) = (&codes::request::UNAUTHORIZED, &codes::request::TOKEN_REFUSED);
        assert!(is_guess(&refusal(unauthorized)) && is_guess(&refusal(token)));
        for other in [
            nothing_presented(),
            refusal(&codes::request::KEY_EXPIRED),
            refusal(&codes::request::PARTNER_DISABLED),
            refusal(unauthorized).caused_by(Genuine),
            refusal(token).caused_by(Genuine).context("issuer `id`"),
        ] {
            assert!(!is_guess(&other), "{other:?}");
        }
    }
}
