//! Every store, every refusal; and no value in any of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use super::*;

const VALUE: &str = "hunter2-canary";

fn stores(base: &Path) -> SecretStores {
    let variables = [("DB_PASSWORD", VALUE), ("EMPTY", "")];
    let environment: BTreeMap<String, std::ffi::OsString> =
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    SecretStores::with(&Surroundings {
        base_folder: base.to_owned(),
        environment: Arc::new(environment),
        ..Surroundings::new("/nowhere")
    })
}

async fn refused(stores: &SecretStores, reference: &str) -> Error {
    let error = stores.resolve(&reference.parse().unwrap()).await.expect_err("a refusal");
    assert!(!format!("{error:?}").contains(VALUE), "{error:?}");
    error
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn variables() {
    let stores = stores(Path::new("/nowhere"));
    let secret = stores.resolve(&"env:DB_PASSWORD".parse().unwrap()).await.unwrap();
    assert_eq!(secret.expose_text().unwrap(), VALUE);
    for missing in ["env:ABSENT", "env:EMPTY", "env:DB_PASSWORD "] {
        let error = refused(&stores, missing).await;
        assert!(error.is(&codes::secrets::MISSING) && error.detail().contains(missing), "{error}");
    }
}

#[tokio::test]
async fn the_real_environment_is_read() {
    let stores = SecretStores::new("/nowhere");
    // Every test process has a PATH.
    assert!(!stores.resolve(&"env:PATH".parse().unwrap()).await.unwrap().expose().is_empty());
    for odd in ["env:a=b", "env:SEALPOST_SURELY_NOT_SET"] {
        assert!(refused(&stores, odd).await.is(&codes::secrets::MISSING));
    }
}

#[tokio::test]
async fn files_byte_for_byte_absolute_or_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let stores = stores(folder.path());
    let content = b"\x00\xffkey\n";
    write(&folder.path().join("key"), content, 0o600);
    for reference in ["file:key".to_owned(), "file:./key".to_owned(), format!("file:{}/key", folder.path().display())] {
        let secret = stores.resolve(&reference.parse().unwrap()).await.unwrap();
        assert_eq!(secret.expose(), content);
    }
    // As Kubernetes mounts them.
    std::os::unix::fs::symlink(folder.path().join("key"), folder.path().join("link")).unwrap();
    assert_eq!(stores.resolve(&"file:link".parse().unwrap()).await.unwrap().expose(), content);
}

#[tokio::test]
async fn stages_of_a_file_lie_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let stores = stores(folder.path());
    write(&folder.path().join("secret.json"), b"new", 0o600);
    write(&folder.path().join("secret.json.AWSPREVIOUS"), b"old", 0o600);
    let reference: SecretRef = "file:secret.json".parse().unwrap();
    for (stage, value) in [("AWSCURRENT", "new"), ("AWSPREVIOUS", "old")] {
        let secret = stores.resolve_stage(&reference, stage).await.unwrap();
        assert_eq!(secret.expose_text().unwrap(), value);
    }
    stores.stale(&reference).await;
    for (stage, code) in [
        ("mine", &codes::secrets::MISSING),
        ("", &codes::secrets::REFERENCE),
        ("../../secret", &codes::secrets::REFERENCE),
    ] {
        let error = stores.resolve_stage(&reference, stage).await.expect_err("a refusal");
        assert!(error.is(code) && error.detail().contains("file:secret.json"), "{error}");
    }
    // A store without stages has the current one.
    let variable = "env:DB_PASSWORD".parse().unwrap();
    assert_eq!(stores.resolve_stage(&variable, "AWSCURRENT").await.unwrap().expose_text().unwrap(), VALUE);
    assert!(stores.resolve_stage(&variable, "AWSPREVIOUS").await.is_err());
}

#[tokio::test]
async fn files_that_are_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let stores = stores(folder.path());
    write(&folder.path().join("empty"), b"", 0o600);
    write(&folder.path().join("largest"), &vec![b'x'; 1024 * 1024], 0o600);
    write(&folder.path().join("larger"), &vec![b'x'; 1024 * 1024 + 1], 0o600);
    assert_eq!(stores.resolve(&"file:largest".parse().unwrap()).await.unwrap().expose().len(), 1024 * 1024);
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (reference, code) in [
        ("file:absent", &codes::secrets::MISSING),
        ("file:empty/below", &codes::secrets::MISSING),
        ("file:empty", &codes::secrets::MISSING),
        ("file:larger", &codes::secrets::REFERENCE),
        ("file:.", &codes::secrets::REFERENCE),
        ("file:pipe", &codes::secrets::REFERENCE),
        ("file:nul\0byte", &codes::secrets::REFERENCE),
    ] {
        let error = refused(&stores, reference).await;
        assert!(error.is(code) && error.detail().contains(reference), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_no_store_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let stores = stores(folder.path());
    let path = folder.path().join("key");
    write(&path, VALUE.as_bytes(), 0o000);
    // Root may read everything.
    if std::fs::read(&path).is_err() {
        assert!(refused(&stores, "file:key").await.is(&codes::secrets::DENIED));
    }
    let denied = file::unreadable(std::io::ErrorKind::PermissionDenied.into());
    assert!(denied.is(&codes::secrets::DENIED), "{denied}");
}

#[tokio::test]
async fn schemes_that_are_not_here() {
    let stores = stores(Path::new("/nowhere"));
    let error = refused(&stores, "vault:secret/data/x").await;
    assert!(error.is(&codes::secrets::SETTINGS), "{error}");
    assert!(error.detail().contains("VAULT_ADDR"), "{error}");
    // A password with a colon, written where a reference belongs, is not repeated.
    let error = refused(&stores, "correct-horse:battery").await;
    assert!(error.is(&codes::secrets::REFERENCE), "{error}");
    assert!(error.detail().contains("`env`, `file`, `vault`, `aws-sm`"), "{error}");
    assert!(!error.detail().contains("horse") && !error.detail().contains("battery"), "{error}");
}

#[test]
fn the_table_is_consistent() {
    for entry in SECRET_STORES {
        let example: SecretRef = entry.example.parse().unwrap();
        assert_eq!(example.scheme(), entry.scheme);
    }
}

/// Collects log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_file_that_others_can_read_is_warned_about_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = stores(folder.path());
    write(&folder.path().join("open"), VALUE.as_bytes(), 0o640);
    write(&folder.path().join("closed"), VALUE.as_bytes(), 0o400);
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    for reference in ["file:open", "file:closed", "file:open"] {
        stores.resolve(&reference.parse().unwrap()).await.unwrap();
    }
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("WARN").count(), 1, "{text}");
    assert!(text.contains("file:open") && !text.contains(VALUE), "{text}");
}
