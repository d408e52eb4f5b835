//! The behaviour suite of the transport port, the part that reads and tidies: listing, retrieving, renaming, removing.
//!
//! Each function is one sentence of the contract.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{EntrySink, Landing, Listed, RemoteEntry, Retrieval, Retrieved};

use super::transport::{Parcel, Site, names, noise};

/// Where retrieved bytes go: memory.
#[derive(Default)]
pub struct Basket {
    /// The size that was announced.
    pub expected: Option<u64>,
    /// The bytes so far.
    pub bytes: Vec<u8>,
    /// Bytes after which it fails.
    pub full_at: Option<usize>,
    /// How long each write takes.
    pub pause: std::time::Duration,
}

#[async_trait]
impl Landing for Basket {
    async fn expect(&mut self, size: u64) -> Result<()> {
        assert!(self.expected.is_none(), "the size is told once");
        assert!(self.bytes.is_empty(), "the size is told before the first byte");
        self.expected = Some(size);
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        assert!(self.expected.is_some(), "the size is told before the first byte");
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        self.bytes.extend_from_slice(&bytes);
        match self.full_at {
            Some(limit) if self.bytes.len() >= limit => Err(Error::new(&codes::store::FULL, "the basket is full")),
            _ => Ok(()),
        }
    }
}

/// Keeps the entries of a listing.
#[derive(Debug, Default)]
pub struct Catalogue(pub Vec<RemoteEntry>);

#[async_trait]
impl EntrySink for Catalogue {
    async fn entry(&mut self, entry: RemoteEntry) -> Result<()> {
        self.0.push(entry);
        Ok(())
    }
}

impl Catalogue {
    /// The entries' paths, sorted.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.0.iter().map(|entry| entry.path.as_str()).collect();
        paths.sort_unstable();
        paths
    }
}

impl Site {
    fn connector(&self) -> sealpost_core::connector::Connector {
        Parcel::new(&self.settings, "x", "").connector
    }

    /// Lists a directory.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn list(&self, directory: &str, most: u64) -> Result<(Catalogue, Listed)> {
        let mut catalogue = Catalogue::default();
        let listed = self.transport.list(&self.connector(), directory, most, &mut catalogue).await?;
        assert_eq!(listed.entries, catalogue.0.len() as u64);
        Ok((catalogue, listed))
    }

    /// Retrieves a file.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn retrieve(&self, path: &str, landing: &mut Basket) -> Result<Retrieved> {
        self.transport.retrieve(Retrieval { connector: &self.connector(), path, landing }).await
    }

    /// Renames.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn rename(&self, from: &str, to: &str, repeated: bool) -> Result<()> {
        self.transport.rename(&self.connector(), from, to, repeated).await
    }

    /// Removes.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn remove(&self, path: &str, repeated: bool) -> Result<()> {
        self.transport.remove(&self.connector(), path, repeated).await
    }

    fn folder(&self, name: &str) {
        let path = self.inbox.join(name);
        std::fs::create_dir_all(&path).unwrap();
        // The server may run as somebody else.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }

    fn lay(&self, name: impl AsRef<std::path::Path>, bytes: &[u8]) {
        let path = self.inbox.join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    }
}

/// Each entry once, with its path, kind, size and time; a link is a file.
pub async fn lists_what_is_there(site: &Site) {
    site.folder("out/sub");
    site.lay("out/a.csv", b"12345");
    site.lay("out/Größe .csv", b"");
    site.lay("out/.hidden", b"1");
    std::os::unix::fs::symlink("sub", site.inbox.join("out/link")).unwrap();
    let modified = std::fs::metadata(site.inbox.join("out/a.csv")).unwrap().modified().unwrap();
    let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let (catalogue, listed) = site.list("out", 100).await.unwrap();
    assert!(!listed.truncated);
    assert_eq!(catalogue.paths(), ["out/.hidden", "out/Größe .csv", "out/a.csv", "out/link", "out/sub"]);
    for entry in &catalogue.0 {
        assert_eq!(entry.is_directory, entry.path == "out/sub", "{entry:?}");
    }
    let file = catalogue.0.iter().find(|entry| entry.path == "out/a.csv").unwrap();
    assert_eq!(file.size, Some(5));
    assert_eq!(file.modified.unwrap().as_second(), modified);
    // With a slash at its end, it is the same directory.
    let (catalogue, _) = site.list("out/", 100).await.unwrap();
    assert!(catalogue.paths().contains(&"out/a.csv"), "{:?}", catalogue.paths());
}

