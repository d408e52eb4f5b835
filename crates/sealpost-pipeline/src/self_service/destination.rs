//! Destinations: the connectors of a partner, as it sets them up itself.
//!
//! Deliveries under way: an attempt that has begun goes on as it began; the next one is made with the changed settings.
//! Where a destination is gone, its deliveries fail with `SP-DELIVER-019`, and can be sent again to another one: the
//! sealed file stays. Host keys are approved for one server, so another host or port starts without any.

use std::net::IpAddr;

use sealpost_core::change::{Change, ChangeAction};
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile};
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::{ConnectorId, PartnerId};

use super::credential::{Credential, as_before};
use super::host_key::is_same_server;
use crate::audit::Author;
use crate::records::check::{check_connector, check_name};
use crate::unattended::though_nobody_waits;
use crate::{Pipeline, log};

/// Most destinations of a partner. How many of them may receive one report is for the ledger to say, at admission.
pub const MOST_DESTINATIONS: u32 = 20;

/// What a destination is to be.
#[derive(Debug)]
pub struct DestinationWish {
    /// Its name among the partner's destinations.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name.
    pub user: String,
    /// How to log in.
    pub credential: Credential,
    /// The remote directory; the login directory when empty.
    pub directory: String,
    /// Whether a missing directory is made.
    pub create_directories: bool,
    /// What to do when a file of the name exists already.
    pub existing_file: ExistingFile,
    /// A checksum beside each file.
    pub checksum_file: bool,
    /// An empty marker after each file.
    pub done_file: bool,
    /// Whether reports go there unless the request says otherwise.
    pub receives_reports: bool,
}

impl Pipeline {
    /// A destination of a partner.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such destination.
    pub async fn destination(&self, partner: &PartnerId, id: &ConnectorId) -> Result<Connector> {
        let found = self.parts.records.connector(id).await?.filter(|connector| connector.partner == *partner);
        found.ok_or_else(|| no_destination(id))
    }

    /// Asks for a new destination, or for another shape of one that is there.
    ///
    /// In a task of its own, which goes on where the caller goes away: the secret is in the vault before the change is kept
    /// that leads to it.
    ///
    /// # Errors
    /// `SP-REQUEST-001` with the fields that are wrong, `-036` for an address that may not be used, `-037` for one too
    /// many, `-038` for a secret where there is no vault, and for what the engine can't do; as
    /// [`ask_change`](Self::ask_change).
    pub async fn ask_for_destination(
        &self,
        partner: &PartnerId,
        wish: DestinationWish,
        author: &Author,
    ) -> Result<Change> {
        let (pipeline, partner, author) = (self.clone(), partner.clone(), author.clone());
        let asking = async move { pipeline.keep_and_ask(&partner, wish, &author).await };
        though_nobody_waits("asking for a destination", asking).await
    }

    async fn keep_and_ask(&self, partner: &PartnerId, wish: DestinationWish, author: &Author) -> Result<Change> {
        self.offers_destinations()?;
        let before = self.parts.records.connector(&ConnectorId::of(partner, &wish.name)).await?;
        let before = before.map(|connector| connector.settings);
        let DestinationWish { name, receives_reports, credential, .. } = &wish;
        let mut settings = settings_of(&wish);
        if let (Credential::AsBefore, Some(before)) = (credential, &before) {
            settings.login.clone_from(&before.login);
        }
        // Before a secret is kept for it. A new login comes last, so it is not judged yet.
        self.check_destination(partner, name, &settings).await?;
        settings.login = self.login(partner, name, credential, before.as_ref(), &settings).await?;
        let logins = settings.login.clone();
        let (name, receives_reports) = (name.clone(), *receives_reports);
        let (settings, login_stays) = (Box::new(settings), matches!(credential, Credential::AsBefore));
        let action = ChangeAction::PutDestination { name: name.clone(), settings, receives_reports, login_stays };
        let asked = self.ask_change(partner, action.clone(), author).await;
        if asked.is_err() {
            // It may be kept all the same, and wait: then its secret waits with it.
            match self.is_waiting(partner, &action).await {
                Ok(true) => {}
                Ok(false) => self.forget_unused(partner, &name, &logins).await,
                Err(error) => log::secret_stays(partner, &name, &error),
            }
        }
        asked
    }

