//! Open challenges: one for each certificate.

use sealpost_core::Result;
use sealpost_core::change::Challenge;
use sealpost_core::id::PartnerId;

use super::statement::{query, query_scalar};
use super::value::{decode, encode};
use super::{Connection, fault};

pub(super) fn open(connection: &Connection, challenge: &Challenge) -> Result<()> {
    query(
        "INSERT INTO challenges (partner, fingerprint, record) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET record = excluded.record",
    )
    .bind(challenge.partner.as_str())
    .bind(&challenge.fingerprint)
    .bind(encode("a challenge", challenge)?)
    .execute(connection)
    .map_err(|error| fault::owned(error, &challenge.partner))?;
    Ok(())
}

/// One statement takes it: nobody can answer it a second time.
pub(super) fn take(connection: &Connection, partner: &PartnerId, fingerprint: &str) -> Result<Option<Challenge>> {
    let record: Option<String> =
        query_scalar("DELETE FROM challenges WHERE partner = ? AND fingerprint = ? RETURNING record")
            .bind(partner.as_str())
            .bind(fingerprint)
            .fetch_optional(connection)
            .map_err(fault::write)?;
    record.map(|record| decode(&format!("a challenge of partner {partner}"), &record)).transpose()
}
