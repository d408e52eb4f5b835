//! Sealed objects in partner folders.
