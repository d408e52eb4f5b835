//! The behaviour suite of the ledger port.
