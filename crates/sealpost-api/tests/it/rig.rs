//! Both planes on loopback, over a SQLite ledger, a local store and a SQLite database with two partners' rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use sealpost_api::{Limits, State};
use sealpost_core::connector::{Connector, ConnectorSettings};
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Failure, Result, Retry, codes};
use sealpost_core::partner::SigningKeyRef;
use sealpost_core::port::transport::{
    CheckStep, EntrySink, Listed, RemoteEntry, Retrieval, Retrieved, SealedReader, Shipment, Traces, Transport,
};
use sealpost_core::port::{SecretStore, Source};
use sealpost_core::receipt::{Certainty, Receipt};
use sealpost_core::secret::Secret;
use sealpost_core::usage::RateLimit;
use sealpost_deliver::{WebhookSettings, Webhooks};
use sealpost_ledger::{LedgerSet, SqliteLedger};
use sealpost_pipeline::{Catalogue, Parts, Pipeline, SelfService, Settings};
use sealpost_seal::{KeyKind, KeyRequest, OpenPgp};
use sealpost_source::{SqliteSettings, SqliteSource};
use sealpost_store::{LocalSettings, SealedStore, StoreSettings};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "an-admin-token-of-the-tests";

/// Rows of acme; globex has three.
pub(crate) const ROWS: u32 = 2_500;

/// A partner of the tests.
pub(crate) struct Partner {
    pub(crate) key: String,
    pub(crate) secret: Secret,
}

