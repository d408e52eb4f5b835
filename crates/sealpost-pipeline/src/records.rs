//! Partners as documents: what `partners/<id>.toml` says and the admin API takes, checked and made so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealpost_core::certificate::CertificateInfo;
use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::error::{Error, FieldError, Result, codes};
use sealpost_core::id::{ConnectorId, PartnerId};
use sealpost_core::identity::Identity;
use sealpost_core::partner::{FileSettings, Grant, Partner, PartnerLimits, RecipientCertificate, SealSettings};
use serde::{Deserialize, Serialize};

use crate::{Pipeline, naming};

/// A partner with its connectors, as one document.
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
    /// Callers that stand for it beside its API keys: issuer and subject.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// ASCII-armored OpenPGP certificates, each a recipient of every file.
    #[serde(default)]
    pub certificates: Vec<RecipientCertificate>,
    /// How its files are sealed.
    #[serde(default)]
    pub seal: SealSettings,
    /// How its files are named.
    #[serde(default)]
    pub files: FileSettings,
    /// Limits.
    #[serde(default)]
    pub limits: PartnerLimits,
    /// Its connectors by name.
    #[serde(default)]
    pub connectors: BTreeMap<String, ConnectorSettings>,
    /// The names of the connectors that reports go to; all of them when absent.
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
            connectors: connectors
                .iter()
                .map(|connector| (connector.name.clone(), connector.settings.clone()))
                .collect(),
            name: partner.name,
            scope: partner.scope,
            enabled: partner.enabled,
            grants: partner.grants,
            identities: partner.identities,
            certificates: partner.certificates,
            seal: partner.seal,
            files: partner.files,
            limits: partner.limits,
        })
    }

    /// Checks a document: every problem at once, addressed by pointer. Also applies the recipient policy.
    ///
    /// # Errors
    /// `SP-CONFIG-004` with the fields that are wrong.
    pub fn check_document(&self, document: &PartnerDocument, now: Timestamp) -> Result<Vec<CertificateInfo>> {
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
        let mut certificates = Vec::new();
        for (index, certificate) in document.certificates.iter().enumerate() {
            match self.parts.sealer.inspect(certificate.armored.as_bytes(), now) {
                Ok(info) => certificates.push(info),
                Err(error) => problems.push(FieldError::new(
                    format!("/certificates/{index}"),
                    format!("{} ({}): {}", error.code().title, error.code().id, error.detail()),
                )),
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
        for name in document.deliver_to.iter().flatten().filter(|name| !document.connectors.contains_key(*name)) {
            problems.push(FieldError::new("/deliver_to", format!("there is no connector `{name}`")));
        }
        for (name, settings) in &document.connectors {
            check_connector(name, settings, &mut problems);
        }
        if problems.is_empty() {
            Ok(certificates)
        } else {
            let detail = format!("{} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" });
            Err(Error::new(&codes::config::PARTNER_FILE, detail).with_fields(problems))
        }
    }

    /// What would have to change for the ledger to be as the document says.
    ///
    /// # Errors
    /// As [`check_document`](Self::check_document); `SP-LEDGER-001`.
    pub async fn plan(&self, id: &PartnerId, document: &PartnerDocument) -> Result<Vec<Change>> {
        self.check_document(document, Timestamp::now())?;
        let (partner, connectors) = records_of(id, document);
        let mut changes = Vec::new();
        let before = self.parts.records.partner(id).await?;
        changes.push(change(format!("partner {id}"), before.as_ref(), Some(&partner)));
        let existing = self.parts.records.connectors(Some(id)).await?;
        for connector in &connectors {
            let before = existing.iter().find(|known| known.id == connector.id);
            changes.push(change(format!("connector {id}/{}", connector.name), before, Some(connector)));
        }
        for gone in existing.iter().filter(|known| !connectors.iter().any(|wanted| wanted.id == known.id)) {
            changes.push(change(format!("connector {id}/{}", gone.name), Some(gone), None));
        }
        Ok(changes)
    }

    /// Makes the ledger as the document says, and tells what was changed. Doing it twice changes nothing.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn apply(&self, id: &PartnerId, document: &PartnerDocument) -> Result<Vec<Change>> {
        let changes = self.plan(id, document).await?;
        let (partner, connectors) = records_of(id, document);
        let changed =
            |subject: &str| changes.iter().any(|change| change.subject == subject && change.action != Action::Keep);
        // The partner comes first: connectors belong to it. A request in between is refused with a clear answer.
        if changed(&format!("partner {id}")) {
            self.parts.records.put_partner(&partner).await?;
        }
        for connector in &connectors {
            if changed(&format!("connector {id}/{}", connector.name)) {
                self.parts.records.put_connector(connector).await?;
            }
        }
        for gone in self.parts.records.connectors(Some(id)).await? {
            if !connectors.iter().any(|wanted| wanted.id == gone.id) {
                self.parts.records.remove_connector(&gone.id).await?;
            }
        }
        Ok(changes)
    }
}

