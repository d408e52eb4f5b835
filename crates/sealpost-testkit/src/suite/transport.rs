//! The behaviour suite of the transport port.
//!
//! Each function is one sentence of the contract. An adapter's tests call all of them, against each server that they
//! have.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile};
use sealpost_core::delivery::{Delivery, DeliveryStatus, Intent};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{ConnectorId, DeliveryId, JobId, PartnerId};
use sealpost_core::port::{Journal, SealedReader, SecretStore, Shipment, Transport};
use sealpost_core::receipt::{Certainty, Receipt};
use sealpost_core::sealed::{SealedFile, SealedKey};
use sealpost_core::secret::{Secret, SecretRef};

/// A server to deliver to, and how to look at what arrived.
pub struct Site {
    /// The adapter.
    pub transport: Arc<dyn Transport>,
    /// How to reach the server; `directory` is empty and means `inbox`.
    pub settings: ConnectorSettings,
    /// The folder where files arrive.
    pub inbox: PathBuf,
}

/// Secret references `file:PATH` to files, and `env:VALUE` to the text itself.
pub struct TestSecrets;

#[async_trait]
impl SecretStore for TestSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        match reference.scheme() {
            "file" => Ok(Secret::new(std::fs::read(reference.rest()).expect("read a secret's file"))),
            _ => Ok(Secret::new(reference.rest().as_bytes().to_vec())),
        }
    }
}

/// A sealed file in memory.
#[derive(Clone)]
pub struct MemoryFile(pub Bytes);

#[async_trait]
impl SealedReader for MemoryFile {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let offset = usize::try_from(offset).unwrap();
        Ok(self.0.slice(offset..offset + len))
    }
}

/// A journal that remembers, and can refuse.
#[derive(Default)]
pub struct Notebook {
    /// The intent as the ledger would have it.
    pub intent: Mutex<Option<Intent>>,
    /// Whether the lease is lost.
    pub lost: std::sync::atomic::AtomicBool,
    /// The last progress report.
    pub progress: AtomicU64,
}

#[async_trait]
impl Journal for Notebook {
    async fn intend(&self, intent: Intent) -> Result<()> {
        self.check()?;
        *self.intent.lock().unwrap() = Some(intent);
        Ok(())
    }

    async fn withdraw(&self) -> Result<()> {
        self.check()?;
        *self.intent.lock().unwrap() = None;
        Ok(())
    }

    fn progress(&self, bytes_sent: u64) {
        self.progress.store(bytes_sent, Ordering::Relaxed);
    }
}

impl Notebook {
    fn check(&self) -> Result<()> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(Error::new(&codes::ledger::LEASE_LOST, "taken over"));
        }
        Ok(())
    }
}

/// A delivery on its way, as pipeline and ledger would keep it.
pub struct Parcel {
    /// Where it goes.
    pub connector: Connector,
    /// The delivery's record.
    pub delivery: Delivery,
    /// Its bytes.
    pub file: MemoryFile,
    /// The ledger.
    pub journal: Notebook,
}

impl Parcel {
    /// A new delivery of `bytes` under `name`.
    #[must_use]
    pub fn new(settings: &ConnectorSettings, name: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        Self::of(settings, name, bytes, digest)
    }

    /// Another new delivery of the same bytes under the same name. Nothing is computed again.
    #[must_use]
    pub fn again(&self) -> Self {
        let file = &self.delivery.file;
        Self::of(&self.connector.settings, file.key.file_name.as_str(), self.file.0.clone(), file.sha256.clone())
    }

    fn of(settings: &ConnectorSettings, name: &str, bytes: Bytes, sha256: String) -> Self {
        let partner: PartnerId = "acme".parse().unwrap();
        let id = ConnectorId::of(&partner, "main");
        let job = JobId::fresh();
        let key =
            SealedKey { partner: partner.clone(), job: job.clone(), attempt: 1, file_name: name.parse().unwrap() };
        let delivery = Delivery {
            id: DeliveryId::fresh(),
            job,
            partner: partner.clone(),
            connector: id.clone(),
            file: SealedFile { key, size: bytes.len() as u64, sha256 },
            status: DeliveryStatus::Sending,
            attempts: 0,
            failed_attempts: 0,
            waits: 0,
            bytes_sent: 0,
            intent: None,
            receipt: None,
            failure: None,
            retry_at: None,
            created_at: jiff::Timestamp::now(),
            started_at: None,
            finished_at: None,
            version: 1,
        };
        let connector =
            Connector { id, partner, name: "main".to_owned(), settings: settings.clone(), candidates: Vec::new() };
        Self { connector, delivery, file: MemoryFile(bytes), journal: Notebook::default() }
    }