pub(crate) struct Rig {
    pub(crate) public: String,
    pub(crate) admin: String,
    pub(crate) acme: Partner,
    pub(crate) globex: Partner,
    pub(crate) pipeline: Pipeline,
    pub(crate) client: Client,
    pub(crate) shutdown: CancellationToken,
    pub(crate) folder: TempDir,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Rig {
    /// Serves, and works on what is asked for.
    pub(crate) async fn working() -> Self {
        let rig = Self::idle().await;
        rig.work();
        rig
    }

    /// Begins to work on what is queued.
    pub(crate) fn work(&self) {
        let (pipeline, shutdown) = (self.pipeline.clone(), self.shutdown.clone());
        tokio::spawn(async move { pipeline.work(shutdown).await });
    }

    /// Serves, and leaves everything queued.
    pub(crate) async fn idle() -> Self {
        Self::with(Some(TOKEN), Limits::default()).await
    }

    pub(crate) async fn with(token: Option<&str>, limits: Limits) -> Self {
        // Tests fail to authenticate on purpose, all from one address.
        let failed_attempts = RateLimit { per_second: 1000.0, burst: 100_000 };
        Self::with_failed_attempts(failed_attempts, token, limits).await
    }

    pub(crate) async fn with_failed_attempts(attempts: RateLimit, token: Option<&str>, limits: Limits) -> Self {
        Self::start(attempts, token, limits, SelfService::default(), Wish::default()).await
    }

    /// Serves and works with other parts than the usual ones.
    pub(crate) async fn wishing(wish: Wish) -> Self {
        let rig = Self::idle_with(wish).await;
        rig.work();
        rig
    }

    /// Serves with other parts than the usual ones, and leaves everything queued.
    pub(crate) async fn idle_with(wish: Wish) -> Self {
        let failed_attempts = RateLimit { per_second: 1000.0, burst: 100_000 };
        Self::start(failed_attempts, Some(TOKEN), Limits::default(), SelfService::default(), wish).await
    }

    /// Serves, and lets partners change this about themselves.
    pub(crate) async fn self_serving(self_service: SelfService) -> Self {
        Self::self_serving_with(self_service, Wish::default()).await
    }

    /// The same with other parts than the usual ones.
    pub(crate) async fn self_serving_with(self_service: SelfService, wish: Wish) -> Self {
        let failed_attempts = RateLimit { per_second: 1000.0, burst: 100_000 };
        Self::start(failed_attempts, Some(TOKEN), Limits::default(), self_service, wish).await
    }

    async fn start(
        attempts: RateLimit,
        token: Option<&str>,
        limits: Limits,
        self_service: SelfService,
        wish: Wish,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let is_linking = wish.store.is_some();
        let pipeline = pipeline_with(folder.path(), self_service, wish).await;
        let shutdown = CancellationToken::new();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let token = token.map(|token| Secret::new(token.as_bytes().to_vec()));
        let state = State::new(pipeline.clone(), metrics, token, |report| {
            sealpost_format::xsd(&report.columns, &serde_json::Map::new())
        });
        let mut state = state.with_failed_attempts(attempts);
        if is_linking {
            state = state.with_links(Duration::from_secs(60));
        }
        let mut urls = Vec::new();
        for router in [sealpost_api::public::router(state.clone()), sealpost_api::admin::router(state)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            urls.push(format!("http://{}", listener.local_addr().unwrap()));
            tokio::spawn(sealpost_api::serve_with(listener, router, shutdown.clone(), limits.clone()));
        }
        let acme = partner(&pipeline, "acme", "1", json!([{"report": "contracts.v1"}])).await;
        let grants = json!([{"report": "contracts.v1", "formats": ["ndjson", "xml"]}, {"report": "employees.v1"}]);
        let globex = partner(&pipeline, "globex", "2", grants).await;
        let admin = urls.pop().unwrap();
        Self { public: urls.pop().unwrap(), admin, acme, globex, pipeline, client: Client::new(), shutdown, folder }
    }

    /// Another process on the same ledger: its flow, and where its partner plane is.
    pub(crate) async fn another(&self) -> (Pipeline, String) {
        let pipeline = pipeline(self.folder.path(), SelfService::default()).await;
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let router = sealpost_api::public::router(State::new(pipeline.clone(), metrics, None, |_| Ok(String::new())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(sealpost_api::serve(listener, router, self.shutdown.clone()));
        (pipeline, url)
    }

    /// The flow of another process on the same ledger, with other parts.
    pub(crate) async fn flow_with(&self, wish: Wish) -> Pipeline {
        pipeline_with(self.folder.path(), SelfService::default(), wish).await
    }

    /// Changes members of acme's document.
    pub(crate) async fn change_acme(&self, change: Json) -> (StatusCode, Json) {
        let (_, mut document) = json_of(self.operate(Method::GET, "/admin/v1/partners/acme")).await;
        for (member, value) in change.as_object().unwrap() {
            document[member] = value.clone();
        }
        json_of(self.operate(Method::PUT, "/admin/v1/partners/acme").json(&document)).await
    }

    /// A request of a partner.
    pub(crate) fn ask(&self, partner: &Partner, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.public)).bearer_auth(&partner.key)
    }

    pub(crate) fn get(&self, partner: &Partner, path: &str) -> RequestBuilder {
        self.ask(partner, Method::GET, path)
    }

    pub(crate) fn post(&self, partner: &Partner, path: &str, body: &Json) -> RequestBuilder {
        self.ask(partner, Method::POST, path).json(body)
    }

    /// A request of an operator.
    pub(crate) fn operate(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.admin)).bearer_auth(TOKEN)
    }

    /// Asks for contracts and gives the new report.
    pub(crate) async fn contracts(&self, partner: &Partner) -> Json {
        let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
        let answer = self.post(partner, "/v1/reports", &body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        answer.json().await.unwrap()
    }

    /// Waits until nothing more happens to a report.
    pub(crate) async fn done(&self, partner: &Partner, id: &str) -> Json {
        let begun = Instant::now();
        loop {
            let report: Json = json_of(self.get(partner, &format!("/v1/reports/{id}"))).await.1;
            if report["progress"]["stage"] == "done" {
                return report;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{report:#}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

/// Sends, and reads status and JSON.
pub(crate) async fn json_of(request: RequestBuilder) -> (StatusCode, Json) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Json::String(text)))
}

/// A header as text; empty where there is none.
pub(crate) fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// The member `id`.
pub(crate) fn id(report: &Json) -> &str {
    report["id"].as_str().unwrap()
}

async fn partner(pipeline: &Pipeline, name: &str, scope: &str, grants: Json) -> Partner {
    let user_id = format!("{name} <reports@{name}.example>");
    let request = KeyRequest {
        user_id: &user_id,
        kind: KeyKind::Ed25519,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: None,
    };
    let key = sealpost_seal::generate(&request).unwrap();
    let document = json!({
        "name": name, "scope": scope, "grants": grants, "certificates": [key.public],
        // Tests ask much at once.
        "limits": {"rate": {"per_second": 1000.0, "burst": 10_000}},
        "connectors": {"main": {
            "host": format!("sftp.{name}.example"), "user": name, "login": [{"method": "password", "password": "env:NONE"}],
            "host_keys": ["SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A"],
        }},
    });
    let id = name.parse().unwrap();
    pipeline.apply(&id, &serde_json::from_value(document).unwrap()).await.unwrap();
    let (_, text) = pipeline.issue_key(&id, "tests", None).await.unwrap();
    Partner { key: text.expose_text().unwrap().to_owned(), secret: key.secret }
}

async fn pipeline(folder: &Path, self_service: SelfService) -> Pipeline {
    pipeline_with(folder, self_service, Wish::default()).await
}

/// Parts other than the usual ones.
#[derive(Default)]
pub(crate) struct Wish {
    /// One that has links: downloads are answered with them.
    pub(crate) store: Option<StoreSettings>,
    /// Our signing key, and where secrets are.
    pub(crate) signing: Option<(SigningKeyRef, Arc<dyn SecretStore>)>,
    /// The database lies in `away.db`, where nobody looks for it.
    pub(crate) is_database_away: bool,
    /// There is nothing to sign notifications with: webhooks are not offered.
    pub(crate) is_without_webhooks: bool,
    /// What stands between the flow and its ledger.
    pub(crate) between: Option<Between>,
}

/// Puts something between the flow and its ledger.
pub(crate) type Between = Box<dyn FnOnce(&mut LedgerSet) + Send>;

async fn pipeline_with(folder: &Path, self_service: SelfService, wish: Wish) -> Pipeline {
    std::fs::write(folder.join("webhook-secret"), [7; 32]).unwrap();
    let webhooks = WebhookSettings {
        allow_private: true,
        allow_http: true,
        timeout: Duration::from_secs(20),
        ..WebhookSettings::default()
    };
    let database = folder.join("source.db");
    let catalogue = folder.join("catalogue");
    // A second process finds both.
    if !database.exists() {
        fill(&database).await;
        write_catalogue(&catalogue);
    }
    if wish.is_database_away {
        std::fs::rename(&database, folder.join("away.db")).unwrap();
    }
    let source: Arc<dyn Source> = Arc::new(SqliteSource::new(SqliteSettings { path: database }));
    let sources = BTreeMap::from([("main".to_owned(), source)]);
    let catalogue = Catalogue::load(&catalogue, &sources, sealpost_format::FORMATS).await.unwrap();
    let secrets: Arc<dyn SecretStore> = Arc::new(sealpost_secrets::SecretStores::new(folder));
    let (signing_key, signing_secrets) = wish.signing.unzip();
    let secrets = signing_secrets.unwrap_or(secrets);
    let store = wish.store.unwrap_or_else(|| StoreSettings::Local(LocalSettings::new(folder.join("store"))));
    let mut ledger = LedgerSet::from(SqliteLedger::open(folder.join("ledger.db")).await.unwrap());
    if let Some(between) = wish.between {
        between(&mut ledger);
    }
    Pipeline::new(Parts {
        catalogue: Arc::new(catalogue),
        sources,
        formats: sealpost_format::FORMATS,
        compressions: sealpost_format::COMPRESSIONS,
        sealer: Arc::new(OpenPgp),
        signing_key,
        store: SealedStore::open(&store, &secrets).await.unwrap(),
        transport: Arc::new(StandIn),
        ledger: ledger.ledger,
        records: ledger.records,
        queue: ledger.queue,
        usage: ledger.usage,
        outbox: ledger.outbox,
        changes: ledger.changes,
        transfers: ledger.transfers,
        transfer_events: Vec::new(),
        notifier: Arc::new(Webhooks::new(webhooks)),
        secrets,
        vault: Some(
            sealpost_secrets::vault(&"file:vault".parse().unwrap(), &sealpost_secrets::Surroundings::new(folder))
                .unwrap(),
        ),
        webhook_secret: (!wish.is_without_webhooks).then(|| "file:webhook-secret".parse().unwrap()),
        settings: Settings {
            worker: "tests".to_owned(),
            notify_pauses: vec![Duration::from_millis(50); 3],
            // As `front::Tokens` is called.
            issuers: vec!["test".to_owned()],
            self_service,
            ..Settings::default()
        },
    })
}

async fn fill(database: &Path) {
    use sqlx::ConnectOptions;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let script = format!(
        "CREATE TABLE contract (id INTEGER NOT NULL, partner INTEGER NOT NULL, employee TEXT, begun DATE NOT NULL);
         CREATE TABLE employee (id INTEGER NOT NULL, partner INTEGER NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO contract SELECT i, 1, 'ACME-CANARY-' || i, '2026-01-15' FROM n;
         INSERT INTO contract VALUES (9001, 2, 'GLOBEX-CANARY-1', '2026-01-15'), (9002, 2, 'GLOBEX-CANARY-2', '2026-02-15'), (9003, 2, NULL, '2026-03-15');
         INSERT INTO employee VALUES (1, 2);"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

fn write_catalogue(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write(
        "contracts.v1.toml",
        r#"
        title = "Contracts"
        description = "One row per contract."
        [scope]
        type = "integer"
        [parameters.from]
        type = "date"
        default = "2000-01-01"
        not_after = "to"
        description = "First day."
        [parameters.to]
        type = "date"
        default = "2100-01-01"
        "#,
    );
    write(
        "contracts.v1.sql",
        "SELECT id, employee, begun FROM contract WHERE partner = :partner_scope AND begun >= :from AND begun < :to ORDER BY id\n",
    );
    write(
        "employees.v1.toml",
        "title = \"Employees\"\ndefault_format = \"json\"\nformats = [\"json\"]\n[scope]\ntype = \"integer\"\n",
    );
    write("employees.v1.sql", "SELECT id FROM employee WHERE partner = :partner_scope\n");
    // Granted to nobody at first: columns that not every format can have.
    write("unfit.v1.toml", "title = \"Unfit\"\n[scope]\ntype = \"integer\"\n");
    write(
        "unfit.v1.sql",
        "SELECT id AS \"日\", employee AS \"a,b\", begun AS \"a_b\" FROM contract WHERE partner = :partner_scope ORDER BY id\n",
    );
    // The same: a query that ends in some years.
    write("unending.v1.toml", "title = \"Unending\"\n[scope]\ntype = \"integer\"\n");
    write(
        "unending.v1.sql",
        "SELECT a.id FROM contract a, contract b, contract c, contract d WHERE a.partner = :partner_scope AND a.id + b.id + c.id + d.id < 0\n",
    );
}

/// Delivers to nowhere, except that globex's server is never there, and the first attempt for a directory called `slowly` is
/// not at its end when it ends. A directory called `unfit` it can do with a connector of the transfer service only, and for one
/// called `secretless` the secret is gone.
struct StandIn;

/// The digest of what there is to send, read to its end: what the ledger says of it proves nothing.
async fn digest(file: &dyn SealedReader) -> Result<String> {
    let (mut digest, mut at) = (Sha256::new(), 0);
    while at < file.size() {
        let length = usize::try_from(file.size() - at).unwrap_or(usize::MAX).min(64 * 1024);
        let part = file.read(at, length).await?;
        assert_eq!(part.len(), length);
        digest.update(&part);
        at += length as u64;
    }
    Ok(hex::encode(digest.finalize()))
}

#[async_trait]
impl Transport for StandIn {
    async fn send(&self, shipment: Shipment<'_>) -> Result<Receipt> {
        let host = &shipment.connector.settings.host;
        if host.contains("globex") {
            return Err(Error::new(&codes::deliver::AUTHENTICATION, format!("user globex at {host}")));
        }
        if shipment.connector.settings.directory == "secretless" {
            return Err(Error::new(&codes::secrets::MISSING, "gone on purpose"));
        }
        if shipment.connector.settings.directory == "slowly" && shipment.traces.intent.is_none() {
            let intent =
                Intent { temporary_path: "begun".to_owned(), final_path: String::new(), account: String::new() };
            shipment.journal.intend(intent).await?;
            return Err(Error::new(&codes::deliver::NOT_YET, "begun").retried(Retry::After(Duration::from_secs(3600))));
        }
        Ok(Receipt {
            certainty: Certainty::Verified,
            url: format!("sftp://{host}:22"),
            remote_path: format!("incoming/{}", shipment.traces.file_name),
            size: shipment.file.size(),
            sha256: digest(shipment.file).await?,
            host_key: "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A".to_owned(),
            algorithms: "none".to_owned(),
            bytes_sent: shipment.file.size(),
            started_at: Timestamp::now(),
            delivered_at: Timestamp::now(),
        })
    }

    async fn discard(&self, _connector: &Connector, _traces: Traces<'_>) -> Result<()> {
        Ok(())
    }

    fn accepts(&self, settings: &ConnectorSettings) -> Result<()> {
        if settings.directory == "unfit" && settings.aws_connector.is_none() {
            return Err(Error::new(&codes::deliver::CONFIG, "`directory` is unfit on purpose"));
        }
        Ok(())
    }

    async fn retrieve(&self, _retrieval: Retrieval<'_>) -> Result<Retrieved> {
        unreachable!("nothing is retrieved here")
    }

    async fn list(&self, _: &Connector, _: &str, _: u64, _: &mut dyn EntrySink) -> Result<Listed> {
        unreachable!("nothing is listed here")
    }

    async fn look(&self, _: &Connector, _: &str) -> Result<Option<RemoteEntry>> {
        unreachable!("nothing is looked at here")
    }

    async fn rename(&self, _: &Connector, _: &str, _: &str, _: bool) -> Result<()> {
        unreachable!("nothing is renamed here")
    }

    async fn remove(&self, _: &Connector, _: &str, _: bool) -> Result<()> {
        unreachable!("nothing is removed here")
    }

    async fn probe(&self, connector: &Connector) -> Vec<CheckStep> {
        self.check(connector).await
    }

    async fn check(&self, connector: &Connector) -> Vec<CheckStep> {
        let step = |name: &str, failure: Option<&Error>| CheckStep {
            step: name.to_owned(),
            detail: connector.settings.host.clone(),
            elapsed_ms: 1,
            failure: failure.map(Failure::from),
            host_key: None,
        };
        let refused = Error::new(&codes::deliver::AUTHENTICATION, "user globex");
        let login = connector.settings.host.contains("globex").then_some(&refused);
        vec![step("connect", None), step("login", login)]
    }

    fn login_key(&self, comment: &str) -> Result<(Secret, String)> {
        Ok((Secret::new(b"PRIVATE-CANARY".to_vec()), format!("ssh-ed25519 AAAA {comment}")))
    }
}
