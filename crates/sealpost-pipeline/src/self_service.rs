//! What partners may change about themselves, and what an operator has to approve.

use serde::{Deserialize, Serialize};

/// What becomes of a partner's wish to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is refused: operators do it.
    Off,
    /// It waits until an operator approves it.
    #[default]
    Approval,
    /// It is done at once.
    Allowed,
}

/// What partners may change about themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelfService {
    /// OpenPGP certificates.
    pub certificates: Policy,
    /// Destinations, and removing them.
    pub destinations: Policy,
    /// Trust in host keys that a destination's server has shown.
    pub host_keys: Policy,
}
