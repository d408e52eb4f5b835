//! Transports that carry sealed files to partners.
