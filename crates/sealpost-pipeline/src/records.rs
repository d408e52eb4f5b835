//! Partners as documents: what `partners/<id>.toml` says and the admin API takes, checked and made so.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::{ConnectorId, PartnerId};
use sealpost_core::identity::Identity;
use sealpost_core::partner::{FileSettings, Grant, Partner, PartnerLimits, RecipientCertificate, SealSettings};
use serde::{Deserialize, Serialize};

use crate::audit::Author;
use crate::unattended::though_nobody_waits;
use crate::{Pipeline, naming};

pub(crate) mod check;
mod identities;
mod merge;
mod removal;

use check::{check_connector, check_name};
use merge::Connectors;

/// A partner with its connectors, as one document. Partners change certificates and destinations themselves, and
/// identities may be kept elsewhere: of these, what the document does not name is left as it is in the ledger, and what it
/// names is made so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerDocument {
    /// Its name, for people.
    pub name: String,
    /// Its scope: the value bound as `:partner_scope`.
    pub scope: String,
    /// Whether it may call and receive.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The report types and formats it may ask for.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Callers that stand for it beside its API keys: issuer and subject. Left as they are when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<Vec<Identity>>,
    /// ASCII-armored OpenPGP certificates, each a recipient of every file. Left as they are when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Vec<RecipientCertificate>>,
    /// How its files are sealed.
    #[serde(default)]
    pub seal: SealSettings,
    /// How its files are named.
    #[serde(default)]
    pub files: FileSettings,
    /// Limits.
    #[serde(default)]
    pub limits: PartnerLimits,
    /// Its connectors by name: all of them, those that it made itself too. Left as they are when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connectors: Option<BTreeMap<String, ConnectorSettings>>,
    /// The names of the connectors that reports go to. When absent, it is left as it is, but connectors that this document
    /// creates are added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_to: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

/// One difference between a document and the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `create`, `update`, `remove` or `keep`.
    pub action: Action,
    /// What: `partner acme`, `connector acme/main`.
    pub subject: String,
    /// The members that differ, for an update.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

/// What is to be done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// It differs.
    Update,
    /// It is no longer wanted.
    Remove,
    /// It is as it should be.
    Keep,
}

impl Change {
    /// The change's name in the audit trail.
    fn audited(&self) -> &'static str {
        match (self.subject.starts_with("partner "), self.action) {
            (true, Action::Remove) => "partner.remove",
            (true, _) => "partner.put",
            (false, Action::Remove) => "destination.remove",
            (false, _) => "destination.put",
        }
    }
}

impl Pipeline {
    /// The document that a partner's records amount to.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such partner.
    pub async fn partner_document(&self, id: &PartnerId) -> Result<PartnerDocument> {
        let missing = || Error::new(&codes::request::NOT_FOUND, format!("partner {id}"));
        let partner = self.parts.records.partner(id).await?.ok_or_else(missing)?;
        let connectors = self.parts.records.connectors(Some(id)).await?;
        let named = |wanted: &ConnectorId| {
            connectors.iter().find(|connector| connector.id == *wanted).map(|connector| connector.name.clone())
        };
        Ok(PartnerDocument {
            deliver_to: Some(partner.deliver_to.iter().filter_map(named).collect()),
            connectors: Some(
                connectors.iter().map(|connector| (connector.name.clone(), connector.settings.clone())).collect(),
            ),
            name: partner.name,
            scope: partner.scope,
            enabled: partner.enabled,
            grants: partner.grants,
            identities: Some(partner.identities),
            certificates: Some(partner.certificates),
            seal: partner.seal,
            files: partner.files,
            limits: partner.limits,
        })
    }