    /// The next attempt, with what the ledger knows.
    pub async fn send(&mut self, transport: &dyn Transport) -> Result<Receipt> {
        self.begin();
        transport.send(self.shipment()).await
    }

    /// Begins the next attempt.
    pub fn begin(&mut self) {
        self.delivery.attempts += 1;
        self.delivery.intent = self.journal.intent.lock().unwrap().clone();
    }

    /// The present attempt's task.
    #[must_use]
    pub fn shipment(&self) -> Shipment<'_> {
        Shipment {
            connector: &self.connector,
            traces: (&self.delivery).into(),
            sha256: Some(&self.delivery.file.sha256),
            sealed: true,
            object: "/bucket/key",
            file: &self.file,
            journal: &self.journal,
        }
    }

    /// The hidden name of an attempt.
    #[must_use]
    pub fn hidden(&self, attempt: u32) -> String {
        format!(".{}.{}.{attempt}.part", self.delivery.file.key.file_name, self.delivery.id)
    }
}

/// Bytes without a pattern that a misplaced block could hide in.
#[must_use]
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// SHA-256 as the `sha256sum` program computes it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child =
        Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run sha256sum");
    child.stdin.take().unwrap().write_all(bytes).expect("feed sha256sum");
    let output = child.wait_with_output().expect("wait for sha256sum");
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

/// The names in a folder, sorted, hidden ones included.
#[must_use]
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

impl Site {
    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.inbox.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn parcel(&self, name: &str, length: usize) -> Parcel {
        Parcel::new(&self.settings, name, noise(length, 1))
    }

    #[track_caller]
    fn assert_holds(&self, expected: &[&str]) {
        assert_eq!(names(&self.inbox), expected);
    }

    /// Puts a file where it looks as if the server had it already; anyone may change it.
    fn put(&self, name: &str, bytes: &[u8]) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.inbox.join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    }
}

/// The file arrives byte for byte, once, and the receipt says so.
pub async fn delivers_exactly(site: &Site) {
    for (name, length) in [("empty.csv.pgp", 0), ("one.csv.pgp", 1), ("many.csv.pgp", 3_000_001)] {
        let mut parcel = site.parcel(name, length);
        let receipt = parcel.send(&*site.transport).await.unwrap();
        assert!(site.read(name) == parcel.file.0, "{name} differs");
        assert_eq!(receipt.certainty, Certainty::Verified);
        assert_eq!(receipt.size, length as u64);
        assert_eq!(receipt.bytes_sent, length as u64);
        assert_eq!(receipt.sha256, parcel.delivery.file.sha256);
        assert!(receipt.remote_path.ends_with(&format!("/{name}")), "{}", receipt.remote_path);
        assert_eq!(parcel.journal.progress.load(Ordering::Relaxed), length as u64);
        let intent = parcel.journal.intent.lock().unwrap().clone().expect("an intent was recorded");
        assert_eq!(intent.final_path, receipt.remote_path);
    }
    site.assert_holds(&["empty.csv.pgp", "many.csv.pgp", "one.csv.pgp"]);
}

/// A taken name fails the delivery, and the file that is there stays as it is.
pub async fn fails_on_an_existing_file(site: &Site) {
    site.put("a.csv.pgp", b"theirs");
    let mut parcel = site.parcel("a.csv.pgp", 100_000);
    let error = parcel.send(&*site.transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::EXISTS), "{error}");
    assert!(!error.is_retried());
    assert_eq!(site.read("a.csv.pgp"), b"theirs");
    site.assert_holds(&["a.csv.pgp"]);
    assert!(parcel.journal.intent.lock().unwrap().is_none());
}

/// `replace` replaces.
pub async fn replaces_an_existing_file(site: &Site) {
    site.put("a.csv.pgp", b"old");
    let mut parcel = site.parcel("a.csv.pgp", 100_000);
    parcel.connector.settings.existing_file = ExistingFile::Replace;
    parcel.send(&*site.transport).await.unwrap();
    assert!(site.read("a.csv.pgp") == parcel.file.0);
    site.assert_holds(&["a.csv.pgp"]);
}

