//! `GET /admin/v1/audit`: who changed what, newest first, page by page.

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use sealpost_core::audit::AuditEntry as CoreEntry;
use sealpost_core::port::AuditFilter;
use serde::Serialize;
use utoipa::ToSchema;

use crate::changes::cursor;
use crate::changes::wire::Actor;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;

/// A page of the audit trail.
#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    /// The entries, newest first.
    entries: Vec<AuditEntry>,
    /// The cursor of the next page; null on the last one.
    #[schema(required, example = "YXVkXzAxa2F2czBoOXlxNG00ZDJ0a3YxYzdyYm41")]
    next_cursor: Option<String>,
}

/// Who did what to which record. Entries are never changed or removed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "aud_01kavs0h9yq4m4d2tkv1c7rbn5", "at": "2026-02-01T06:00:00Z", "partner": "acme",
    "actor": {"kind": "api_key", "id": "abcdefghijkm"}, "action": "certificate.add",
    "subject": "certificate 6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F", "detail": "change chg_01kavs0h9yq4m4d2tkv1c7rbn5",
    "request_id": "01kavs0h9yq4m4d2tkv1c7rbn5"
}))]
pub struct AuditEntry {
    /// Its id.
    id: String,
    /// When.
    at: Timestamp,
    /// Whose record was touched.
    partner: String,
    /// Who did it.
    actor: Actor,
    /// What was done: `certificate.add`, `destination.put`, `host_key.approve`, `api_key.create`, `change.reject`, …
    action: String,
    /// To what.
    subject: String,
    /// More words, for people.
    detail: String,
    /// The request that it came with.
    #[schema(required)]
    request_id: Option<String>,
}

impl From<CoreEntry> for AuditEntry {
    fn from(entry: CoreEntry) -> Self {
        let CoreEntry { id, at, partner, actor, action, subject, detail, request_id } = entry;
        let (id, partner, actor) = (id.to_string(), partner.to_string(), Actor::from(&actor));
        Self { id, at, partner, actor, action, subject, detail, request_id }
    }
}

/// Read the audit trail.
#[utoipa::path(get, path = "/admin/v1/audit", operation_id = "listAudit", tag = "changes",
    params(
        ("partner" = Option<String>, Query, description = "Only entries about this partner.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("limit" = Option<u32>, Query, description = "Most entries on a page, 1 to 100; 20 when not given.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = AuditPage)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<AuditPage>, Problem> {
    let mut reader = query.read(&["partner", "limit", "cursor"]);
    let words = |error: sealpost_core::Error| error.detail().to_owned();
    let filter = AuditFilter {
        partner: reader.one("partner", |text| text.parse().map_err(words)),
        after: cursor::after(&mut reader),
        limit: cursor::limit(&mut reader),
    };
    reader.end()?;
    let has_cursor = filter.after.is_some();
    let page = cursor::page(state.pipeline.parts().changes.audit(&filter).await, has_cursor)?;
    let next_cursor = page.entries.last().filter(|_| page.more).map(|last| cursor::to_cursor(&last.id));
    Ok(Json(AuditPage { entries: page.entries.into_iter().map(AuditEntry::from).collect(), next_cursor }))
}
