//! The port `UsageMeter`: counters per partner and calendar window.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::PartnerId;
use sealpost_core::port::{Reserved, UsageMeter};
use sealpost_core::usage::UsageWindow;

use super::statement::{query, query_scalar};
use super::value::{nanos, signed, unsigned};
use super::{Connection, Durability, SqliteLedger, Touched, fault};

// Counters survive the death of a process, but don't wait for the disk: a request must not cost a sync, and a loss of
// power forgets at most the last few requests counted, to the partner's favour. The next write to disk takes them with
// it.
#[async_trait]
impl UsageMeter for SqliteLedger {
    async fn reserve(&self, partner: &PartnerId, window: &UsageWindow, amount: u64, limit: u64) -> Result<Reserved> {
        let turn = self.begin(Durability::Process).await?;
        let outcome = reserve(turn.connection(), partner, window, amount, limit);
        turn.end_touching(outcome, |reserved| match reserved.granted {
            // Then nothing was written.
            0 => Touched::Anything,
            _ => Touched::NoReport,
        })
        .await
    }

    async fn give_back(&self, partner: &PartnerId, window: &UsageWindow, amount: u64) -> Result<()> {
        let turn = self.begin(Durability::Process).await?;
        let outcome =
            query("UPDATE usage SET reserved = MAX(reserved - ?, 0) WHERE partner = ? AND period = ? AND start_at = ?")
                .bind(signed(amount))
                .bind(partner.as_str())
                .bind(window.period.as_str())
                .bind(nanos(window.start))
                .execute(turn.connection())
                .map(drop)
                .map_err(fault::write);
        turn.end(outcome).await
    }

    async fn reserved(&self, partner: &PartnerId, window: &UsageWindow) -> Result<u64> {
        let reader = self.reader()?;
        so_far(&reader, partner, window)
    }

    async fn forget_before(&self, time: Timestamp) -> Result<()> {
        let turn = self.begin(Durability::Process).await?;
        let outcome = query("DELETE FROM usage WHERE end_at <= ?")
            .bind(nanos(time))
            .execute(turn.connection())
            .map(drop)
            .map_err(fault::write);
        turn.end(outcome).await
    }
}

/// The write transaction keeps everyone else out between the look and the write.
fn reserve(
    connection: &Connection,
    partner: &PartnerId,
    window: &UsageWindow,
    amount: u64,
    limit: u64,
) -> Result<Reserved> {
    let before = so_far(connection, partner, window)?;
    let granted = amount.min(limit.saturating_sub(before));
    if granted == 0 {
        return Ok(Reserved { granted, total: before });
    }
    let total = before.saturating_add(granted);
    query(
        "INSERT INTO usage (partner, period, start_at, end_at, reserved) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET reserved = excluded.reserved",
    )
    .bind(partner.as_str())
    .bind(window.period.as_str())
    .bind(nanos(window.start))
    .bind(nanos(window.end))
    .bind(signed(total))
    .execute(connection)
    .map_err(fault::write)?;
    Ok(Reserved { granted, total })
}

fn so_far(connection: &Connection, partner: &PartnerId, window: &UsageWindow) -> Result<u64> {
    let reserved: Option<i64> =
        query_scalar("SELECT reserved FROM usage WHERE partner = ? AND period = ? AND start_at = ?")
            .bind(partner.as_str())
            .bind(window.period.as_str())
            .bind(nanos(window.start))
            .fetch_optional(connection)
            .map_err(fault::read)?;
    Ok(unsigned(reserved.unwrap_or(0)))
}
