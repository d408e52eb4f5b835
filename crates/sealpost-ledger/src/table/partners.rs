//! Partners as items, with the identities that stand for them.

use std::collections::BTreeSet;

use sealpost_core::error::codes;
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Identity;
use sealpost_core::partner::Partner;
use sealpost_core::port::{Edit, MOST_IDENTITIES_AT_ONCE};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Key, Step, removal, shards};

/// The list of all partners.
pub(super) const ALL: &str = "partners";

/// The partition of what is a partner's own.
pub(super) fn partition(id: &PartnerId) -> String {
    format!("partner#{id}")
}

fn record(id: &PartnerId) -> Key {
    Key::new(partition(id), "record")
}

/// The copy in the list of all.
fn listed(id: &PartnerId) -> Key {
    Key::new(shards::of(ALL, id.as_str()), id.as_str())
}

/// Whose an identity is. What issuers call their callers may be long, so the key has its hash.
fn owner(identity: &Identity) -> Key {
    let mut hash = Sha256::new();
    // Two texts, told apart by the length of the first.
    hash.update(identity.issuer.len().to_be_bytes());
    hash.update(&identity.issuer);
    hash.update(&identity.subject);
    Key::new(format!("identity#{}", hex::encode(hash.finalize())), "owner")
}

#[derive(Serialize, Deserialize)]
struct Owner {
    issuer: String,
    subject: String,
    partner: PartnerId,
}

pub(super) async fn find(step: &mut Step, id: &PartnerId) -> Result<Option<Partner>> {
    step.peek(&record(id)).await
}

/// The partner, which has to be the same when the step is written.
pub(super) async fn held(step: &mut Step, id: &PartnerId) -> Result<Option<Partner>> {
    step.get(&record(id)).await
}

/// For what is a partner's own: it is made only while the partner is there, so that nothing outlives it and wakes up with
/// the next one of its name.
pub(super) async fn must_exist(step: &mut Step, id: &PartnerId) -> Result<()> {
    match held(step, id).await? {
        Some(_) => Ok(()),
        None => Err(Error::new(&codes::request::NOT_FOUND, format!("there is no partner {id}"))),
    }
}

/// The partner that an identity stands for.
pub(super) async fn of_identity(step: &mut Step, identity: &Identity) -> Result<Option<Partner>> {
    let Some(owner) = step.peek::<Owner>(&owner(identity)).await? else { return Ok(None) };
    let partner = find(step, &owner.partner).await?;
    // Between the two looks, the partner may have given it up.
    Ok(partner.filter(|partner| partner.identities.contains(identity)))
}

/// What became of a record that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// It is stored.
    Yes,
    /// A partner of this name was removed and has left something behind, which has to go first.
    RemovalFirst,
}

/// Creates or replaces, with its identities.
pub(super) async fn store(step: &mut Step, partner: &Partner) -> Result<Stored> {
    let before = held(step, &partner.id).await?;
    if before.is_none() && removal::of_partner_is_under_way(step, &partner.id).await? {
        return Ok(Stored::RemovalFirst);
    }
    replace(step, before.as_ref(), partner).await?;
    Ok(Stored::Yes)
}

async fn replace(step: &mut Step, before: Option<&Partner>, partner: &Partner) -> Result<()> {
    let had: BTreeSet<&Identity> = before.map(|before| before.identities.iter().collect()).unwrap_or_default();
    let wants: BTreeSet<&Identity> = partner.identities.iter().collect();
    if had.symmetric_difference(&wants).count() > MOST_IDENTITIES_AT_ONCE {
        let detail = format!("at most {MOST_IDENTITIES_AT_ONCE} identities can be added and removed at once");
        return Err(Error::new(&codes::request::INVALID, detail));
    }
    for identity in wants.difference(&had) {
        claim(step, identity, &partner.id).await?;
    }
    for identity in had.difference(&wants) {
        release(step, identity, &partner.id).await?;
    }
    step.put(&record(&partner.id), partner)?;
    step.put(&listed(&partner.id), partner)
}

async fn claim(step: &mut Step, identity: &Identity, partner: &PartnerId) -> Result<()> {
    let key = owner(identity);
    if let Some(owner) = step.get::<Owner>(&key).await?
        && owner.partner != *partner
        // One that is gone has it no more, even where its removal has not come to it yet.
        && held(step, &owner.partner).await?.is_some()
    {
        return Err(Error::new(
            &codes::request::IDENTITY_TAKEN,
            format!("identity {identity} belongs to partner {}; partner {partner} can't have it too", owner.partner),
        ));
    }
    let Identity { issuer, subject } = identity.clone();
    step.put(&key, &Owner { issuer, subject, partner: partner.clone() })
}

/// Frees an identity, unless another partner has it by now.
pub(super) async fn release(step: &mut Step, identity: &Identity, partner: &PartnerId) -> Result<()> {
    let key = owner(identity);
    if step.get::<Owner>(&key).await?.is_some_and(|owner| owner.partner == *partner) {
        step.delete(&key);
    }
    Ok(())
}

/// Loads, changes and stores.
pub(super) async fn edit(step: &mut Step, id: &PartnerId, edit: &Edit<Partner>) -> Result<Option<Partner>> {
    let Some(before) = held(step, id).await? else { return Ok(None) };
    // An edit changes what a record says, never which one it is.
    let after = Partner { id: id.clone(), ..edit(before.clone())? };
    replace(step, Some(&before), &after).await?;
    Ok(Some(after))
}

/// Takes the record away; what is the partner's own is for the removal.
pub(super) fn remove(step: &mut Step, id: &PartnerId) {
    step.delete(&record(id));
    step.delete(&listed(id));
}
