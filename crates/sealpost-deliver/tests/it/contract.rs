//! The port's behaviour suite, against each server.

use sealpost_testkit::dropbear::Dropbear;
use sealpost_testkit::misbehaving::Misbehaving;
use sealpost_testkit::proftpd::Proftpd;
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::{remote, transport as suite};

use crate::sites;

macro_rules! on_every_server {
    ($suite:ident: $($sentence:ident),* $(,)?) => {
        mod openssh {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let server = Sshd::start();
                $suite::$sentence(&sites::openssh(&server)).await;
            })*
        }
        mod dropbear {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let server = Dropbear::start();
                $suite::$sentence(&sites::dropbear(&server)).await;
            })*
        }
        mod asyncssh {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let server = Misbehaving::asyncssh();
                $suite::$sentence(&sites::misbehaving(&server)).await;
            })*
        }
        mod proftpd {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let server = Proftpd::start();
                $suite::$sentence(&sites::proftpd(&server)).await;
            })*
        }
        mod strict_proftpd {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let server = Proftpd::with("");
                $suite::$sentence(&sites::proftpd(&server)).await;
            })*
        }
    };
}

mod sending {
    use super::*;

    on_every_server!(
        suite:
        delivers_exactly,
        fails_on_an_existing_file,
        replaces_an_existing_file,
        keeps_both_files,
        writes_small_files_beside,
        writes_the_marker_after_a_crash,
        finishes_an_interrupted_rename,
        ignores_an_intent_on_another_server,
        recognises_a_half_done_rename,
        does_not_publish_a_damaged_file,
        fills_holes_of_a_partial_file,
        stops_when_the_lease_is_lost,
        a_lost_lease_leaves_the_intended_file,
        makes_directories_on_request,
        discards_what_was_left,
        checks_step_by_step,
    );
}

mod remote_files {
    use super::*;

    on_every_server!(
        remote:
        lists_what_is_there,
        lists_names_in_other_encodings,
        lists_no_more_than_asked_for,
        lists_large_directories_whole,
        lists_directories_only,
        retrieves_exactly,
        retrieves_files_only,
        retrieves_many_files_at_once,
        passes_the_landings_refusal_on,
        renames_without_replacing,
        recognises_a_rename_that_happened,
        removes_files_and_empty_directories,
        probes_up_to_the_login,
    );
}

/// A seed that a failing run has printed can be given in `SEED`.
fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| u64::from(std::process::id()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssh_survives_being_dropped_anywhere() {
    let server = Sshd::start();
    suite::survives_being_dropped_anywhere(&sites::openssh(&server), seed(), 15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proftpd_survives_being_dropped_anywhere() {
    let server = Proftpd::start();
    suite::survives_being_dropped_anywhere(&sites::proftpd(&server), seed(), 9).await;
}
