//! A server with the answers that Vault's API documents, for what no Vault that can be installed everywhere has: versions,
//! policies, renewals, namespaces, leases, Kubernetes' and AWS' logins, faults. It remembers what it was told, as far as the
//! tests need it.
//! <https://developer.hashicorp.com/vault/api-docs>

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

pub(super) const ROOT: &str = "hvs.root";

/// A running server; it ends with the runtime.
pub(super) struct Answers {
    pub(super) address: String,
    pub(super) state: Shared,
}

#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    /// Key/value engines by mount, with their version; other engines have version 0.
    mounts: BTreeMap<String, u8>,
    /// Versions of secrets, by path with mount.
    secrets: BTreeMap<String, Vec<Option<Value>>>,
    /// Tokens, with their end.
    tokens: BTreeMap<String, Option<Instant>>,
    /// Seconds that a login's token has; 3600.
    pub(super) token_ttl: u64,
    /// Whether renewals give a token only what it has left.
    pub(super) tokens_end: bool,
    leases: BTreeMap<String, Lease>,
    /// Seconds that a lease has, and how often it may be renewed.
    pub(super) lease: (u64, u32),
    /// What is answered before anything else: statuses.
    pub(super) faults: VecDeque<u16>,
    pub(super) sealed: bool,
    /// Whether it refuses to say what is mounted where.
    pub(super) hides_mounts: bool,
    /// The namespace that everything is in.
    pub(super) namespace: Option<String>,
    /// Requests, as `GET path`.
    pub(super) asked: Vec<String>,
    /// Bodies of logins.
    pub(super) logins: Vec<Value>,
    number: u64,
}

struct Lease {
    user: String,
    /// The token that it was taken with, and ends with.
    token: String,
    /// What is left of its renewals.
    renewals: u32,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How often something was asked.
    pub(super) fn count(&self, what: &str) -> usize {
        self.state().asked.iter().filter(|asked| asked.starts_with(what)).count()
    }
}

impl Answers {
    pub(super) async fn start() -> Self {
        let state = Shared::default();
        {
            let mut state = state.state();
            state.tokens.insert(ROOT.to_owned(), None);
            state.token_ttl = 3600;
            state.lease = (3600, 1000);
        }
        let shared = state.clone();
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let shared = shared.clone();
            async move { shared.state().answer(&method, &uri, &headers, &body) }
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { address, state }
    }
}

fn refuse(status: u16, words: &[&str]) -> Response {
    (StatusCode::from_u16(status).unwrap(), json!({ "errors": words }).to_string()).into_response()
}

/// The frame that every answer has.
fn answer(data: Value) -> Response {
    leased("", 0, false, data)
}

fn leased(id: &str, duration: u64, renewable: bool, data: Value) -> Response {
    let body = json!({
        "request_id": "9a0b", "lease_id": id, "renewable": renewable, "lease_duration": duration, "data": data,
        "wrap_info": null, "warnings": null, "auth": null,
    });
    body.to_string().into_response()
}

impl State {
    /// Ends every token but the root's.
    pub(super) fn revoke_all(&mut self) {
        self.tokens.retain(|token, _| token == ROOT);
    }