    /// Checks a document over the partner that is there: every problem at once, addressed by pointer. Also applies the
    /// recipient policy to certificates that are new.
    ///
    /// # Errors
    /// `SP-CONFIG-004` with the fields that are wrong.
    fn check_document(
        &self,
        document: &PartnerDocument,
        before: Option<&Partner>,
        existing: &[Connector],
        now: Timestamp,
    ) -> Result<()> {
        let mut problems = Vec::new();
        for (index, grant) in document.grants.iter().enumerate() {
            match self.parts.catalogue.get(grant.report.as_str()) {
                None => problems.push(FieldError::new(
                    format!("/grants/{index}/report"),
                    format!("there is no report type `{}` in the catalogue", grant.report),
                )),
                Some(report) => {
                    let offered: Vec<&str> = self.formats_of(&report).iter().map(|entry| entry.name).collect();
                    for name in grant.formats.iter().filter(|name| !offered.contains(&name.as_str())) {
                        problems.push(FieldError::new(
                            format!("/grants/{index}/formats"),
                            format!("{} does not offer `{name}`, but {}", grant.report, offered.join(", ")),
                        ));
                    }
                    if let Err(detail) = report.settings.scope.kind.value(&document.scope) {
                        problems.push(FieldError::new("/scope", format!("{detail}, as {} wants it", grant.report)));
                    }
                }
            }
        }
        identities::check(
            document.identities.as_deref().unwrap_or_default(),
            before.map(|before| before.identities.as_slice()).unwrap_or_default(),
            &self.parts.settings.issuers,
            &mut problems,
        );
        for (index, certificate) in document.certificates.iter().flatten().enumerate() {
            if let Err(error) = self.check_recipient(certificate, before, now) {
                problems.push(FieldError::new(
                    format!("/certificates/{index}"),
                    format!("{} ({}): {}", error.code().title, error.code().id, error.detail()),
                ));
            }
        }
        if let Err(error) = naming::check_template(&document.files.name) {
            problems.push(FieldError::new("/files/name", error.detail()));
        }
        if let Err(error) = naming::time_zone(&document.files.time_zone) {
            problems.push(FieldError::new("/files/time_zone", error.detail()));
        }
        if let Some(name) = document.seal.compression.as_deref()
            && !self.parts.compressions.iter().any(|entry| entry.name == name)
        {
            let known: Vec<&str> = self.parts.compressions.iter().map(|entry| entry.name).collect();
            problems.push(FieldError::new("/seal/compression", format!("unknown; known are {}", known.join(", "))));
        }
        problems.extend(crate::usage::check_limits(&document.limits));
        if document.seal.sign && self.parts.signing_key.is_none() {
            problems.push(FieldError::new(
                "/seal/sign",
                "there is no signing key: set `[seal] signing_key` in sealpost.toml",
            ));
        }
        let has = |name: &String| match &document.connectors {
            Some(named) => named.contains_key(name),
            None => existing.iter().any(|connector| connector.name == *name),
        };
        for name in document.deliver_to.iter().flatten().filter(|name| !has(name)) {
            problems.push(FieldError::new("/deliver_to", format!("there is no connector `{name}`")));
        }
        for (name, settings) in document.connectors.iter().flatten() {
            let place = format!("/connectors/{name}");
            check_name(name, &place, &mut problems);
            check_connector(&place, settings, &mut problems);
            // Longer pauses than there are now may be in the ledger from earlier versions. They do no harm there.
            let known = existing.iter().find(|known| known.name == *name);
            if known.is_some_and(|known| known.settings.retry == settings.retry) {
                problems.retain(|problem| problem.pointer != format!("{place}/retry"));
            }
            // An exception for an old algorithm ends by itself. From then on the connector fails, and its partner can be changed all
            // the same.
            if known.is_some_and(|known| known.settings.ssh == settings.ssh) {
                problems.retain(|problem| !problem.pointer.starts_with(&format!("{place}/ssh/")));
            }
            // What another engine took does not keep a partner from being changed; what is new is judged.
            if known.is_none_or(|known| known.settings != *settings)
                && let Err(error) = self.parts.transport.accepts(settings)
            {
                problems.push(FieldError::new(place, error.detail()));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            let detail = format!("{} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" });
            Err(Error::new(&codes::config::PARTNER_FILE, detail).with_fields(problems))
        }
    }

    /// Checks a certificate of a document. What the partner has already stays as it is, whatever has become of it: its owner may
    /// have to be disabled. Where it is to be used for longer than so far, it is judged like a new one. What is over is no
    /// recipient any more, but it is no private key either.
    fn check_recipient(
        &self,
        certificate: &RecipientCertificate,
        before: Option<&Partner>,
        now: Timestamp,
    ) -> Result<()> {
        let mut known = before.into_iter().flat_map(|before| &before.certificates);
        let text = certificate.armored.trim();
        if known.any(|known| known.armored.trim() == text && is_used_no_longer(certificate, known)) {
            Ok(())
        } else if certificate.is_over(now) {
            self.parts.sealer.identify(text.as_bytes()).map(drop)
        } else {
            self.parts.sealer.inspect(text.as_bytes(), now).map(drop)
        }
    }