/// `keep_both` takes the next free name.
pub async fn keeps_both_files(site: &Site) {
    site.put("a.csv.pgp", b"first");
    site.put("a-1.csv.pgp", b"second");
    let mut parcel = site.parcel("a.csv.pgp", 100_000);
    parcel.connector.settings.existing_file = ExistingFile::KeepBoth;
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert!(receipt.remote_path.ends_with("/a-2.csv.pgp"), "{}", receipt.remote_path);
    assert!(site.read("a-2.csv.pgp") == parcel.file.0);
    assert_eq!(site.read("a.csv.pgp"), b"first");
    site.assert_holds(&["a-1.csv.pgp", "a-2.csv.pgp", "a.csv.pgp"]);
}

/// Checksum and marker stand beside the file, and a second attempt replaces what a first one left of them.
pub async fn writes_small_files_beside(site: &Site) {
    site.put("a.csv.pgp.sha256", b"of an attempt that was cut off");
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    parcel.connector.settings.checksum_file = true;
    parcel.connector.settings.done_file = true;
    parcel.send(&*site.transport).await.unwrap();
    site.assert_holds(&["a.csv.pgp", "a.csv.pgp.done", "a.csv.pgp.sha256"]);
    assert_eq!(site.read("a.csv.pgp.done"), b"");
    let verified = std::process::Command::new("sha256sum")
        .args(["-c", "--strict", "a.csv.pgp.sha256"])
        .current_dir(&site.inbox)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// The marker that a crash prevented is written by the next attempt; not where the partner has taken the file.
pub async fn writes_the_marker_after_a_crash(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    parcel.send(&*site.transport).await.unwrap();
    parcel.connector.settings.done_file = true;
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Recovered);
    site.assert_holds(&["a.csv.pgp", "a.csv.pgp.done"]);

    std::fs::remove_file(site.inbox.join("a.csv.pgp")).unwrap();
    std::fs::remove_file(site.inbox.join("a.csv.pgp.done")).unwrap();
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Recovered);
    site.assert_holds(&[]);
}

/// An intent on another server says nothing about this one: an operator may have pointed the connector elsewhere.
pub async fn ignores_an_intent_on_another_server(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    let hidden = parcel.hidden(1);
    parcel.delivery.attempts = 1;
    let (temporary_path, final_path) = (remote(site, &hidden).await, remote(site, "a.csv.pgp").await);
    let account = "someone@elsewhere.example:22".to_owned();
    *parcel.journal.intent.lock().unwrap() = Some(Intent { temporary_path, final_path, account });
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Verified);
    assert!(site.read("a.csv.pgp") == parcel.file.0);
    site.assert_holds(&["a.csv.pgp"]);
}

/// An intent whose hidden file is still there: the rename did not happen, and happens now; nothing is sent again.
pub async fn finishes_an_interrupted_rename(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    let hidden = parcel.hidden(1);
    site.put(&hidden, &parcel.file.0);
    parcel.delivery.attempts = 1;
    // Relative to the login directory, as any path of an intent may be.
    let intent = Intent {
        temporary_path: remote(site, &hidden).await,
        final_path: remote(site, "a.csv.pgp").await,
        account: site.settings.account(),
    };
    *parcel.journal.intent.lock().unwrap() = Some(intent);
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert_eq!(receipt.bytes_sent, 0);
    assert!(site.read("a.csv.pgp") == parcel.file.0);
    site.assert_holds(&["a.csv.pgp"]);
}

/// A server that makes a second link before it removes the first one may die in between.
pub async fn recognises_a_half_done_rename(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    let hidden = parcel.hidden(1);
    site.put(&hidden, &parcel.file.0);
    std::fs::hard_link(site.inbox.join(&hidden), site.inbox.join("a.csv.pgp")).unwrap();
    parcel.delivery.attempts = 1;
    let intent = Intent {
        temporary_path: remote(site, &hidden).await,
        final_path: remote(site, "a.csv.pgp").await,
        account: site.settings.account(),
    };
    *parcel.journal.intent.lock().unwrap() = Some(intent);
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Recovered);
    site.assert_holds(&["a.csv.pgp"]);
}

