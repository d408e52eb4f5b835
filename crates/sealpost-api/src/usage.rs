//! `GET /v1/usage`: the caller's limits, and how much of each is left.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use sealpost_core::error::Result;
use sealpost_core::usage::RateLimit;
use sealpost_pipeline::usage::QuotaStanding;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authenticate::Caller;
use crate::problem::Problem;
use crate::state::State;
use crate::throttle::Standing;

/// Limits of a partner, and how much of each is left.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "rate": {"per_second": 100.0, "burst": 200, "remaining": 199},
    "operations": {"POST /v1/reports": {"per_second": 2.0, "burst": 10, "remaining": 7}},
    "quota": {"limit": 10000, "period": "day", "used": 1234, "remaining": 8766, "resets_at": "2026-02-02T00:00:00Z"},
    "active_reports": {"limit": 20, "active": 3}
}))]
pub struct Usage {
    /// All requests together.
    rate: Rate,
    /// Operations that have a limit of their own beside it, by method and path.
    operations: BTreeMap<String, Rate>,
    /// Requests of a calendar period in UTC; null where there is no such limit.
    quota: Option<QuotaUsage>,
    /// Reports that are queued or running at the same time.
    active_reports: ActiveReports,
}

/// A token bucket.
#[derive(Serialize, ToSchema)]
pub struct Rate {
    /// Requests per second in the long run.
    per_second: f64,
    /// Most requests at once.
    burst: u32,
    /// Requests that could be made at once now, as this process counts them.
    remaining: u64,
}

impl From<&Standing> for Rate {
    fn from(standing: &Standing) -> Self {
        let RateLimit { per_second, burst } = standing.limit;
        Self { per_second, burst, remaining: standing.remaining }
    }
}

/// Requests of a calendar period.
#[derive(Serialize, ToSchema)]
pub struct QuotaUsage {
    /// Most requests.
    limit: u64,
    /// `day`, `week` (from Monday) or `month`.
    #[schema(example = "day")]
    period: &'static str,
    /// Requests counted so far. With several of our processes up to 64 for each may be counted before they are made.
    used: u64,
    /// What is left.
    remaining: u64,
    /// When the next period begins.
    resets_at: Timestamp,
}

impl From<QuotaStanding> for QuotaUsage {
    fn from(standing: QuotaStanding) -> Self {
        Self {
            limit: standing.quota.limit,
            period: standing.quota.period.as_str(),
            used: standing.used,
            remaining: standing.remaining(),
            resets_at: standing.window.end,
        }
    }
}

/// Reports that are queued or running at the same time.
#[derive(Serialize, ToSchema)]
pub struct ActiveReports {
    /// Most of them.
    limit: u32,
    /// How many there are.
    active: u64,
}

/// Show your limits.
///
/// What is left of each limit, this request included.
#[utoipa::path(get, path = "/v1/usage", operation_id = "showUsage", tag = "usage",
    responses((status = 200, description = "Limits, and how much of each is left.", body = Usage)))]
pub(crate) async fn usage(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
) -> Result<Json<Usage>, Problem> {
    let (all, operations) = state.throttle.plans.look(&partner.id, &partner.limits, Instant::now());
    let quota = match partner.limits.quota {
        Some(quota) => Some(state.pipeline.quotas().standing(&partner.id, quota, Timestamp::now()).await?.into()),
        None => None,
    };
    Ok(Json(Usage {
        rate: Rate::from(&all),
        operations: operations.iter().map(|(name, standing)| (name.clone(), Rate::from(standing))).collect(),
        quota,
        active_reports: ActiveReports {
            limit: partner.limits.active_reports,
            active: state.pipeline.parts().ledger.active_jobs(&partner.id).await?,
        },
    }))
}
