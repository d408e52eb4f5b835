//! Bytes to an OpenPGP message for a partner.