/// A hidden file that lost bytes after it was verified is not published.
pub async fn does_not_publish_a_damaged_file(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    let hidden = parcel.hidden(1);
    site.put(&hidden, &parcel.file.0[..10_000]);
    parcel.delivery.attempts = 1;
    let intent = Intent {
        temporary_path: remote(site, &hidden).await,
        final_path: remote(site, "a.csv.pgp").await,
        account: site.settings.account(),
    };
    *parcel.journal.intent.lock().unwrap() = Some(intent);
    parcel.send(&*site.transport).await.unwrap();
    assert!(site.read("a.csv.pgp") == parcel.file.0);
    site.assert_holds(&["a.csv.pgp"]);
}

/// The path that the server has for a name in its login directory: taken from a delivery's receipt.
async fn remote(site: &Site, name: &str) -> String {
    let mut probe = site.parcel("probe.csv.pgp", 1);
    let receipt = probe.send(&*site.transport).await.unwrap();
    std::fs::remove_file(site.inbox.join("probe.csv.pgp")).unwrap();
    receipt.remote_path.replace("probe.csv.pgp", name)
}

/// Holes in the last 32 MiB of a partial file are filled: its size alone proves nothing about them.
pub async fn fills_holes_of_a_partial_file(site: &Site) {
    const MIB: usize = 1 << 20;
    let mut parcel = site.parcel("a.csv.pgp", 36 * MIB);
    let mut partial = parcel.file.0[..35 * MIB].to_vec();
    partial[3 * MIB + 1..].fill(0);
    *partial.last_mut().unwrap() = 1;
    let hidden = parcel.hidden(1);
    site.put(&hidden, &partial);
    parcel.delivery.attempts = 1;
    let receipt = parcel.send(&*site.transport).await.unwrap();
    assert!(site.read("a.csv.pgp") == parcel.file.0);
    assert!(receipt.bytes_sent <= receipt.size, "{}", receipt.bytes_sent);
    site.assert_holds(&["a.csv.pgp"]);
}

/// A lost lease stops the attempt before the rename: nothing is visible, and nothing hidden stays.
pub async fn stops_when_the_lease_is_lost(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    parcel.journal.lost.store(true, Ordering::Relaxed);
    let error = parcel.send(&*site.transport).await.unwrap_err();
    assert!(error.is(&codes::ledger::LEASE_LOST), "{error}");
    site.assert_holds(&[]);
}

/// The lease is lost while an earlier intent stands: its file must stay, for its absence would mean "published".
pub async fn a_lost_lease_leaves_the_intended_file(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 70_000);
    let hidden = parcel.hidden(1);
    let intent = Intent {
        temporary_path: remote(site, &hidden).await,
        final_path: remote(site, "a.csv.pgp").await,
        account: site.settings.account(),
    };
    site.put(&hidden, &parcel.file.0);
    parcel.delivery.attempts = 1;
    *parcel.journal.intent.lock().unwrap() = Some(intent);
    parcel.journal.lost.store(true, Ordering::Relaxed);
    let error = parcel.send(&*site.transport).await.unwrap_err();
    assert!(error.is(&codes::ledger::LEASE_LOST), "{error}");
    site.assert_holds(&[&hidden]);
}

/// A missing directory fails the delivery, or is made on request, with its parents.
pub async fn makes_directories_on_request(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 10);
    parcel.connector.settings.directory = "in/2026/11/".to_owned();
    let error = parcel.send(&*site.transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::DIRECTORY), "{error}");
    assert!(error.detail().contains("in/2026/11"), "{error}");
    parcel.connector.settings.create_directories = true;
    parcel.send(&*site.transport).await.unwrap();
    assert_eq!(names(&site.inbox.join("in/2026/11")), ["a.csv.pgp"]);
    parcel = site.parcel("b.csv.pgp", 10);
    parcel.connector.settings.directory = "in/2026/11".to_owned();
    parcel.send(&*site.transport).await.unwrap();
    assert_eq!(names(&site.inbox.join("in/2026/11")), ["a.csv.pgp", "b.csv.pgp"]);
}

