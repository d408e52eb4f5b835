//! Secrets that partners hand in: each stays in the vault as long as something needs it, and no longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use sealpost_core::audit::{Actor, AuditEntry};
use sealpost_core::change::{Challenge, Change, Claim, Decision};
use sealpost_core::error::Result;
use sealpost_core::id::{ChangeId, PartnerId};
use sealpost_core::port::{AuditFilter, ChangeFilter, Changes, EntryPage};
use sealpost_ledger::LedgerSet;
use sealpost_pipeline::Policy;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::begun::secrets;
use crate::rig::{Between, Rig, TOKEN, Wish, id, json_of};
use crate::self_service::{PASSWORD, all, destination, holds};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_rejected_destination_leaves_no_secret_behind() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let ask = |name: &str| json_of(rig.post(&rig.acme, "/v1/destinations", &destination(name)));
    let (status, change) = ask("second").await;
    assert_eq!((status, &change["wanted"]["host"]), (StatusCode::ACCEPTED, &json!("sftp.acme.example")), "{change}");
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1, "it waits in the vault");
    let path = format!("/admin/v1/changes/{}:reject", change["id"].as_str().unwrap());
    let (status, rejected) = json_of(rig.operate(Method::POST, &path).json(&json!({"reason": "who is this?"}))).await;
    assert_eq!((status, &rejected["status"]), (StatusCode::OK, &json!("rejected")));
    assert!(!rejected.to_string().contains("vault"), "{rejected}");
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());

    let (_, change) = ask("second").await;
    assert_eq!(
        json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/changes/{}", change["id"].as_str().unwrap()))).await.0,
        StatusCode::OK
    );
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
    // One that waits already: the second password is not kept.
    ask("third").await;
    assert_eq!(ask("third").await.1["code"], "SP-REQUEST-035");
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1);
}

#[tokio::test]
async fn what_waits_for_approval_goes_with_its_partner() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let (status, _) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(holds(rig.folder.path(), PASSWORD).len(), 1, "it waits in the vault");
    let (status, problem) = json_of(rig.operate(Method::DELETE, "/admin/v1/partners/acme")).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
}

/// It is the destination's, and goes with it: nothing logs in with it from then on.
#[tokio::test]
async fn a_change_that_keeps_the_login_keeps_none_by_itself() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let decide = |change: &Json, verb: &str| {
        json_of(rig.operate(Method::POST, &format!("/admin/v1/changes/{}:{verb}", id(change))))
    };
    let (_, made) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    assert_eq!(decide(&made, "approve").await.0, StatusCode::OK);
    // Without a login: it stays as it is.
    let path = format!("/v1/destinations/{}", made["destination"].as_str().unwrap());
    let wish = json!({"host": "sftp.acme.example", "user": "reports", "directory": "elsewhere"});
    let (status, change) = json_of(rig.ask(&rig.acme, Method::PUT, &path).json(&wish)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{change}");

    let (_, shown) = json_of(rig.operate(Method::GET, "/admin/v1/partners/acme")).await;
    let mut connectors = shown["connectors"].clone();
    connectors.as_object_mut().unwrap().remove("second");
    let (status, answer) = rig.change_acme(json!({"connectors": connectors, "deliver_to": ["main"]})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(holds(rig.folder.path(), PASSWORD).is_empty());
    let (status, problem) = decide(&change, "approve").await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("SP-REQUEST-008")), "{problem}");
    assert_eq!(decide(&change, "reject").await.0, StatusCode::OK);
}

/// A place in the ledger where everybody waits until it is opened.
struct Gate {
    at: &'static str,
    /// So many have come.
    there: Semaphore,
    open: Semaphore,
}

impl Gate {
    async fn pass(&self, here: &str) {
        if here == self.at {
            self.there.add_permits(1);
            drop(self.open.acquire().await.unwrap());
        }
    }
}

struct Gated {
    changes: Arc<dyn Changes>,
    gate: Arc<Gate>,
}

const BEFORE_CREATING: &str = "before a change is kept";
const BEFORE_LISTING: &str = "before changes are listed";
const AFTER_DECIDING: &str = "after a change was decided";

#[async_trait]
impl Changes for Gated {
    async fn create_change(&self, change: &Change) -> Result<()> {
        self.gate.pass(BEFORE_CREATING).await;
        self.changes.create_change(change).await
    }

    async fn change(&self, id: &ChangeId) -> Result<Option<Change>> {
        self.changes.change(id).await
    }

    async fn changes(&self, filter: &ChangeFilter) -> Result<EntryPage<Change>> {
        self.gate.pass(BEFORE_LISTING).await;
        self.changes.changes(filter).await
    }

    async fn begin(&self, id: &ChangeId, actor: &Actor, now: Timestamp) -> Result<Claim> {
        self.changes.begin(id, actor, now).await
    }

    async fn unbegin(&self, claim: &Claim) -> Result<bool> {
        self.changes.unbegin(claim).await
    }

