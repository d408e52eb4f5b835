//! Every format against golden files, independent readers, wrong input and chance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test is the report")]

mod compression;
mod errors;
mod fixture;
mod golden;
mod options;
mod random;
mod readers;
mod stream;
mod workbook;
