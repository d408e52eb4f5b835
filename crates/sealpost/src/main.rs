//! Composition root, configuration and command line.
fn main() {}
