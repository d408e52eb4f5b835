//! Whose every identity is once all files are applied: nobody's twice. What goes from one partner to another is let go of first,
//! because each file is applied by itself.

use std::collections::BTreeMap;
use std::path::Path;

use sealpost_core::error::FieldError;
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Identity;
use sealpost_core::partner::Partner;

use super::Documents;

/// A partner that is to have an identity.
struct Claim<'a> {
    partner: &'a PartnerId,
    /// The file that says so and the place in its list; none where the partner keeps what it has.
    named: Option<(&'a Path, usize)>,
}

impl Claim<'_> {
    fn described(&self) -> String {
        match self.named {
            Some((file, _)) => format!("{} names it", file.display()),
            None => format!("partner {} has it", self.partner),
        }
    }
}

/// Who is to have which identity.
pub(super) struct Identities<'a>(BTreeMap<&'a Identity, Vec<Claim<'a>>>);

impl<'a> Identities<'a> {
    /// By these files, over the partners that are in the ledger; those without a file go where `prune` is set.
    pub(super) fn of(documents: &'a Documents, known: &'a [Partner], prune: bool) -> Self {
        let mut claims: BTreeMap<&'a Identity, Vec<Claim<'a>>> = BTreeMap::new();
        for (partner, (file, document)) in documents {
            for (index, identity) in document.identities.iter().flatten().enumerate() {
                claims.entry(identity).or_default().push(Claim { partner, named: Some((file.as_path(), index)) });
            }
        }
        let keeps = |partner: &&Partner| match documents.get(&partner.id) {
            Some((_, document)) => document.identities.is_none(),
            None => !prune,
        };
        for partner in known.iter().filter(keeps) {
            for identity in &partner.identities {
                claims.entry(identity).or_default().push(Claim { partner: &partner.id, named: None });
            }
        }
        Self(claims)
    }

    /// Identities that several partners would have, at each place where a file names one.
    pub(super) fn conflicts(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        for (identity, claims) in &self.0 {
            for claim in claims {
                let Some((file, index)) = claim.named else { continue };
                let others = claims.iter().filter(|other| other.partner != claim.partner);
                let others: Vec<String> = others.map(Claim::described).collect();
                if !others.is_empty() {
                    let place = format!("{}/identities/{index}", file.display());
                    let detail = format!("{identity} can be one partner's only: {}", others.join(", "));
                    problems.push(FieldError::new(place, detail));
                }
            }
        }
        problems
    }

    /// What a partner of the ledger has and another is to have.
    pub(super) fn leaving(&self, partner: &Partner) -> Vec<Identity> {
        let is_anothers = |identity: &&Identity| {
            self.0.get(*identity).is_some_and(|claims| claims.iter().any(|claim| *claim.partner != partner.id))
        };
        partner.identities.iter().filter(is_anothers).cloned().collect()
    }
}