/// What a failed delivery left is removed, and nothing else.
pub async fn discards_what_was_left(site: &Site) {
    let mut parcel = site.parcel("a.csv.pgp", 10);
    parcel.delivery.attempts = 3;
    for attempt in [1, 3] {
        site.put(&parcel.hidden(attempt), b"part");
    }
    let other = site.parcel("a.csv.pgp", 10);
    site.put(&other.hidden(1), b"of another delivery");
    site.put("a.csv.pgp", b"visible");
    site.transport.discard(&parcel.connector, (&parcel.delivery).into()).await.unwrap();
    let mut expected = vec![other.hidden(1), "a.csv.pgp".to_owned()];
    expected.sort();
    assert_eq!(names(&site.inbox), expected);
    site.transport.discard(&parcel.connector, (&parcel.delivery).into()).await.unwrap();
}

/// The check does every step, and leaves nothing.
pub async fn checks_step_by_step(site: &Site) {
    let parcel = site.parcel("a.csv.pgp", 10);
    let steps = site.transport.check(&parcel.connector).await;
    let failures: Vec<_> = steps.iter().filter_map(|step| step.failure.clone()).collect();
    assert!(failures.is_empty(), "{failures:?}");
    // Servers may announce further host keys; which ones is theirs to decide.
    let done: Vec<_> = steps.iter().map(|step| step.step.as_str()).filter(|step| *step != "announced_key").collect();
    let all = ["resolve", "connect", "key_exchange", "host_key", "login", "directory", "write", "rename", "remove"];
    assert_eq!(done, all);
    assert!(steps[3].detail.contains("SHA256:"), "{}", steps[3].detail);
    site.assert_holds(&[]);
}

/// A future that is dropped after so many polls, and counts them.
struct Cut<'a, F> {
    inner: Pin<Box<F>>,
    allowed: u64,
    polls: &'a mut u64,
}

impl<F: Future> Future for Cut<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if *self.polls == self.allowed {
            return Poll::Ready(None);
        }
        *self.polls += 1;
        self.inner.as_mut().poll(context).map(Some)
    }
}

/// Attempts are cut off at random points, many times; afterwards there is exactly one visible file with the right
/// bytes, no hidden one, and every attempt knew where the one before had stopped.
pub async fn survives_being_dropped_anywhere(site: &Site, seed: u64, deliveries: u32) {
    let mut random = seed | 1;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut cuts = 0;
    // How many polls an attempt takes that nobody cuts off: the engine's matter, so the last one tells.
    let mut whole = 32;
    let mut number = 0;
    while number < deliveries || (cuts == 0 && number < 20 * deliveries) {
        let name = format!("f{number}.csv.pgp");
        let length = usize::try_from(next(3_000_000)).unwrap();
        let mut parcel = Parcel::new(&site.settings, &name, noise(length, u64::from(number) + 7));
        parcel.connector.settings.existing_file =
            [ExistingFile::Fail, ExistingFile::Replace, ExistingFile::KeepBoth][number as usize % 3];
        parcel.connector.settings.checksum_file = next(2) == 0;
        parcel.connector.settings.done_file = next(2) == 0;
        let mut expected = vec![name.clone()];
        if parcel.connector.settings.checksum_file {
            expected.push(format!("{name}.sha256"));
        }
        if parcel.connector.settings.done_file {
            expected.push(format!("{name}.done"));
        }
        expected.sort();
        loop {
            parcel.begin();
            let attempt = parcel.delivery.attempts;
            // The last attempts run to their end.
            let allowed = if attempt > 12 { u64::MAX } else { 1 + next(whole) };
            let mut polls = 0;
            let cut = Cut { inner: Box::pin(site.transport.send(parcel.shipment())), allowed, polls: &mut polls };
            match cut.await {
                None => cuts += 1,
                Some(Ok(receipt)) => {
                    whole = polls.max(8);
                    assert_eq!(receipt.sha256, parcel.delivery.file.sha256);
                    break;
                }
                Some(Err(error)) => panic!("seed {seed}, delivery {number}, attempt {attempt}: {error:?}"),
            }
        }
        let found: Vec<_> = names(&site.inbox).into_iter().filter(|found| found.contains(&name)).collect();
        assert_eq!(found, expected, "seed {seed}, delivery {number}");
        assert!(site.read(&name) == parcel.file.0, "seed {seed}, delivery {number} differs");
        number += 1;
    }
    assert!(cuts > 0, "no attempt was cut off");
}
