//! Follows a transfer by its results, until its file is there or has failed.

use std::time::Duration;

use sealpost_aws::Fault;
use sealpost_core::error::Result;
use sealpost_core::port::Shipment;
use tokio::time::Instant;

use super::shapes::{AskResults, FileResult, Results};
use super::{AwsTransfer, failure};

/// The service needs about a second for a small file.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often a transfer that was started a moment ago may be unknown: results are of another table than starts.
const UNKNOWN: u32 = 6;

/// What it came to.
pub(super) enum Followed {
    /// The file is on the partner's server.
    Completed,
    /// The service does not know such a transfer, or not any more.
    Unknown,
    /// It goes on.
    Underway,
}

/// Asks again and again, for as long as an attempt may, by the id of the service's connector that it was started through.
///
/// # Errors
/// The file's failure, after the intent was withdrawn: the next attempt starts anew. Where the service can't be asked the
/// intent stays, and the next attempt goes on asking.
pub(super) async fn follow(
    engine: &AwsTransfer,
    shipment: &Shipment<'_>,
    aws_connector: &str,
    transfer: &str,
    is_new: bool,
) -> Result<Followed> {
    let ask = AskResults { connector_id: aws_connector, transfer_id: transfer };
    let (mut pause, mut unknown) = (FIRST_PAUSE, 0);
    let end = Instant::now() + Duration::from_secs(engine.settings.follow_s);
    loop {
        match engine.call::<_, Results>("ListFileTransferResults", &ask).await {
            // One path was sent, so there is one result.
            Ok(results) => match results.file_transfer_results.first() {
                Some(result) if result.status_code == "COMPLETED" => return Ok(Followed::Completed),
                Some(result) if result.status_code == "FAILED" => return failed(shipment, result).await,
                Some(result) => shipment.journal.progress(result.bytes.unwrap_or(0)),
                None => {}
            },
            Err(fault) if is_unknown(&fault) => {
                unknown += 1;
                if !is_new || unknown >= UNKNOWN {
                    shipment.journal.withdraw().await?;
                    return Ok(Followed::Unknown);
                }
            }
            Err(fault) => return Err(failure::of_fault(&fault)),
        }
        // Spread over its upper half, so that many deliveries don't ask together.
        let wait = pause.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        if Instant::now() + wait > end {
            return Ok(Followed::Underway);
        }
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_unknown(fault: &Fault) -> bool {
    fault.is("ResourceNotFoundException")
}

async fn failed(shipment: &Shipment<'_>, result: &FileResult) -> Result<Followed> {
    shipment.journal.withdraw().await?;
    Err(failure::of_result(result))
}
