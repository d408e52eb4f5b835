//! `GET /v1/reports/{id}`: how a report is. Made for polling: `ETag`, 304, `Retry-After`.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};
use jiff::Timestamp;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::Progress;
use sealpost_core::partner::Partner;
use sealpost_core::port::Mark;
use sealpost_pipeline::watch::Snapshot;

use super::recent::Answer;
use super::wire::{self, Report};
use crate::authenticate::Caller;
use crate::base_path::BasePath;
use crate::conditional;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;
use crate::wait::Patience;

/// Show a report.
///
/// Made for polling: send the last `ETag` as `If-None-Match`, and wait as long as `Retry-After` says. Better than polling: with
/// `Prefer: wait=25` the answer comes as soon as there is something new.
#[utoipa::path(get, path = "/v1/reports/{id}", operation_id = "showReport", tag = "reports",
    params(
        ("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last answer: 304 where nothing has changed.", example = "W/\"0.1.0-3-52-64-0\""),
        ("Prefer" = Option<String>, Header, description = "`wait=N` (RFC 7240): the answer comes when something happens to the report, with `If-None-Match` when the `ETag` is another one, after N seconds at the latest; at most 25. It comes at once when nothing more will happen, or when 50 clients of yours wait already.", example = "wait=25"),
    ),
    responses(
        (status = 200, description = "The report, with its deliveries.", body = Report,
            headers(
                ("ETag" = String, description = "Changes with every event of the report and its deliveries, and with the figures of `progress` in steps of a quarter at most; send it back as `If-None-Match`."),
                ("Preference-Applied" = String, description = "`wait=N`, where the answer could wait that long."),
                ("Retry-After" = u64, description = "Seconds until it is worth looking again, while something goes on."),
            )),
        (status = 304, description = "Nothing has changed."),
    ))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
    patience: Patience,
    request: extract::Request,
) -> Result<Response, Problem> {
    let parts = request.into_parts().0;
    let (headers, base) = (&parts.headers, BasePath::of(&parts.extensions));
    // Before the report is read: what happens meanwhile makes the mark old.
    let mark = state.pipeline.mark(&id);
    if !patience.is_asked()
        && let Some(known) = mark.and_then(|mark| state.recent.get(&partner.id, &id, mark, &base))
    {
        return Ok(respond(headers, known));
    }
    // In a place of its own: what is needed seldom would make every request's future large.
    Box::pin(look(&state, &partner, &id, patience, headers, base, mark)).await
}

/// Reads the report, and waits for news of it where that is asked for.
async fn look(
    state: &State,
    partner: &Partner,
    id: &JobId,
    patience: Patience,
    headers: &HeaderMap,
    base: BasePath,
    mark: Option<Mark>,
) -> Result<Response, Problem> {
    let mut snapshot = state.pipeline.snapshot(partner, id).await?;
    let is_known = |snapshot: &Snapshot| conditional::is_unchanged(headers, &conditional::weak(&tag(snapshot)));
    let is_conditional = headers.contains_key(header::IF_NONE_MATCH);
    let mut applied = None;
    if patience.is_asked() && !snapshot.is_done() && (!is_conditional || is_known(&snapshot)) {
        let first = snapshot.version();
        // Never back: what a watcher knows may be a second old.
        let is_news = |found: &Snapshot| match is_conditional {
            true => found.version() >= first && !is_known(found),
            false => found.version() > first,
        };
        let (found, waited) = patience.until(&state.pipeline, &state.waiting, &partner.id, id, is_news).await;
        snapshot = match (found, &waited) {
            (Some(found), _) => Arc::unwrap_or_clone(found),
            (None, Some(_)) => state.pipeline.snapshot(partner, id).await?,
            (None, None) => snapshot,
        };
        applied = waited;
    }
    let answer = put_together(&snapshot, base)?;
    // What was waited for was read after the mark as well, but by a watcher, at a time that we don't know.
    if applied.is_none()
        && let Some(mark) = mark
    {
        state.recent.keep(&partner.id, id, mark, answer.clone());
    }
    let mut response = respond(headers, answer);
    if let Some(applied) = applied {
        applied.write(response.headers_mut());
    }
    Ok(response)
}

fn put_together(snapshot: &Snapshot, base: BasePath) -> Result<Answer, Problem> {
    let report = Report::of(&snapshot.job, &snapshot.deliveries, Plane::Partner, &base);
    let tag = HeaderValue::from_str(&conditional::weak(&tag(snapshot)));
    Ok(Answer {
        tag: tag.map_err(|error| Error::new(&codes::request::INTERNAL, error.to_string()))?,
        body: report.json()?.into(),
        base,
        created_at: snapshot.job.created_at,
        is_done: report.is_done(),
    })
}

fn respond(asked: &HeaderMap, answer: Answer) -> Response {
    let Answer { tag, body, created_at, is_done, base: _ } = answer;
    let look_again = wire::look_again_in(created_at, is_done, Timestamp::now());
    let mut response = conditional::tagged(asked, tag, body);
    if let Some(seconds) = look_again {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The answer about one report on the operator plane.
pub(crate) fn answer(asked: &HeaderMap, report: &Report) -> Response {
    let mut response = conditional::json_or_not_modified(asked, report);
    look_again(&mut response, report);
    response
}

fn look_again(response: &mut Response, report: &Report) {
    if let Some(seconds) = report.look_again_in(Timestamp::now()) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// What the entity tag covers: every event of the report and its deliveries, this version of the program (which writes the
/// answer), and progress in coarse steps. With every row it would change between any two polls, and 304 were never
/// answered while a report is produced. It is made of numbers that the ledger keeps, so that a poll costs no digest.
fn tag(snapshot: &Snapshot) -> String {
    let Progress { rows, bytes } = snapshot.job.progress;
    let sent = snapshot.deliveries.iter().map(|delivery| delivery.bytes_sent).sum();
    let [rows, bytes, sent] = [rows, bytes, sent].map(step);
    format!("{}-{}-{rows}-{bytes}-{sent}", env!("CARGO_PKG_VERSION"), snapshot.version())
}

/// Which step a figure is on: four to each doubling.
fn step(figure: u64) -> u64 {
    match figure.checked_ilog2() {
        Some(power) if power >= 2 => 4 * u64::from(power - 1) + ((figure >> (power - 2)) & 3),
        _ => figure,
    }
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn steps_grow_with_the_figure_and_are_a_quarter_at_most() {
        let mut begin = 0_u64;
        for figure in 1..100_000 {
            assert!(step(figure) >= step(figure - 1), "{figure}");
            if step(figure) != step(begin) {
                assert!(step(figure) == step(begin) + 1 && (figure - begin) * 4 <= begin.max(4), "{begin} to {figure}");
                begin = figure;
            }
        }
        assert!(step(u64::MAX) < 300);
    }
}
