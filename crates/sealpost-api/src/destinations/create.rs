//! `POST /v1/destinations`: a further server that files are sent to.

use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::id::ConnectorId;
use sealpost_pipeline::self_service::credential::Credential;
use sealpost_pipeline::self_service::destination::DestinationWish;
use serde::Deserialize;
use utoipa::ToSchema;

use super::credential::{LoginRequest, LoginShape};
use super::load;
use super::wire::{Destination, ExistingFile};
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
use crate::changes::{Answer, author, wire::Change};
use crate::problem::Problem;
use crate::state::State;

/// What a destination is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "main", "host": "sftp.acme.example", "user": "reports", "login": {"method": "generated_key"},
    "directory": "incoming", "checksum_file": true
}))]
pub struct DestinationRequest {
    /// Its name among your destinations: 1 to 63 of a-z, 0-9 and -. When replacing, it may be left out, and can't be changed.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9-]{1,63}$")]
    pub(super) name: Option<String>,
    /// Host name or address, without scheme, user or path: one of the public internet.
    #[schema(pattern = "^[^/@ ]+$", max_length = 253)]
    host: String,
    /// Port.
    #[serde(default = "ssh")]
    #[schema(minimum = 1, maximum = 65_535, default = 22)]
    port: u16,
    /// User name.
    #[schema(min_length = 1, max_length = 128)]
    user: String,
    /// How to log in. When replacing, it may be left out: then as before.
    #[serde(default)]
    #[schema(value_type = Option<LoginShape>)]
    login: Option<LoginRequest>,
    /// The remote directory; the login directory when empty. Without `..`.
    #[serde(default)]
    #[schema(max_length = 1024)]
    directory: String,
    /// Whether a missing directory is made.
    #[serde(default)]
    create_directories: bool,
    /// What to do when a file of the name exists already.
    #[serde(default)]
    existing_file: ExistingFile,
    /// A file `<name>.sha256` beside each file, as `sha256sum -c` reads it.
    #[serde(default)]
    checksum_file: bool,
    /// An empty file `<name>.done` after each file.
    #[serde(default)]
    done_file: bool,
    /// Whether reports go there unless the request says otherwise.
    #[serde(default = "yes")]
    #[schema(default = true)]
    receives_reports: bool,
}

fn ssh() -> u16 {
    22
}

fn yes() -> bool {
    true
}

impl DestinationRequest {
    /// The wish, for the destination of this name.
    pub(super) fn named(self, name: String) -> DestinationWish {
        DestinationWish {
            name,
            host: self.host,
            port: self.port,
            user: self.user,
            credential: self.login.map_or(Credential::AsBefore, |login| login.0),
            directory: self.directory,
            create_directories: self.create_directories,
            existing_file: self.existing_file.into(),
            checksum_file: self.checksum_file,
            done_file: self.done_file,
            receives_reports: self.receives_reports,
        }
    }
}

/// Make a destination.
///
/// Nothing is sent to it before a host key is approved: test it, compare the fingerprint that its server shows with what
/// the server's administrator tells you, and approve it. With `generated_key` the public half of a new key pair is in the
/// answer; put it in the server's `authorized_keys`.
#[utoipa::path(post, path = "/v1/destinations", operation_id = "createDestination", tag = "destinations",
    request_body = DestinationRequest,
    responses(
        (status = 201, description = "It is made.", body = Destination, headers(("Location" = String, description = "The destination."))),
        (status = 202, description = "It waits for the operator's approval.", body = Change, headers(("Location" = String, description = "The change."))),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or the address may not be used (`SP-REQUEST-036`)."),
        (status = 409, description = "There is one of this name (`SP-REQUEST-041`), a change of it waits (`SP-REQUEST-035`), there are 20 already (`SP-REQUEST-037`), or this is not offered here (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    JsonBody(request): JsonBody<DestinationRequest>,
) -> Result<Answer<Destination>, Problem> {
    let Some(name) = request.name.clone() else {
        let field = FieldError::new("/name", "missing");
        return Err(Error::new(&codes::request::INVALID, "a destination needs a name").with_fields(vec![field]).into());
    };
    let id = ConnectorId::of(&partner.id, &name);
    if state.pipeline.parts().records.connector(&id).await?.is_some() {
        let field = FieldError::new("/name", "you have a destination of this name");
        return Err(Error::new(&codes::request::NAME_TAKEN, format!("destination {id}"))
            .with_fields(vec![field])
            .into());
    }
    let change = state.pipeline.ask_for_destination(&partner.id, request.named(name), &author(&credentials)).await?;
    if let Some(waits) = Answer::unless_done(&change) {
        return Ok(waits);
    }
    let destination = load(&state.pipeline, &partner.id, &id).await?;
    let location = format!("/v1/destinations/{}", destination.id());
    Ok(Answer::Done(StatusCode::CREATED, destination, Some(location)))
}