    async fn decide(&self, id: &ChangeId, decision: &Decision, now: Timestamp) -> Result<Change> {
        let decided = self.changes.decide(id, decision, now).await;
        self.gate.pass(AFTER_DECIDING).await;
        decided
    }

    async fn note(&self, entry: &AuditEntry) -> Result<()> {
        self.changes.note(entry).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<EntryPage<AuditEntry>> {
        self.changes.audit(filter).await
    }

    async fn open_challenge(&self, challenge: &Challenge) -> Result<()> {
        self.changes.open_challenge(challenge).await
    }

    async fn take_challenge(&self, partner: &PartnerId, fingerprint: &str) -> Result<Option<Challenge>> {
        self.changes.take_challenge(partner, fingerprint).await
    }
}

/// Partners ask, operators approve, and there is a gate at this place.
async fn gated(at: &'static str) -> (Rig, Arc<Gate>) {
    let gate = Arc::new(Gate { at, there: Semaphore::new(0), open: Semaphore::new(0) });
    let own = gate.clone();
    let between: Between = Box::new(move |set: &mut LedgerSet| {
        set.changes = Arc::new(Gated { changes: set.changes.clone(), gate: own });
    });
    let wish = Wish { between: Some(between), ..Wish::default() };
    (Rig::self_serving_with(all(Policy::Approval), wish).await, gate)
}

/// Sends a request, hangs up once it waits at the gate, and opens that once the server has seen it.
async fn hung_up(gate: &Gate, url: &str, key: &str, line: &str, body: &str) {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let fields = format!("Host: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json");
    let request = format!("{line} HTTP/1.1\r\n{fields}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::timeout(PATIENCE, gate.there.acquire()).await.unwrap().unwrap().forget();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // It closes its side too; a reset is as good an end as any.
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap());
    assert_eq!(String::from_utf8_lossy(&answer), "");
    gate.open.add_permits(1);
}

/// Until nothing is left in the vault of a destination called `second`.
async fn forgotten(rig: &Rig) {
    let begun = Instant::now();
    while secrets(rig.folder.path()) > 0 {
        assert!(begun.elapsed() < PATIENCE, "it stays in the vault");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_secret_has_its_change_though_whoever_asked_hung_up() {
    let (rig, gate) = gated(BEFORE_CREATING).await;
    hung_up(&gate, &rig.public, &rig.acme.key, "POST /v1/destinations", &destination("second").to_string()).await;
    assert_eq!(secrets(rig.folder.path()), 1, "it waits in the vault");
    let begun = Instant::now();
    let change = loop {
        let (_, page) = json_of(rig.get(&rig.acme, "/v1/changes")).await;
        if let [change] = page["changes"].as_array().unwrap().as_slice() {
            break change.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "nothing leads to the secret: {page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(change["status"], "pending");
    let (status, gone) = json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/changes/{}", id(&change)))).await;
    assert_eq!(status, StatusCode::OK, "{gone}");
    assert_eq!(secrets(rig.folder.path()), 0);
}

#[tokio::test]
async fn a_secret_goes_with_its_change_though_whoever_withdrew_it_hung_up() {
    let (rig, gate) = gated(AFTER_DECIDING).await;
    let (status, change) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    assert_eq!((status, secrets(rig.folder.path())), (StatusCode::ACCEPTED, 1), "{change}");
    let line = format!("DELETE /v1/changes/{}", id(&change));
    hung_up(&gate, &rig.public, &rig.acme.key, &line, "").await;
    forgotten(&rig).await;
}

/// A flow that has a gate before changes are listed, and a destination called `second`: its id.
async fn gated_with_a_destination() -> (Rig, Arc<Gate>, String) {
    let (rig, gate) = gated(BEFORE_LISTING).await;
    let (_, made) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("second"))).await;
    let path = format!("/admin/v1/changes/{}:approve", id(&made));
    let (status, done) = json_of(rig.operate(Method::POST, &path)).await;
    assert_eq!((status, secrets(rig.folder.path())), (StatusCode::OK, 1), "{done}");
    let destination = made["destination"].as_str().unwrap().to_owned();
    (rig, gate, destination)
}

#[tokio::test]
async fn a_secret_goes_with_its_destination_though_whoever_approved_that_hung_up() {
    let (rig, gate, destination) = gated_with_a_destination().await;
    let path = format!("/v1/destinations/{destination}");
    let (status, change) = json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{change}");
    let line = format!("POST /admin/v1/changes/{}:approve", id(&change));
    hung_up(&gate, &rig.admin, TOKEN, &line, "{}").await;
    forgotten(&rig).await;
}

#[tokio::test]
async fn a_secret_goes_with_its_connector_though_whoever_changed_the_partner_hung_up() {
    let (rig, gate, _) = gated_with_a_destination().await;
    let (_, mut document) = json_of(rig.operate(Method::GET, "/admin/v1/partners/acme")).await;
    document["connectors"].as_object_mut().unwrap().remove("second");
    document["deliver_to"] = json!(["main"]);
    hung_up(&gate, &rig.admin, TOKEN, "PUT /admin/v1/partners/acme", &document.to_string()).await;
    forgotten(&rig).await;
}