fn records_of(id: &PartnerId, document: &PartnerDocument) -> (Partner, Vec<Connector>) {
    let connectors: Vec<Connector> = document
        .connectors
        .iter()
        .map(|(name, settings)| Connector {
            id: ConnectorId::of(id, name),
            partner: id.clone(),
            name: name.clone(),
            settings: settings.clone(),
            candidates: Vec::new(),
        })
        .collect();
    let wanted =
        |name: &str| document.deliver_to.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == name));
    let partner = Partner {
        id: id.clone(),
        name: document.name.clone(),
        scope: document.scope.clone(),
        enabled: document.enabled,
        grants: document.grants.clone(),
        identities: document.identities.clone(),
        certificates: document.certificates.clone(),
        seal: document.seal.clone(),
        files: document.files.clone(),
        deliver_to: connectors
            .iter()
            .filter(|connector| wanted(&connector.name))
            .map(|connector| connector.id.clone())
            .collect(),
        limits: document.limits.clone(),
    };
    (partner, connectors)
}

fn check_connector(name: &str, settings: &ConnectorSettings, problems: &mut Vec<FieldError>) {
    let mut problem =
        |member: &str, detail: &str| problems.push(FieldError::new(format!("/connectors/{name}{member}"), detail));
    if name.is_empty()
        || name.len() > 63
        || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        problem("", "a connector's name is 1 to 63 of a-z, 0-9 and -");
    }
    if settings.host.is_empty() || settings.host.contains(['/', '@', ' ']) {
        problem("/host", "expected a host name or address, without scheme, user or path");
    }
    if settings.port == 0 {
        problem("/port", "expected 1 to 65535");
    }
    if settings.user.is_empty() {
        problem("/user", "expected a user name");
    }
    if settings.login.is_empty() {
        problem("/login", "expected at least one way to log in");
    }
    if settings.directory.contains('\0') || settings.directory.split('/').any(|part| part == "..") {
        problem("/directory", "must not contain `..`");
    }
    for (index, key) in settings.host_keys.iter().enumerate() {
        // SHA-256 in base64 without padding has 43 characters.
        let fingerprint = key.strip_prefix("SHA256:").is_some_and(|digest| digest.len() == 43);
        let public_key = key.split_whitespace().nth(1).is_some_and(|blob| blob.starts_with("AAAA"));
        if !fingerprint && !public_key {
            problem(
                &format!("/host_keys/{index}"),
                "expected `SHA256:…` (43 characters) or a public key such as `ssh-ed25519 AAAA…`",
            );
        }
    }
    let limits = &settings.limits;
    for (member, value) in [
        ("connect_timeout_s", limits.connect_timeout_s),
        ("handshake_timeout_s", limits.handshake_timeout_s),
        ("inactivity_timeout_s", limits.inactivity_timeout_s),
        ("transfer_timeout_s", limits.transfer_timeout_s),
        ("concurrency", u64::from(limits.concurrency)),
    ] {
        if value == 0 {
            problem(&format!("/limits/{member}"), "expected at least 1");
        }
    }
    let retry = &settings.retry;
    if retry.max_attempts == 0 || retry.max_attempts > 100 {
        problem("/retry/max_attempts", "expected 1 to 100");
    }
    if !(retry.first_pause_s.is_finite()
        && retry.first_pause_s >= 0.0
        && retry.longest_pause_s.is_finite()
        && retry.longest_pause_s >= retry.first_pause_s)
    {
        problem("/retry", "expected 0 <= first_pause_s <= longest_pause_s");
    }
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