    /// Asks to remove a destination.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; as [`ask_change`](Self::ask_change).
    pub async fn ask_to_remove_destination(
        &self,
        partner: &PartnerId,
        id: &ConnectorId,
        author: &Author,
    ) -> Result<Change> {
        self.ask_change(partner, ChangeAction::RemoveDestination { destination: id.clone() }, author).await
    }

    pub(super) async fn check_destination(
        &self,
        partner: &PartnerId,
        name: &str,
        settings: &ConnectorSettings,
    ) -> Result<()> {
        self.fresh_partner(partner).await?;
        let mut problems = Vec::new();
        check_name(name, "/name", &mut problems);
        check_connector("", settings, &mut problems);
        problems.retain(|problem| problem.pointer != "/login");
        check_lengths(settings, &mut problems);
        if !problems.is_empty() {
            return Err(
                Error::new(&codes::request::INVALID, "the destination can't be like this").with_fields(problems)
            );
        }
        let existing = self.parts.records.connectors(Some(partner)).await?;
        let before = existing.iter().find(|connector| connector.name == name);
        if !is_trusted_address(before, settings) {
            self.check_address(&settings.host)?;
        }
        if before.is_none() && existing.len() >= MOST_DESTINATIONS as usize {
            return Err(Error::new(&codes::request::TOO_MANY, format!("{MOST_DESTINATIONS} destinations")));
        }
        self.check_engine(before, settings)
    }

    /// Refuses what the engine could never deliver to, as it would be after the change: nothing is to wait for that.
    fn check_engine(&self, before: Option<&Connector>, settings: &ConnectorSettings) -> Result<()> {
        let after = before.map_or_else(|| settings.clone(), |before| reshaped(before.clone(), settings).settings);
        self.parts.transport.accepts(&after).map_err(|error| {
            let detail = format!("the engine that delivers here can't do that: {}", error.detail());
            Error::new(&codes::request::NOT_OFFERED, detail)
        })
    }

    /// Refuses an address that is written out and out of reach. Names are judged by what they resolve to, at every
    /// connection, by the transport.
    fn check_address(&self, host: &str) -> Result<()> {
        let reach = &self.parts.settings.self_service.reach;
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let refused = match bare.parse::<IpAddr>() {
            Ok(address) => !reach.allows(address),
            // RFC 6761, section 6.3; the zone of local networks, RFC 6762.
            Err(_) => {
                let local = bare == "localhost" || bare.ends_with(".localhost") || bare.ends_with(".local");
                local && !reach.anywhere && reach.networks.is_empty()
            }
        };
        if refused {
            let field = FieldError::new("/host", "expected a host of the public internet");
            return Err(Error::new(&codes::request::ADDRESS_REFUSED, "the host is not public").with_fields(vec![field]));
        }
        Ok(())
    }

    pub(super) async fn put_destination(
        &self,
        partner: &PartnerId,
        name: &str,
        settings: &ConnectorSettings,
        login_stays: bool,
        receives_reports: bool,
        stored: &mut bool,
    ) -> Result<()> {
        let id = ConnectorId::of(partner, name);
        let mut before = self.parts.records.connector(&id).await?;
        if before.is_none() {
            if login_stays {
                // It is gone with its destination.
                return Err(no_destination(&id));
            }
            let mut settings = settings.clone();
            settings.public_only = true;
            let (partner, name) = (partner.clone(), name.to_owned());
            let new = Connector { id: id.clone(), partner, name, settings, candidates: Vec::new() };
            before = self.create_destination(&new).await?;
        }
        if before.is_some() {
            let wanted = settings.clone();
            // The login that stays is the one that is there now: another change may have been done since this was asked for.
            let edit = move |before: Connector| match login_stays {
                true => with_login_of(&before, &wanted).map(|wanted| reshaped(before, &wanted)),
                false => Ok(reshaped(before, &wanted)),
            };
            self.edit_destination(partner, &id, edit).await?;
        }
        *stored = true;
        let own = id.clone();
        self.edit_partner(partner, move |mut before| {
            if !receives_reports {
                before.deliver_to.retain(|one| *one != own);
            } else if !before.deliver_to.contains(&own) {
                before.deliver_to.push(own.clone());
            }
            Ok(before)
        })
        .await?;
        if let Some(before) = before {
            self.forget_unused(partner, name, &before.settings.login).await;
        }
        Ok(())
    }

