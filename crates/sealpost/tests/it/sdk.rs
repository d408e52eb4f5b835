//! The transfer API, driven by AWS's SDK for Rust as it comes: a program of its own, which `cargo xtask test` builds.

use std::path::PathBuf;
use std::process::Command;

use sealpost_testkit::server::installed;
use sealpost_testkit::suite::transport::noise;

use crate::world::World;

/// Where the program is; `cargo xtask test` tells.
const VARIABLE: &str = "SEALPOST_SDK";

fn program() -> PathBuf {
    let program = installed(VARIABLE, "sdk/debug/sealpost-sdk-caller");
    assert!(program.is_file(), "{} is not there: run `cargo xtask test --only sdk`", program.display());
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_drives_every_operation() {
    let mut world = World::with_sqlite("CREATE TABLE bikes (id INTEGER);");
    world.report_type("none.v1", "title = \"None\"\n", "SELECT id FROM bikes WHERE id = :partner_scope");
    // Few enough that the caller meets the limit even where each of its calls takes nearly a tenth of a second.
    world.transfers_at(10);
    let content = noise(300_000, 1);
    std::fs::create_dir_all(world.path("data/store/outbox")).expect("make the outbox");
    for name in ["a.bin", "b.bin"] {
        std::fs::write(world.path("data/store/outbox").join(name), &content).expect("write a file to send");
    }
    let inbox = world.inbox("transfers");
    std::fs::create_dir_all(&inbox).expect("make the inbox");
    let key = world.json(&["access-key", "issue", "--role", "admin"]);
    let text = |name: &str| key[name].as_str().expect("text").to_owned();
    let _serving = world.serve().await;
    let output = Command::new(program())
        .args([world.transfer_url(), text("access_key_id"), text("secret_access_key")])
        .args(world.transfer_target())
        .args(["sealpost".to_owned(), inbox.display().to_string()])
        .output()
        .expect("run the caller");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}\n{}", String::from_utf8_lossy(&output.stderr), world.log());
    assert_eq!(world.names("transfers"), ["moved.bin"], "a.bin was moved, b.bin deleted");
    assert!(std::fs::read(inbox.join("moved.bin")).expect("the sent file") == content);
    assert!(std::fs::read(world.path("data/store/inbox/a.bin")).expect("the retrieved file") == content);
    let listing = said.lines().next().expect("the listing's name");
    let listing = std::fs::read_to_string(world.path("data/store/listings").join(listing)).expect("the listing");
    assert!(listing.contains("a.bin") && listing.contains("b.bin"), "{listing}");
}
