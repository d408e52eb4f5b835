//! `PUT /admin/v1/partners/{id}`: make a partner as the document says, or only tell what would change.

use axum::Json;
use axum::extract;
use sealpost_core::id::PartnerId;
use sealpost_pipeline::records::{Action, Change as CoreChange, PartnerDocument};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::{Operator, schema};
use crate::body::JsonBody;
use crate::path::Id;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;

/// What was, or would be, changed.
#[derive(Serialize, ToSchema)]
pub struct PartnerChanges {
    /// Whether it was done.
    applied: bool,
    /// What differs. Applying the same document twice changes nothing the second time.
    changes: Vec<Change>,
}

/// One record.
#[derive(Serialize, ToSchema)]
pub struct Change {
    /// `create`, `update`, `remove` or `keep`.
    #[schema(value_type = String, example = "update")]
    action: Action,
    /// Which record.
    #[schema(example = "connector acme/main")]
    subject: String,
    /// The members that differ, for an update.
    #[schema(example = json!(["settings.host"]))]
    members: Vec<String>,
}

impl From<CoreChange> for Change {
    fn from(change: CoreChange) -> Self {
        let CoreChange { action, subject, members } = change;
        Self { action, subject, members }
    }
}

/// Create or change a partner.
///
/// The document is the whole partner, except that certificates, identities, connectors and `deliver_to` are left as they
/// are where it does not name them. With `plan=true` nothing is changed.
#[utoipa::path(put, path = "/admin/v1/partners/{id}", operation_id = "putPartner", tag = "partners",
    params(
        ("id" = String, Path, description = "The partner's id: 1 to 63 of a-z, 0-9 and -.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("plan" = Option<bool>, Query, description = "`true`: change nothing, only tell what would change."),
    ),
    request_body = schema::PartnerDocument,
    responses(
        (status = 200, description = "What was, or would be, changed.", body = PartnerChanges),
        (status = 400, description = "The request (`SP-REQUEST-001`) or the document (`SP-CONFIG-004`) is not valid; `errors` names every field that is wrong."),
    ))]
pub(crate) async fn put(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id(id): Id<PartnerId>,
    query: Query,
    JsonBody(document): JsonBody<PartnerDocument>,
) -> Result<Json<PartnerChanges>, Problem> {
    let mut reader = query.read(&["plan"]);
    let plan = reader.one("plan", |text| text.parse::<bool>().map_err(|_| "expected true or false".to_owned()));
    reader.end()?;
    let plan = plan.unwrap_or(false);
    let changes = if plan {
        state.pipeline.plan(&id, &document).await?
    } else {
        state.pipeline.apply_by(&author, &id, &document).await?
    };
    Ok(Json(PartnerChanges { applied: !plan, changes: changes.into_iter().map(Change::from).collect() }))
}
