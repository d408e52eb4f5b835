//! Rows to bytes: one file per format.
