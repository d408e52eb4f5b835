//! Servers in front of the store.
