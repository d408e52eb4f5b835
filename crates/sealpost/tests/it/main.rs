//! The whole product, driven as its users drive it: the binary, HTTP, SFTP, gpg.

mod chaos;
mod cli;
mod crash;
mod demo;
mod isolation;
mod memory;
mod sakila;
mod secrecy;
mod world;
