//! What is kept is found again by its reference, and by nobody else.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sealpost_core::port::SecretStore;
use sealpost_testkit::suite::vault::{Subject, hold};

use super::*;
use crate::SecretStores;

fn secret(text: &str) -> sealpost_core::secret::Secret {
    sealpost_core::secret::Secret::new(text.as_bytes().to_vec())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn a_folder_does_what_every_vault_does() {
    let base = tempfile::tempdir().unwrap();
    let vault = vault(&"file:data/secrets".parse().unwrap(), &Surroundings::new(base.path())).unwrap();
    let stores = || -> Arc<dyn SecretStore> { Arc::new(SecretStores::new(base.path())) };
    hold(&Subject { vault: &*vault, stores: &stores, place: "file:data/secrets" }).await;
    assert!(files(base.path()).is_empty(), "nothing stays");
}

#[tokio::test]
async fn a_secret_is_kept_replaced_and_forgotten() {
    let base = tempfile::tempdir().unwrap();
    let vault = vault(&"file:data/secrets/".parse().unwrap(), &Surroundings::new(base.path())).unwrap();
    let stores = SecretStores::new(base.path());
    let reference = vault.keep("acme/main/1", &secret("hunter2")).await.unwrap();
    assert_eq!(reference.to_string(), "file:data/secrets/acme/main/1");
    assert_eq!(stores.resolve(&reference).await.unwrap().expose(), b"hunter2");
    vault.keep("acme/main/1", &secret("hunter3")).await.unwrap();
    assert_eq!(stores.resolve(&reference).await.unwrap().expose(), b"hunter3");

    let folder = base.path().join("data/secrets");
    let file = folder.join("acme/main/1");
    assert_eq!(files(&folder), std::slice::from_ref(&file), "nothing unfinished stays");
    assert_eq!(mode(&file), 0o600);
    for private in [&folder, &folder.join("acme"), &folder.join("acme/main")] {
        assert_eq!(mode(private), 0o700, "{}", private.display());
    }
    vault.forget(&reference).await.unwrap();
    vault.forget(&reference).await.unwrap();
    assert!(stores.resolve(&reference).await.unwrap_err().is(&codes::secrets::MISSING));
    assert!(!folder.join("acme").exists() && folder.exists());
}

/// As whoever removes another secret of the partner does.
#[tokio::test]
async fn a_secret_is_kept_though_others_take_its_empty_folder_away() {
    let base = tempfile::tempdir().unwrap();
    let vault = vault(&"file:secrets".parse().unwrap(), &Surroundings::new(base.path())).unwrap();
    let folder = base.path().join("secrets/acme");
    let others = std::thread::spawn(move || {
        let mut removed = 0;
        while removed < 5 {
            removed += u32::from(std::fs::remove_dir(&folder).is_ok());
        }
    });
    let begun = Instant::now();
    while !others.is_finished() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the others come to nothing");
        let reference = vault.keep("acme/main/1", &secret("x")).await.unwrap();
        vault.forget(&reference).await.unwrap();
    }
    others.join().unwrap();
}

#[tokio::test]
async fn what_is_not_its_own_is_left_alone() {
    let base = tempfile::tempdir().unwrap();
    let vault = vault(&"file:secrets".parse().unwrap(), &Surroundings::new(base.path())).unwrap();
    vault.keep("acme/1", &secret("x")).await.unwrap();
    std::fs::write(base.path().join("other"), "y").unwrap();
    std::fs::write(base.path().join("secretsmore"), "y").unwrap();
    for foreign in ["file:other", "file:secretsmore", "file:secrets/../other", "env:PATH", "file:secrets/.hidden"] {
        vault.forget(&foreign.parse().unwrap()).await.unwrap();
    }
    assert_eq!(files(base.path()).len(), 3);
}

#[tokio::test]
async fn names_lead_nowhere_else() {
    let base = tempfile::tempdir().unwrap();
    let vault = vault(&"file:secrets".parse().unwrap(), &Surroundings::new(base.path())).unwrap();
    for bad in ["", "/x", "x/", "a//b", "../x", "a/../b", ".x", "A", "a b", "a.b", &"x".repeat(201)] {
        assert!(vault.keep(bad, &secret("x")).await.unwrap_err().is(&codes::secrets::REFERENCE), "{bad}");
    }
    assert!(files(base.path()).is_empty());
}

#[test]
fn places_are_looked_at_before_anything_is_kept_there() {
    let build = |place: &str| vault(&place.parse().unwrap(), &Surroundings::new("/nowhere"));
    for entry in VAULTS {
        let example: SecretRef = entry.example.parse().unwrap();
        assert_eq!(example.scheme(), entry.scheme);
        assert!(build(entry.example).is_ok(), "{}", entry.example);
    }
    let long = format!("vault:secret/{}", "x".repeat(300));
    for bad in [
        "env:X",
        "file:../secrets",
        "file:/",
        "aws-sm:/x",
        "aws-sm:two words",
        "vault:secret",
        "vault:secret/",
        "vault:/secret/x",
        "vault:secret/../sys/policy",
        "vault:secret/sealpost#value",
        &long,
    ] {
        let error = build(bad).err().unwrap();
        assert!(error.is(&codes::secrets::REFERENCE), "{bad}: {error}");
    }
    let error = build("env:X").err().unwrap();
    assert!(error.detail().contains("file:data/secrets"), "{error}");
    assert!(error.detail().contains("vault:secret/sealpost/partners"), "{error}");
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_says_so_without_the_value() {
    let base = tempfile::tempdir().unwrap();
    std::fs::write(base.path().join("secrets"), "a file").unwrap();
    let vault = vault(&"file:secrets".parse().unwrap(), &Surroundings::new(base.path())).unwrap();
    let error = vault.keep("acme/1", &secret("hunter2-canary")).await.unwrap_err();
    assert!(error.is(&codes::secrets::UNREACHABLE) && !format!("{error:?}").contains("canary"), "{error:?}");
}
