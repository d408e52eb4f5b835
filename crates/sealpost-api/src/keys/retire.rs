//! `DELETE /v1/keys/{id}`: seal to a certificate no longer.

use axum::extract;
use jiff::{SignedDuration, Timestamp};

use crate::authenticate::{Caller, Credentials};
use crate::changes::{Answer, author, done, wire::Change};
use crate::path::Id;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;

/// The farthest end, in days.
const FARTHEST_DAYS: i64 = 366;

/// Retire an OpenPGP certificate.
///
/// Now, or at a time to come. At least one certificate stays that is used without an end.
#[utoipa::path(delete, path = "/v1/keys/{id}", operation_id = "retireOpenPgpKey", tag = "keys",
    params(
        ("id" = String, Path, description = "The fingerprint of its primary key.", pattern = "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$", example = "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F"),
        ("at" = Option<String>, Query, description = "When, at most 366 days ahead (RFC 3339); at once when not given.", format = DateTime),
    ),
    responses(
        (status = 200, description = "The change, done.", body = Change),
        (status = 202, description = "It waits for the operator's approval.", body = Change, headers(("Location" = String, description = "The change."))),
        (status = 409, description = "No certificate would be left to seal to (`SP-REQUEST-040`), a change of it waits (`SP-REQUEST-035`), 50 changes wait already (`SP-REQUEST-037`), or operators do this here (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn retire(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(fingerprint): Id<String>,
    query: Query,
) -> Result<Answer<Change>, Problem> {
    let mut reader = query.read(&["at"]);
    let at = reader.instant("at");
    if at.is_some_and(|at| at > Timestamp::now() + SignedDuration::from_hours(24 * FARTHEST_DAYS)) {
        reader.wrong("at", format!("expected at most {FARTHEST_DAYS} days ahead"));
    }
    reader.end()?;
    let change = state.pipeline.retire_certificate(&partner.id, &fingerprint, at, &author(&credentials)).await?;
    Ok(done(&change))
}