    fn is_good(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|end| end.is_none_or(|end| end > Instant::now()))
    }

    /// Whether the lease that gave this user has not ended with its token.
    pub(super) fn is_alive(&self, user: &str) -> bool {
        self.leases.values().any(|lease| lease.user == user && self.is_good(&lease.token))
    }

    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        let path = uri.path().trim_start_matches("/v1/").to_owned();
        self.asked.push(format!("{method} {path}"));
        if headers.get("x-vault-request").is_none_or(|value| value != "true") {
            return refuse(400, &["missing required header X-Vault-Request"]);
        }
        if let Some(status) = self.faults.pop_front() {
            return refuse(status, &["passing"]);
        }
        if self.sealed {
            return refuse(503, &["Vault is sealed"]);
        }
        let namespace = headers.get("x-vault-namespace").map(|value| value.to_str().unwrap().to_owned());
        if namespace != self.namespace {
            return refuse(404, &[]);
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        if let ["auth", method, "login"] = parts[..] {
            return self.login(method, body);
        }
        let token = headers.get("x-vault-token").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        if !self.is_good(&token) {
            return refuse(403, &["permission denied"]);
        }
        match (method.as_str(), &parts[..]) {
            ("GET", ["auth", "token", "lookup-self"]) => {
                let left = self.tokens[&token].map_or(0, |end| (end - Instant::now()).as_secs());
                answer(json!({"ttl": left, "renewable": left > 0, "policies": ["sealpost"]}))
            }
            ("POST", ["auth", "token", "renew-self"]) => {
                let rest = self.tokens[&token].filter(|_| self.tokens_end).map(|end| end - Instant::now());
                self.granted(token, rest.map_or(self.token_ttl, |rest| rest.as_secs()))
            }
            ("POST", ["sys", "mounts", mount]) => {
                let version = body["options"]["version"].as_str().map_or(1, |version| version.parse().unwrap());
                let version = if body["type"] == "kv" { version } else { 0 };
                self.mounts.insert((*mount).to_owned(), version);
                StatusCode::NO_CONTENT.into_response()
            }
            (
                "POST",
                ["sys", "auth", ..] | ["auth", ..] | ["sys", "policies", ..] | ["database", "config" | "roles", _],
            ) => StatusCode::NO_CONTENT.into_response(),
            ("GET", ["auth", "approle", "role", _, "role-id"]) => answer(json!({"role_id": "the-role"})),
            ("GET", ["sys", "internal", "ui", "mounts", mount, ..]) => {
                match self.mounts.get(*mount).filter(|_| !self.hides_mounts) {
                    Some(0) => answer(json!({"path": format!("{mount}/"), "type": mount, "options": null})),
                    Some(version) => answer(
                        json!({"path": format!("{mount}/"), "type": "kv", "options": {"version": version.to_string()}}),
                    ),
                    None => refuse(
                        403,
                        &[
                            "preflight capability check returned 403, please ensure client's policies grant access to path",
                        ],
                    ),
                }
            }
            ("GET", ["database", "creds", role]) => self.lease(role, token),
            ("PUT", ["sys", "leases", "renew"]) => self.renew(&body),
            (_, [mount, ..]) if self.mounts.contains_key(*mount) => {
                self.kv(method, &path, self.mounts[*mount], uri, body)
            }
            _ => refuse(404, &[]),
        }
    }

    fn login(&mut self, method: &str, body: Value) -> Response {
        let is_good = match method {
            "approle" => body["role_id"] == "the-role" && body["secret_id"] == "the-secret",
            "kubernetes" => body["role"] == "sealpost" && body["jwt"] == "the.service.account",
            _ => body["iam_request_headers"].is_string(),
        };
        self.logins.push(body);
        if !is_good {
            return refuse(400, &["invalid role or secret ID"]);
        }
        self.number += 1;
        self.granted(format!("hvs.login-{}", self.number), self.token_ttl)
    }

    fn granted(&mut self, token: String, ttl: u64) -> Response {
        self.tokens.insert(token.clone(), Some(Instant::now() + Duration::from_secs(ttl)));
        let auth = json!({
            "client_token": token, "accessor": "a", "policies": ["sealpost"], "lease_duration": ttl,
            "renewable": true, "token_type": "service",
        });
        json!({"request_id": "9a0b", "lease_id": "", "data": null, "auth": auth}).to_string().into_response()
    }

    fn lease(&mut self, role: &str, token: String) -> Response {
        self.number += 1;
        let number = self.number;
        let id = format!("database/creds/{role}/{number}");
        let user = format!("v-{role}-{number}");
        self.leases.insert(id.clone(), Lease { user: user.clone(), token, renewals: self.lease.1 });
        let data = json!({"username": user, "password": format!("canary-{number}")});
        leased(&id, self.lease.0, true, data)
    }

    fn renew(&mut self, body: &Value) -> Response {
        let id = body["lease_id"].as_str().unwrap().to_owned();
        let is_alive = self.leases.get(&id).is_some_and(|lease| self.is_good(&lease.token));
        match self.leases.get_mut(&id).filter(|_| is_alive) {
            Some(lease) if lease.renewals > 0 => {
                lease.renewals -= 1;
                json!({"lease_id": id, "renewable": true, "lease_duration": self.lease.0}).to_string().into_response()
            }
            _ => refuse(400, &["lease not found"]),
        }
    }

    fn kv(&mut self, method: &Method, path: &str, version: u8, uri: &Uri, body: Value) -> Response {
        if version == 1 {
            if *method == Method::POST {
                self.secrets.insert(path.to_owned(), vec![Some(body)]);
                return StatusCode::NO_CONTENT.into_response();
            }
            if *method == Method::DELETE {
                self.secrets.remove(path);
                return StatusCode::NO_CONTENT.into_response();
            }
            return match self.secrets.get(path).and_then(|all| all[0].clone()) {
                Some(data) => leased("", 2_764_800, false, data),
                None => refuse(404, &[]),
            };
        }
        let (mount, rest) = path.split_once('/').unwrap();
        if let Some(own) = rest.strip_prefix("metadata/") {
            return self.metadata(method, &format!("{mount}/{own}"));
        }
        let Some(own) = rest.strip_prefix("data/") else { return refuse(404, &[]) };
        let versions = self.secrets.entry(format!("{mount}/{own}")).or_default();
        match method.as_str() {
            "POST" if !body["data"].is_object() => refuse(400, &["no data provided"]),
            "POST" => {
                versions.push(Some(body["data"].clone()));
                answer(json!({"version": versions.len(), "destroyed": false, "deletion_time": ""}))
            }
            "DELETE" => {
                if let Some(last) = versions.last_mut() {
                    *last = None;
                }
                StatusCode::NO_CONTENT.into_response()
            }
            _ => {
                let wanted = uri.query().and_then(|query| query.strip_prefix("version=")?.parse().ok());
                let number: usize = wanted.unwrap_or(versions.len());
                let Some(found) = number.checked_sub(1).and_then(|index| versions.get(index)) else {
                    return refuse(404, &[]);
                };
                let metadata = json!({"created_time": "2026-01-31T00:00:00Z", "deletion_time": "", "destroyed": false, "version": number});
                let mut data = Map::new();
                data.insert("data".to_owned(), found.clone().unwrap_or_default());
                data.insert("metadata".to_owned(), metadata);
                let mut response = answer(data.into());
                if found.is_none() {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
                response
            }
        }
    }

    /// What an engine of version 2 knows of a secret: nothing where no version is left.
    fn metadata(&mut self, method: &Method, secret: &str) -> Response {
        if *method == Method::DELETE {
            self.secrets.remove(secret);
            return StatusCode::NO_CONTENT.into_response();
        }
        match self.secrets.get(secret).map_or(0, Vec::len) {
            0 => refuse(404, &[]),
            number => answer(json!({"current_version": number, "max_versions": 0})),
        }
    }
}
