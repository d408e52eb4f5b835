//! Open challenges: one for each certificate.

use sealpost_core::Result;
use sealpost_core::change::Challenge;
use sealpost_core::id::PartnerId;

use super::{Key, Step, partners};

/// What the sort keys of a partner's challenges begin with.
pub(super) const PREFIX: &str = "challenge#";

fn key(partner: &PartnerId, fingerprint: &str) -> Key {
    Key::new(partners::partition(partner), format!("{PREFIX}{fingerprint}"))
}

pub(super) async fn open(step: &mut Step, challenge: &Challenge) -> Result<()> {
    partners::must_exist(step, &challenge.partner).await?;
    step.put(&key(&challenge.partner, &challenge.fingerprint), challenge)
}

/// Of two who take it at once, the second finds it changed, looks again, and finds nothing.
pub(super) async fn take(step: &mut Step, partner: &PartnerId, fingerprint: &str) -> Result<Option<Challenge>> {
    let key = key(partner, fingerprint);
    let taken = step.get(&key).await?;
    if taken.is_some() {
        step.delete(&key);
    }
    Ok(taken)
}
