//! The timeline of a job: what the API, the command line and the logs show.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryEvent;
use crate::id::DeliveryId;
use crate::job::JobEvent;

/// One entry of a job's append-only timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Position in the timeline, from 1, without gaps.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// To what it happened, and what.
    #[serde(flatten)]
    pub what: Happening,
}

/// An event of a job or of one of its deliveries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Happening {
    /// To the job.
    Report(JobEvent),
    /// To a delivery.
    Delivery {
        /// Which.
        delivery: DeliveryId,
        /// What.
        #[serde(flatten)]
        event: DeliveryEvent,
    },
}
