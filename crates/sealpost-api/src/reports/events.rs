//! `GET /v1/reports/{id}/events`: a report as server-sent events (WHATWG HTML, section 9.2), until nothing more happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sealpost_core::id::JobId;
use sealpost_pipeline::watch::{Following, Snapshot};
use tokio::time::Instant;

use super::wire::Report;
use crate::authenticate::Caller;
use crate::base_path::BasePath;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::serve::Stopping;
use crate::state::State;
use crate::wait::{Seat, cancelled};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What nginx needs to hand events on at once instead of collecting them.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Progress alone is told twice a second at most; events at once.
const PACE: Duration = Duration::from_millis(500);
/// A comment this often, so that nothing on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A stream ends after this time, and the client comes back with `Last-Event-ID`: then its credentials are checked again.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// After how long a client should come back.
const COME_BACK: Duration = Duration::from_secs(2);
/// The same where the partner has too many clients waiting.
const COME_BACK_LATER: Duration = Duration::from_secs(10);

/// Follow a report.
///
/// Server-sent events: each `report` event has the whole report, as `GET /v1/reports/{id}` shows it. The first one comes at once,
/// then one with each change; progress alone comes twice a second at most. The stream ends when nothing more happens to the
/// report and its deliveries (`progress.stage` is `done`), or after 15 minutes: come back with the last `id` as `Last-Event-ID`.
#[utoipa::path(get, path = "/v1/reports/{id}/events", operation_id = "followReport", tag = "reports",
    params(
        ("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that you have: the first event comes only when there is something newer.", example = "3"),
    ),
    responses(
        (status = 200, description = "The events. With more than 50 clients of yours waiting at once you get the present state alone.", body = String, content_type = "text/event-stream",
            example = "event: report\nid: 3\ndata: {\"id\": \"rep_01kavs0h9yq4m4d2tkv1c7rbn5\", \"status\": \"succeeded\"}\n\n"),
        (status = 204, description = "You have the last event, and nothing more happens. (Browsers then don't come back.)"),
    ))]
pub(crate) async fn events(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
    base: BasePath,
    stopping: Option<Extension<Stopping>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = state.pipeline.snapshot(&partner, &id).await?;
    let known = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let is_known = known == Some(snapshot.version());
    if is_known && snapshot.is_done() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut response = match state.waiting.seat(&partner.id, "events") {
        Some(seat) => {
            let present = Arc::new(snapshot);
            let story = Story {
                following: state.pipeline.follow(&id),
                next: (!is_known).then(|| present.clone()),
                last: present,
                told_at: Instant::now(),
                until: Instant::now() + LONGEST,
                stopping: stopping.map(|Extension(stopping)| stopping),
                is_over: false,
                base,
                _seat: seat,
            };
            Sse::new(story.stream())
                .keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("still here"))
                .into_response()
        }
        None => Sse::new(stream::iter([event(&snapshot, COME_BACK_LATER, &base)])).into_response(),
    };
    response.headers_mut().insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// What one client has been told, and what it is told next.
struct Story {
    following: Following,
    /// What the client has, as far as we know.
    last: Arc<Snapshot>,
    /// To be told first.
    next: Option<Arc<Snapshot>>,
    told_at: Instant,
    until: Instant,
    stopping: Option<Stopping>,
    is_over: bool,
    /// What its links begin with.
    base: BasePath,
    _seat: Seat,
}

impl Story {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut story| async move {
            let snapshot = story.next().await?;
            Some((event(&snapshot, COME_BACK, &story.base), story))
        })
    }

    async fn next(&mut self) -> Option<Arc<Snapshot>> {
        if self.is_over {
            return None;
        }
        let news = match self.next.take() {
            Some(first) => first,
            None => {
                let stopping = self.stopping.clone();
                let until = self.until;
                tokio::select! {
                    news = self.news() => news,
                    () = tokio::time::sleep_until(until) => return None,
                    () = cancelled(stopping.as_ref()) => return None,
                }
            }
        };
        self.is_over = news.is_done();
        self.told_at = Instant::now();
        self.last = news.clone();
        Some(news)
    }

    /// Something that the client does not have yet.
    async fn news(&mut self) -> Arc<Snapshot> {
        let last = self.last.clone();
        // Never back: what a watcher knows may be a second old.
        let is_news = |found: &Snapshot| *found != *last && found.version() >= last.version();
        let news = self.following.until(is_news).await;
        if news.version() > last.version() {
            return news;
        }
        // Progress alone: the newest there is when its time has come, or an event before that.
        let due = self.told_at + PACE;
        tokio::select! {
            event = self.following.until(|found| found.version() > last.version()) => event,
            () = tokio::time::sleep_until(due) => self.following.until(is_news).await,
        }
    }
}

/// The identifier is the number of events so far: who has it has everything up to there, progress apart.
fn event(snapshot: &Snapshot, come_back: Duration, base: &BasePath) -> Result<Event, Infallible> {
    let report = Report::of(&snapshot.job, &snapshot.deliveries, Plane::Partner, base);
    let data = serde_json::to_string(&report).unwrap_or_default();
    Ok(Event::default().event("report").id(snapshot.version().to_string()).retry(come_back).data(data))
}
