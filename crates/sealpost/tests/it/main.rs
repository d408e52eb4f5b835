//! The whole product, driven as its users drive it: the binary, HTTP, SFTP, gpg.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a panic in a test is its report")]

mod announcements;
mod chaos;
mod cli;
mod cloud;
mod crash;
mod demo;
mod ending;
mod guide;
mod identity;
mod isolation;
mod lambda;
mod memory;
mod pages;
mod prune;
mod rotation;
mod sakila;
mod sdk;
mod secrecy;
mod self_service;
mod tenants;
mod transfers;
mod vault;
mod webhooks;
mod world;
