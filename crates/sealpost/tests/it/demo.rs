//! The README's first command: what it prints can be used as it says.

use std::process::Command;

use sealpost_testkit::gpg::Gpg;
use serde_json::Value as Json;

#[test]
fn the_demo_delivers_a_file_that_gpg_decrypts() {
    let folder = tempfile::tempdir().expect("make a folder");
    // The variables of a real service in the same shell are not for made-up partners.
    let real = folder.path().join("real");
    let output = Command::new(env!("CARGO_BIN_EXE_sealpost"))
        .args(["demo", "--once", "--json"])
        .env("SEALPOST__LEDGER__PATH", real.join("ledger.sqlite"))
        .env("SEALPOST__store__path", real.join("store"))
        .env("SEALPOST__TRANSFER__EVENTS", format!("[{{ kind = 'file', path = '{}' }}]", real.join("events").display()))
        .current_dir(folder.path())
        .output()
        .expect("run the demo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
    let arrived: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(arrived["status"], "succeeded");
    assert!(!real.exists(), "something was written beside the demo's folder");
    // Who goes on with the demo's configuration in that shell has to know, and what the variables say is nobody's business.
    let left_out = "SEALPOST__LEDGER__PATH, SEALPOST__TRANSFER__EVENTS, SEALPOST__store__path";
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let configuration =
        std::fs::read_to_string(folder.path().join("sealpost-demo/sealpost.toml")).expect("the configuration");
    for text in [&said, &configuration] {
        assert!(text.contains(left_out) && !text.contains(&*real.to_string_lossy()), "{text}");
    }
    for member in [
        "report_id",
        "api_url",
        "admin_url",
        "api_key",
        "transfer_url",
        "transfer_access_key_id",
        "transfer_secret_access_key",
        "connector_id",
        "object_path",
    ] {
        assert!(arrived[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
    }

    let text = |name: &str| arrived[name].as_str().expect("text").to_owned();
    let sealed = std::fs::read(text("delivered_file")).expect("the delivered file");
    assert_eq!(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&sealed)), text("sha256"));
    let gpg = Gpg::new();
    gpg.import(&std::fs::read(text("recipient_private_key")).expect("the private key"));
    let plain = String::from_utf8(gpg.decrypt(&sealed).expect("gpg decrypts")).expect("UTF-8");
    let mut lines = plain.lines();
    assert!(lines.next().expect("a header").starts_with("contract_no,partner,"));
    let rows: Vec<&str> = lines.collect();
    assert_eq!(rows.len() as u64, arrived["row_count"].as_u64().expect("a count"));
    assert!(rows.len() > 10_000 && rows.iter().all(|row| row.contains(",nordwind,")), "rows of another partner");
}

#[test]
fn a_folder_that_the_demo_did_not_make_is_left_alone() {
    let folder = tempfile::tempdir().expect("make a folder");
    std::fs::create_dir(folder.path().join("sealpost-demo")).expect("make a folder");
    std::fs::write(folder.path().join("sealpost-demo/thesis.txt"), "years of work").expect("write");
    let output = Command::new(env!("CARGO_BIN_EXE_sealpost"))
        .args(["demo", "--once"])
        .current_dir(folder.path())
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(2));
    assert!(folder.path().join("sealpost-demo/thesis.txt").exists());
}
