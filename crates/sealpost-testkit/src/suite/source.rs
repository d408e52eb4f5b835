//! The behaviour suite of the source port.