/// A name that is not UTF-8 is listed all the same.
pub async fn lists_names_in_other_encodings(site: &Site) {
    site.folder("out");
    site.lay(std::path::Path::new("out").join(OsStr::from_bytes(b"Gr\xf6\xdfe.csv")), b"1");
    let (catalogue, _) = site.list("out", 100).await.unwrap();
    assert_eq!(catalogue.paths(), ["out/Gr\u{fffd}\u{fffd}e.csv"]);
}

/// Never more entries than asked for, and it says whether there were more.
pub async fn lists_no_more_than_asked_for(site: &Site) {
    site.folder("out");
    for number in 0..7 {
        site.lay(format!("out/{number}"), b"");
    }
    for (most, entries, truncated) in [(0, 0, true), (1, 1, true), (6, 6, true), (7, 7, false), (8, 7, false)] {
        let (_, listed) = site.list("out", most).await.unwrap();
        assert_eq!(listed, Listed { entries, truncated }, "at most {most}");
    }
    site.folder("empty");
    assert_eq!(site.list("empty", 0).await.unwrap().1, Listed { entries: 0, truncated: false });
    assert_eq!(site.list("empty", 5).await.unwrap().1, Listed { entries: 0, truncated: false });
}

/// A directory of many replies is listed whole: each entry once.
pub async fn lists_large_directories_whole(site: &Site) {
    const ENTRIES: usize = 2_500;
    site.folder("out");
    for number in 0..ENTRIES {
        site.lay(format!("out/{number:05}"), b"");
    }
    let (catalogue, listed) = site.list("out", 1_000_000).await.unwrap();
    assert!(!listed.truncated);
    let mut paths = catalogue.paths();
    paths.dedup();
    assert_eq!(paths.len(), ENTRIES);
    assert_eq!(listed.entries, ENTRIES as u64);
}

/// What is no directory can't be listed.
pub async fn lists_directories_only(site: &Site) {
    let error = site.list("nowhere", 10).await.unwrap_err();
    assert!(error.is(&codes::deliver::DIRECTORY), "{error}");
    assert!(!error.is_retried());
    site.lay("a.csv", b"1");
    let error = site.list("a.csv", 10).await.unwrap_err();
    assert!(error.is(&codes::deliver::DIRECTORY), "{error}");
}

/// The file's bytes, its size and time.
pub async fn retrieves_exactly(site: &Site) {
    for (name, length) in [("empty", 0), ("one", 1), ("block", 32_768), ("many", 3_000_001)] {
        let bytes = noise(length, 5);
        site.lay(name, &bytes);
        let mut basket = Basket::default();
        let retrieved = site.retrieve(name, &mut basket).await.unwrap();
        assert_eq!(basket.expected, Some(length as u64));
        assert!(basket.bytes == bytes, "{name} differs");
        assert_eq!(retrieved.size, length as u64);
        let modified = std::fs::metadata(site.inbox.join(name)).unwrap().modified().unwrap();
        let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        assert_eq!(retrieved.modified.unwrap().as_second(), modified);
        assert!(retrieved.host_key.starts_with("SHA256:"), "{}", retrieved.host_key);
        assert!(retrieved.url.starts_with("sftp://127.0.0.1:"), "{}", retrieved.url);
        assert!(!retrieved.algorithms.is_empty());
    }
    // The files stay where they are.
    assert_eq!(names(&site.inbox), ["block", "empty", "many", "one"]);
}

/// What is no file can't be retrieved.
pub async fn retrieves_files_only(site: &Site) {
    for directory in [false, true] {
        if directory {
            site.folder("nothing");
        }
        let mut basket = Basket::default();
        let error = site.retrieve("nothing", &mut basket).await.unwrap_err();
        assert!(error.is(&codes::deliver::NO_SUCH_FILE), "{error}");
        assert!(!error.is_retried());
        assert!(error.detail().contains("nothing"), "{error}");
        assert!(basket.expected.is_none());
    }
}

/// Many files at once do not mix.
pub async fn retrieves_many_files_at_once(site: &Site) {
    let files: Vec<(String, Vec<u8>)> =
        (0..60_usize).map(|number| (format!("f{number}"), noise(20_000 + number * 1_000, number as u64 + 1))).collect();
    for (name, bytes) in &files {
        site.lay(name, bytes);
    }
    let retrieving = files.iter().map(|(name, bytes)| async move {
        let mut basket = Basket::default();
        site.retrieve(name, &mut basket).await.unwrap();
        assert!(basket.bytes == *bytes, "{name} differs");
    });
    join_all(retrieving).await;
}