    /// Stores a new destination. Where somebody else has made one of its name meanwhile, gives that one.
    async fn create_destination(&self, new: &Connector) -> Result<Option<Connector>> {
        match self.parts.records.create_connector(new, MOST_DESTINATIONS).await {
            Err(error) if error.is(&codes::request::NAME_TAKEN) => {
                self.parts.records.connector(&new.id).await?.ok_or(error).map(Some)
            }
            made => made.map(|()| None),
        }
    }

    pub(super) async fn remove_destination(
        &self,
        partner: &PartnerId,
        id: &ConnectorId,
        stored: &mut bool,
    ) -> Result<()> {
        let found = self.parts.records.connector(id).await?.filter(|connector| connector.partner == *partner);
        let gone = id.clone();
        // First of all: no new report is sent there.
        self.edit_partner(partner, move |mut before| {
            before.deliver_to.retain(|one| *one != gone);
            Ok(before)
        })
        .await?;
        *stored = true;
        if let Some(connector) = found {
            self.parts.records.remove_connector(id).await?;
            self.forget_unused(partner, &connector.name, &connector.settings.login).await;
        }
        Ok(())
    }

    /// Changes a connector of a partner in one step.
    pub(super) async fn edit_destination(
        &self,
        partner: &PartnerId,
        id: &ConnectorId,
        edit: impl Fn(Connector) -> Result<Connector> + Send + Sync + 'static,
    ) -> Result<Connector> {
        let own = partner.clone();
        let guarded = move |before: Connector| {
            if before.partner == own { edit(before) } else { Err(no_destination(&before.id)) }
        };
        let edited = self.parts.records.edit_connector(id, &guarded).await?;
        edited.ok_or_else(|| no_destination(id))
    }
}

fn no_destination(id: &ConnectorId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("destination {id}"))
}

fn settings_of(wish: &DestinationWish) -> ConnectorSettings {
    ConnectorSettings {
        public_only: true,
        directory: wish.directory.clone(),
        create_directories: wish.create_directories,
        existing_file: wish.existing_file,
        checksum_file: wish.checksum_file,
        done_file: wish.done_file,
        ..ConnectorSettings::new(wish.host.trim(), wish.port, wish.user.as_str())
    }
}

/// What a partner wants, with the login that its destination has.
///
/// # Errors
/// `SP-REQUEST-001` where that can't stay.
pub(super) fn with_login_of(before: &Connector, wanted: &ConnectorSettings) -> Result<ConnectorSettings> {
    let login = as_before(Some(&before.settings), wanted)?;
    Ok(ConnectorSettings { login, ..wanted.clone() })
}

/// With what the partner wants; what is the operator's stays.
fn reshaped(before: Connector, wanted: &ConnectorSettings) -> Connector {
    let public_only = !is_trusted_address(Some(&before), wanted);
    let is_same = is_same_server(&before.settings, wanted);
    let Connector { settings: old, mut candidates, .. } = before.clone();
    let mut settings = wanted.clone();
    // The transfer service's connector has server and login of its own: it stays where neither is changed.
    if is_same && old.user == settings.user && old.login == settings.login {
        settings.aws_connector.clone_from(&old.aws_connector);
    }
    settings.public_only = public_only;
    settings.limits = old.limits;
    settings.retry = old.retry;
    settings.network = old.network;
    settings.ssh = old.ssh;
    settings.parallel = old.parallel;
    settings.host_keys = if is_same { old.host_keys } else { Vec::new() };
    if !is_same {
        candidates.clear();
    }
    Connector { settings, candidates, ..before }
}

/// Whether the operator has chosen this address, who may choose any.
fn is_trusted_address(before: Option<&Connector>, wanted: &ConnectorSettings) -> bool {
    before.is_some_and(|before| !before.settings.public_only && is_same_server(&before.settings, wanted))
}

fn check_lengths(settings: &ConnectorSettings, problems: &mut Vec<FieldError>) {
    let members =
        [("/host", &settings.host, 253), ("/user", &settings.user, 128), ("/directory", &settings.directory, 1024)];
    for (pointer, text, most) in members {
        if text.len() > most || text.chars().any(char::is_control) {
            problems.push(FieldError::new(pointer, format!("expected at most {most} bytes, no control characters")));
        }
    }
}
