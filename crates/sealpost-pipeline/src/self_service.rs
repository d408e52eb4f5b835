//! What partners change about themselves: every wish is a change, done at once or after an operator's approval.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `change` | asking, approving, rejecting, withdrawing; the audit trail of it |
//! | `certificate` | OpenPGP certificates: added, rotated with overlap, retired |
//! | `proof` | challenges: does the partner have the private key? |
//! | `destination` | connectors of partners |
//! | `credential` | how to log in there: secrets into the vault |
//! | `host_key` | host keys: candidates, approvals |
//! | `trial` | testing a destination, within bounds |
//!
//! Applying a change checks it again and may be repeated: what is done already stays as it is.

use sealpost_core::address::Reach;
use serde::{Deserialize, Serialize};

mod carry_out;
pub mod certificate;
pub mod change;
pub mod credential;
pub mod destination;
pub mod host_key;
pub mod proof;
pub mod trial;

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
    /// Whether files are sealed to a certificate that a partner added only after it has proven that it has the private
    /// key.
    pub require_proof: bool,
    /// Where destinations of partners may lead. The transport asks it again for every connection.
    pub reach: Reach,
}