/// A landing that refuses stops the transfer, with its own error; so does one that is slow not.
pub async fn passes_the_landings_refusal_on(site: &Site) {
    let bytes = noise(3_000_000, 9);
    site.lay("a.csv", &bytes);
    let mut basket = Basket { full_at: Some(1_000_000), ..Basket::default() };
    let error = site.retrieve("a.csv", &mut basket).await.unwrap_err();
    assert!(error.is(&codes::store::FULL), "{error}");
    let mut basket = Basket { pause: std::time::Duration::from_millis(1), ..Basket::default() };
    site.retrieve("a.csv", &mut basket).await.unwrap();
    assert!(basket.bytes == bytes);
}

/// A file or directory gets its new name; what has the name already stays as it is.
pub async fn renames_without_replacing(site: &Site) {
    site.folder("done");
    site.folder("old");
    site.lay("a.csv", b"a");
    site.lay("b.csv", b"b");
    site.rename("a.csv", "done/a.csv", false).await.unwrap();
    site.rename("old", "older", false).await.unwrap();
    for to in ["done/a.csv", "done", "b.csv"] {
        let error = site.rename("b.csv", to, false).await.unwrap_err();
        assert!(error.is(&codes::deliver::EXISTS), "{to}: {error}");
        assert!(!error.is_retried());
    }
    assert_eq!(std::fs::read(site.inbox.join("done/a.csv")).unwrap(), b"a");
    assert_eq!(std::fs::read(site.inbox.join("b.csv")).unwrap(), b"b");
    // A link that leads nowhere is something, too.
    std::os::unix::fs::symlink("nowhere", site.inbox.join("link")).unwrap();
    let error = site.rename("b.csv", "link", false).await.unwrap_err();
    assert!(error.is(&codes::deliver::EXISTS), "{error}");
    let error = site.rename("c.csv", "d.csv", false).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_SUCH_FILE), "{error}");
    let error = site.rename("b.csv", "nowhere/b.csv", false).await.unwrap_err();
    assert!(error.is(&codes::deliver::DIRECTORY) || error.is(&codes::deliver::REFUSED), "{error}");
    assert_eq!(names(&site.inbox), ["b.csv", "done", "link", "older"]);
}

/// A rename whose answer was lost is not done twice, nor taken for a failure.
pub async fn recognises_a_rename_that_happened(site: &Site) {
    site.lay("to", b"x");
    site.rename("from", "to", true).await.unwrap();
    let error = site.rename("from", "to", false).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_SUCH_FILE), "{error}");
    let error = site.rename("from", "elsewhere", true).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_SUCH_FILE), "{error}");
    site.lay("from", b"y");
    let error = site.rename("from", "to", true).await.unwrap_err();
    assert!(error.is(&codes::deliver::EXISTS), "{error}");
    site.rename("from", "elsewhere", true).await.unwrap();
    assert_eq!(names(&site.inbox), ["elsewhere", "to"]);
}

/// Files, links and empty directories are removed; what is gone counts as removed the second time only.
pub async fn removes_files_and_empty_directories(site: &Site) {
    site.folder("full");
    site.folder("empty");
    site.lay("full/a", b"1");
    site.lay("a", b"1");
    std::os::unix::fs::symlink("full", site.inbox.join("link")).unwrap();
    for path in ["a", "empty", "link"] {
        site.remove(path, false).await.unwrap();
        let error = site.remove(path, false).await.unwrap_err();
        assert!(error.is(&codes::deliver::NO_SUCH_FILE), "{path}: {error}");
        site.remove(path, true).await.unwrap();
    }
    site.remove("full", false).await.unwrap_err();
    assert_eq!(names(&site.inbox), ["full"]);
    assert_eq!(names(&site.inbox.join("full")), ["a"]);
}

/// The probe ends with the login, and leaves nothing.
pub async fn probes_up_to_the_login(site: &Site) {
    let steps = site.transport.probe(&site.connector()).await;
    let done: Vec<_> = steps.iter().map(|step| step.step.as_str()).collect();
    let (before, announced) = done.split_at(5);
    assert_eq!(before, ["resolve", "connect", "key_exchange", "host_key", "login"]);
    assert!(announced.iter().all(|step| *step == "announced_key"), "{announced:?}");
    assert!(steps.iter().all(|step| step.failure.is_none()), "{steps:?}");
    assert!(names(&site.inbox).is_empty());

    let mut connector = site.connector();
    connector.settings.host_keys.clear();
    let steps = site.transport.probe(&connector).await;
    let last = steps.last().unwrap();
    assert_eq!(last.step, "host_key");
    assert_eq!(last.failure.as_ref().unwrap().code, codes::deliver::NO_HOST_KEY.id);
    assert!(last.host_key.as_ref().unwrap().contains("AAAA"), "{last:?}");
}