    /// What would have to change for the ledger to be as the document says.
    ///
    /// # Errors
    /// `SP-CONFIG-004` with the fields that are wrong; `SP-LEDGER-001`.
    pub async fn plan(&self, id: &PartnerId, document: &PartnerDocument) -> Result<Vec<Change>> {
        let existing = self.parts.records.connectors(Some(id)).await?;
        let before = self.parts.records.partner(id).await?;
        self.check_document(document, before.as_ref(), &existing, Timestamp::now())?;
        let connectors = Connectors::of(id, document, &existing);
        let mut changes = Vec::new();
        let partner = merge::partner(id, document, &connectors, before.as_ref());
        let had = before.as_ref().map(|before| before.identities.as_slice()).unwrap_or_default();
        identities::check_step(had, &partner.identities)?;
        changes.push(change(format!("partner {id}"), before.as_ref(), Some(&partner)));
        for connector in &connectors.wanted {
            let before = existing.iter().find(|known| known.id == connector.id);
            changes.push(change(format!("connector {id}/{}", connector.name), before, Some(connector)));
        }
        for gone in &connectors.gone {
            changes.push(change(format!("connector {id}/{}", gone.name), Some(gone), None));
        }
        Ok(changes)
    }

    /// Makes the ledger as the document says, and tells what was changed. Doing it twice changes nothing.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn apply(&self, id: &PartnerId, document: &PartnerDocument) -> Result<Vec<Change>> {
        self.apply_by(&Author::sealpost(), id, document).await
    }

    /// As [`apply`](Self::apply), in somebody's name.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn apply_by(&self, author: &Author, id: &PartnerId, document: &PartnerDocument) -> Result<Vec<Change>> {
        let changes = self.plan(id, document).await?;
        let existing = self.parts.records.connectors(Some(id)).await?;
        let connectors = Arc::new(Connectors::of(id, document, &existing));
        // The partner comes first: connectors belong to it. A request in between is refused with a clear answer.
        if self.note_change(author, id, &changes, &format!("partner {id}")).await? {
            let (own, wanted, beside) = (id.clone(), document.clone(), connectors.clone());
            let edit = move |before| Ok(merge::partner(&own, &wanted, &beside, Some(&before)));
            if self.parts.records.edit_partner(id, &edit).await?.is_none() {
                self.parts.records.put_partner(&merge::partner(id, document, &connectors, None)).await?;
            }
        }
        // Also where the caller goes away: once a connector is changed or gone, nothing leads to the secret that it had.
        let (pipeline, author, id) = (self.clone(), author.clone(), id.clone());
        though_nobody_waits("the connectors of a partner", async move {
            pipeline.apply_connectors(&author, &id, &changes, &connectors).await?;
            for before in &existing {
                pipeline.forget_unused(&id, &before.name, &before.settings.login).await;
            }
            Ok(changes)
        })
        .await
    }

    async fn apply_connectors(
        &self,
        author: &Author,
        id: &PartnerId,
        changes: &[Change],
        connectors: &Connectors,
    ) -> Result<()> {
        for connector in &connectors.wanted {
            if self.note_change(author, id, changes, &format!("connector {id}/{}", connector.name)).await? {
                self.parts.records.put_connector(connector).await?;
            }
        }
        for gone in &connectors.gone {
            self.note_change(author, id, changes, &format!("connector {id}/{}", gone.name)).await?;
            self.parts.records.remove_connector(&gone.id).await?;
        }
        Ok(())
    }

    /// Notes the change of this subject, if it is to be changed; whether it is. What comes of it follows: a trace of what then
    /// fails is better than a change without one.
    async fn note_change(&self, author: &Author, id: &PartnerId, changes: &[Change], subject: &str) -> Result<bool> {
        let found = changes.iter().find(|change| change.subject == subject && change.action != Action::Keep);
        let Some(change) = found else { return Ok(false) };
        self.note(author, id, change.audited(), &change.subject, &change.members.join(", ")).await?;
        Ok(true)
    }
}

/// Whether a certificate would be a recipient only as long as it is in the ledger.
fn is_used_no_longer(wanted: &RecipientCertificate, known: &RecipientCertificate) -> bool {
    let end = |certificate: &RecipientCertificate| certificate.use_until.unwrap_or(Timestamp::MAX);
    wanted.awaits_proof == known.awaits_proof && end(wanted) <= end(known)
}

fn change<T: Serialize + PartialEq>(subject: String, before: Option<&T>, after: Option<&T>) -> Change {
    let (action, members) = match (before, after) {
        (None, _) => (Action::Create, Vec::new()),
        (Some(_), None) => (Action::Remove, Vec::new()),
        (Some(before), Some(after)) if before == after => (Action::Keep, Vec::new()),
        (Some(before), Some(after)) => (Action::Update, differing(before, after)),
    };
    Change { action, subject, members }
}

fn differing<T: Serialize>(before: &T, after: &T) -> Vec<String> {
    let object =
        |value: &T| serde_json::to_value(value).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
    let (before, after) = (object(before), object(after));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}
