//! Sequoia's `sq` as the other outside judge: its keys are accepted, and it opens what we seal for them.

use std::process::Command;

use sealpost_testkit::server::program;

use super::*;

fn sq(folder: &std::path::Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program(&["sq"], "sq")).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "sq {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn opens(suite: &str) {
    let folder = tempfile::tempdir().unwrap();
    sq(
        folder.path(),
        &["key", "generate", "--userid", "Partner <p@example.com>", "--cipher-suite", suite, "--export", "key.pgp"],
    );
    let certificate = String::from_utf8(sq(folder.path(), &["key", "extract-cert", "key.pgp"])).unwrap();
    let info = OpenPgp.inspect(certificate.as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.user_ids, ["Partner <p@example.com>"]);
    assert!(info.expires_at.is_some() && info.warnings.is_empty(), "{info:?}");
    let plain = rows(200_000);
    for armor in [false, true] {
        let recipients = [certificate.clone()];
        let message = seal(&SealPlan { armor, ..plan(&recipients) }, &plain).unwrap();
        std::fs::write(folder.path().join("message.pgp"), &message).unwrap();
        assert!(sq(folder.path(), &["decrypt", "--recipient-key", "key.pgp", "message.pgp"]) == plain);
        let secret = std::fs::read_to_string(folder.path().join("key.pgp")).unwrap();
        assert!(open(&message, &secret).unwrap().0 == plain);
    }
}

#[test]
fn curve25519() {
    opens("cv25519");
}

#[test]
fn rsa_3072() {
    opens("rsa3k");
}
