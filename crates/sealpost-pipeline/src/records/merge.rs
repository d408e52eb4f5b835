//! A document and the ledger's records: what the document names is made so, what it does not name is left as it is.

use std::collections::BTreeMap;

use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::id::{ConnectorId, PartnerId};
use sealpost_core::partner::{Partner, RecipientCertificate};

use super::PartnerDocument;
use crate::self_service::host_key::is_same_server;

/// The connectors that a document wants, over those that are there.
pub(super) struct Connectors {
    /// All of them, as they are to be.
    pub(super) wanted: Vec<Connector>,
    /// Those that are new.
    pub(super) created: Vec<ConnectorId>,
    /// Those that the document names no longer.
    pub(super) gone: Vec<Connector>,
}

impl Connectors {
    pub(super) fn of(id: &PartnerId, document: &PartnerDocument, existing: &[Connector]) -> Self {
        let Some(named) = &document.connectors else {
            return Self { wanted: existing.to_vec(), created: Vec::new(), gone: Vec::new() };
        };
        let wanted = connectors(id, named, existing);
        let is_there = |one: &Connector| existing.iter().any(|other| other.id == one.id);
        let is_wanted = |one: &&Connector| !wanted.iter().any(|other| other.id == one.id);
        Self {
            created: wanted.iter().filter(|one| !is_there(one)).map(|one| one.id.clone()).collect(),
            gone: existing.iter().filter(is_wanted).cloned().collect(),
            wanted,
        }
    }
}

fn connectors(id: &PartnerId, named: &BTreeMap<String, ConnectorSettings>, existing: &[Connector]) -> Vec<Connector> {
    let made = |(name, settings): (&String, &ConnectorSettings)| {
        let own = ConnectorId::of(id, name);
        // What the server has shown is a fact, not a wish: it stays, as long as it is the same server.
        let known = existing.iter().find(|known| known.id == own && is_same_server(&known.settings, settings));
        let candidates = known.map(|known| known.candidates.clone()).unwrap_or_default();
        Connector { id: own, partner: id.clone(), name: name.clone(), settings: settings.clone(), candidates }
    };
    named.iter().map(made).collect()
}

/// The partner that a document wants, over the one that is there.
pub(super) fn partner(
    id: &PartnerId,
    document: &PartnerDocument,
    connectors: &Connectors,
    before: Option<&Partner>,
) -> Partner {
    let document = document.clone();
    Partner {
        id: id.clone(),
        name: document.name,
        scope: document.scope,
        enabled: document.enabled,
        grants: document.grants,
        identities: document.identities.or_else(|| before.map(|before| before.identities.clone())).unwrap_or_default(),
        certificates: match document.certificates {
            Some(named) => with_proofs(named, before),
            None => before.map(|before| before.certificates.clone()).unwrap_or_default(),
        },
        seal: document.seal,
        files: document.files,
        deliver_to: deliver_to(document.deliver_to.as_deref(), connectors, before),
        limits: document.limits,
    }
}

/// That a certificate was proven is a fact, not a wish: it stays.
fn with_proofs(mut named: Vec<RecipientCertificate>, before: Option<&Partner>) -> Vec<RecipientCertificate> {
    for certificate in &mut named {
        let known = before.into_iter().flat_map(|before| &before.certificates);
        let known =
            known.filter(|known| known.armored.trim() == certificate.armored.trim()).find_map(|known| known.proven_at);
        certificate.proven_at = certificate.proven_at.or(known);
    }
    named
}

/// The destinations of reports: those that the document names; else those of before whose connectors stay, and the connectors
/// that are new.
fn deliver_to(named: Option<&[String]>, connectors: &Connectors, before: Option<&Partner>) -> Vec<ConnectorId> {
    let wanted = connectors.wanted.iter();
    match named {
        Some(names) => wanted.filter(|one| names.contains(&one.name)).map(|one| one.id.clone()).collect(),
        None => {
            // What the partner has set up since the connectors were read is neither among those wanted nor gone.
            let is_kept = |id: &&ConnectorId| !connectors.gone.iter().any(|one| one.id == **id);
            let kept = before.into_iter().flat_map(|before| &before.deliver_to).filter(is_kept);
            let mut all: Vec<ConnectorId> = kept.cloned().collect();
            all.extend(connectors.created.iter().filter(|id| !all.contains(id)).cloned().collect::<Vec<_>>());
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use sealpost_testkit::suite::ledger::connector_id;
    use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_destination_that_was_set_up_meanwhile_stays() {
        let id: PartnerId = "acme".parse().expect("an id");
        let of = |name: &str| connector_id("acme", name);
        let existing = [sample_connector("acme", "main"), sample_connector("acme", "old")];
        // `second` was not there yet when the connectors were read.
        let before = Partner { deliver_to: vec![of("main"), of("old"), of("second")], ..sample_partner("acme") };
        let merged = |document: &PartnerDocument| {
            partner(&id, document, &Connectors::of(&id, document, &existing), Some(&before)).deliver_to
        };
        let silent = json!({"name": "Acme", "scope": "42"});
        let silent: PartnerDocument = serde_json::from_value(silent).expect("a document");
        assert_eq!(merged(&silent), before.deliver_to);

        let named = ["main", "new"].map(|name| (name.to_owned(), existing[0].settings.clone()));
        let named = PartnerDocument { connectors: Some(BTreeMap::from(named)), ..silent };
        assert_eq!(merged(&named), [of("main"), of("second"), of("new")]);
    }
}
