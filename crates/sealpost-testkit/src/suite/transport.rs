//! The behaviour suite of the transport port.
