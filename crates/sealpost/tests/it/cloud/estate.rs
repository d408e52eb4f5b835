//! The estate: what Terraform would have made, on one machine.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sealpost_testkit::aws_proxy::AwsProxy;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::gpg::{Gpg, KeySpec};
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::moto::{CognitoPool, Moto, REGION};
use sealpost_testkit::server::free_port;
use sealpost_testkit::sshd::{Sshd, user};
use serde_json::{Value as Json, json};

use super::function::Function;

/// Generous, for slow machines.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
const BUCKET: &str = "reports";
const FUNCTIONS: [&str; 4] = ["api", "worker", "events", "authorizer"];
/// A report's rows: enough for a multipart upload after CSV and OpenPGP.
pub(crate) const ROWS_OF_ACME: usize = 20_000;

pub(crate) struct Estate {
    folder: tempfile::TempDir,
    pub(super) moto: Moto,
    proxy: AwsProxy,
    transfer_proxy: AwsProxy,
    database: MariaDb,
    sshd: Sshd,
    /// Before acme's server.
    way: ChaosProxy,
    gpg: Gpg,
    pool: CognitoPool,
    pub(super) queue: String,
    pub(super) bus_queue: String,
    transfer_key: (String, String),
    transfer: Option<Child>,
    pub(super) twice: bool,
    pub(super) hurried: Cell<u64>,
}

impl Estate {
    pub(crate) fn build() -> Self {
        let moto = Moto::start();
        let proxy = AwsProxy::before(moto.address());
        let database = MariaDb::start();
        let (sshd, gpg) = (Sshd::start(), Gpg::new());
        let way = ChaosProxy::start(([127, 0, 0, 1], sshd.port()).into());
        let pool = moto.create_user_pool("partners");
        let transfer_port = free_port();
        let transfer_proxy = AwsProxy::before(([127, 0, 0, 1], transfer_port).into());
        let folder = tempfile::tempdir().expect("make the estate's folder");
        let mut estate = Self {
            folder,
            moto,
            proxy,
            transfer_proxy,
            database,
            sshd,
            way,
            gpg,
            pool,
            queue: String::new(),
            bus_queue: String::new(),
            transfer_key: (String::new(), String::new()),
            transfer: None,
            twice: false,
            hurried: Cell::new(0),
        };
        estate.make_services();
        estate.fill_database();
        estate.start_transfer_family(transfer_port);
        estate.write_package();
        estate.apply_partners();
        // The operator's own calls to the engine were made with the functions' key.
        estate.transfer_proxy.forget_calls();
        estate
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
        std::fs::write(path, text).expect("write a file of the estate");
    }

    /// Bucket, table, queues, secrets, and the rule that brings events of transfers.
    fn make_services(&mut self) {
        let moto = &self.moto;
        moto.create_bucket(BUCKET);
        drop(moto.call(
            "dynamodb",
            "DynamoDB_20120810.CreateTable",
            &json!({
                "TableName": "sealpost",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
                ],
                "BillingMode": "PAY_PER_REQUEST",
            }),
        ));
        let queue = |name: &str, attributes: Json| {
            let made = moto.call("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
            made["QueueUrl"].as_str().expect("a URL").to_owned()
        };
        queue("dead", json!({}));
        let redrive = json!({"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 50}).to_string();
        self.queue = queue("work", json!({"VisibilityTimeout": "2", "RedrivePolicy": redrive}));
        self.bus_queue = queue("bus", json!({}));
        for (name, value) in [
            ("sealpost/database", json!({"username": "reports", "password": "first-password"})),
            ("sealpost/acme", self.login()),
        ] {
            let secret = json!({"Name": name, "SecretString": value.to_string()});
            drop(moto.call("secretsmanager", "secretsmanager.CreateSecret", &secret));
        }
        let rule = json!({"Name": "transfers", "EventPattern": json!({"source": ["sealpost.transfer"]}).to_string()});
        drop(moto.call("events", "AWSEvents.PutRule", &rule));
        let target = json!({"Rule": "transfers", "Targets": [{"Id": "bus", "Arn": arn("sqs", "bus")}]});
        drop(moto.call("events", "AWSEvents.PutTargets", &target));
    }

    /// What a connector of Transfer Family logs in with.
    fn login(&self) -> Json {
        let key = self.sshd.client_key("ecdsa", "256", "PEM", "");
        json!({"Username": user(), "PrivateKey": std::fs::read_to_string(key).expect("read the key")})
    }

    fn fill_database(&self) {
        self.database.run(
            "",
            &format!(
                "CREATE DATABASE company; USE company;
                 CREATE TABLE company.contracts (id INT PRIMARY KEY, partner VARCHAR(40) NOT NULL, employee VARCHAR(80) NOT NULL, rate DECIMAL(8,2) NOT NULL);
                 INSERT INTO company.contracts SELECT seq, IF(seq % 2, 'acme', 'bravo'), CONCAT(IF(seq % 2, 'acme', 'bravo'), '-employee-', seq), seq / 100 FROM seq_1_to_{};
                 CREATE USER 'reports'@'%' IDENTIFIED BY 'first-password';
                 GRANT SELECT ON company.* TO 'reports'@'%';",
                2 * ROWS_OF_ACME
            ),
        );
    }

    /// The database's password is changed there and in the secret, as a rotation does it, while the functions run.
    pub(crate) fn rotate_database_password(&self) {
        self.database.run("", "ALTER USER 'reports'@'%' IDENTIFIED BY 'second-password';");
        // A pool's connections would go on as long as they live. One may end by itself in between.
        let connections =
            self.database.rows("", "SELECT id FROM information_schema.processlist WHERE user = 'reports'");
        for id in connections.lines() {
            drop(self.database.try_run("", &format!("KILL {id}")));
        }
        let secret = json!({"username": "reports", "password": "second-password"}).to_string();
        let change = json!({"SecretId": "sealpost/database", "SecretString": secret});
        drop(self.moto.call("secretsmanager", "secretsmanager.PutSecretValue", &change));
    }

    /// Our own transfer API, over the same bucket, in place of Transfer Family.
    fn start_transfer_family(&mut self, port: u16) {
        self.write("family/secrets/master", "a-master-secret-of-more-than-32-bytes-for-tests");
        self.write("family/catalogue/none.v1.toml", "title = \"None\"\n");
        self.write("family/catalogue/none.v1.sql", "SELECT id FROM t WHERE id = :partner_scope");
        let endpoint = self.moto.endpoint();
        self.write(
            "family/sealpost.toml",
            &format!(
                r#"[api]
listen = "127.0.0.1:{}"
[admin]
listen = "127.0.0.1:{}"
[sources.main]
kind = "sqlite"
path = "none.sqlite"
[store]
kind = "s3"
bucket = "{BUCKET}"
region = "{REGION}"
endpoint = "{endpoint}"
allow_http = true
[transfer]
listen = "127.0.0.1:{port}"
region = "{REGION}"
account = "123456789012"
master_secret = "file:secrets/master"
user_secrets = ["aws-sm:sealpost/"]
requests_per_second = 1000
[[transfer.events]]
kind = "eventbridge"
[transfer.events.aws]
region = "{REGION}"
endpoint = "{endpoint}"
"#,
                free_port(),
                free_port()
            ),
        );
        let status = Command::new("python3")
            .args(["-c", "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE t (id INTEGER)')"])
            .arg(self.path("family/none.sqlite"))
            .status();
        assert!(status.expect("run python3").success());
        let key = self.sealpost("family", "family", &["--json", "access-key", "issue", "--role", "admin"]);
        let text = |name: &str| key[name].as_str().expect("text").to_owned();
        self.transfer_key = (text("access_key_id"), text("secret_access_key"));
        let log = std::fs::File::create(self.path("family/serve.log")).expect("open the log");
        let child = self.command("family", "family", &["serve"]).stdout(Stdio::null()).stderr(log).spawn();
        self.transfer = Some(child.expect("start the transfer API"));
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the transfer API does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the package has beside `bootstrap`, and the partners.
    fn write_package(&self) {
        let endpoint = self.proxy.endpoint();
        let (key_id, secret) = &self.transfer_key;
        self.write("package/secrets/transfer", secret);
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.path("package/secrets/transfer"), own).expect("keep it for its owner");
        self.write(
            "package/sealpost.toml",
            &format!(
                r#"[api]
downloads = "redirect"
[ledger]
kind = "dynamodb"
table = "sealpost"
region = "{REGION}"
endpoint = "{endpoint}"
[queue]
kind = "sqs"
url = "{queue}"
region = "{REGION}"
endpoint = "{endpoint}"
[store]
kind = "s3"
bucket = "{BUCKET}"
region = "{REGION}"
endpoint = "{endpoint}"
allow_http = true
[sources.main]
kind = "mysql"
host = "127.0.0.1"
port = {database}
database = "company"
user = "reports"
password = "aws-sm:sealpost/database#password"
[sources.main.tls]
mode = "disabled"
[worker]
lease_s = 5
produce_pause_s = 0
produce_attempts = 50
[deliver]
engine = "aws_transfer"
[deliver.aws_transfer]
follow_s = 0
access_role = "arn:aws:iam::123456789012:role/sealpost-transfer"
[deliver.aws_transfer.aws]
region = "{REGION}"
endpoint = "{family}"
access_key_id = "{key_id}"
secret_access_key = "file:secrets/transfer"
[[identity.issuers]]
name = "cognito"
profile = "cognito"
issuer = "{issuer}"
jwks_url = "{keys}"
client_ids = ["client-of-acme", "client-of-nobody"]
scope_prefix = "https://reports.example"
[log]
format = "json"
level = "info"
"#,
                queue = self.queue,
                database = self.database.port(),
                family = self.transfer_proxy.endpoint(),
                issuer = self.pool.issuer,
                keys = self.pool.jwks_url,
            ),
        );
        self.write("package/catalogue/contracts.v1.toml", "title = \"Contracts\"\n");
        self.write(
            "package/catalogue/contracts.v1.sql",
            "SELECT id, employee, rate FROM contracts WHERE partner = :partner_scope ORDER BY id",
        );
        let fingerprint = self.gpg.generate(&KeySpec::default());
        self.write("package/partners/acme.asc", &self.gpg.export(&fingerprint));
        let inbox = self.sshd.inbox().join("acme");
        std::fs::create_dir_all(&inbox).expect("make the inbox");
        self.write(
            "package/partners/acme.toml",
            &format!(
                r#"name = "acme"
scope = "acme"
certificates = ["acme.asc"]
grants = [{{ report = "contracts.v1" }}]
identities = [{{ issuer = "cognito", subject = "client-of-acme" }}]
[limits]
active_reports = 1000
[connectors.main]
host = "127.0.0.1"
port = {port}
directory = "{directory}"
host_keys = ["{host_key}"]
existing_file = "replace"
[connectors.main.user_secret]
secret = "aws-sm:sealpost/acme"
[connectors.main.retry]
max_attempts = 50
first_pause_s = 0.05
longest_pause_s = 1.0
"#,
                port = self.way.address().port(),
                directory = inbox.display(),
                host_key = self.sshd.host_key("ecdsa").trim(),
            ),
        );
    }

    /// An operator's machine, with keys of its own: the first time the service's connector is made, then it is named, so that the
    /// functions need no right to look for it.
    fn apply_partners(&self) {
        let partners = self.path("package/partners");
        let apply = || self.sealpost("package", "operator", &["--json", "apply", &partners.to_string_lossy()]);
        let changes = apply();
        let mut made = changes.as_array().expect("changes").iter().filter_map(|change| change["subject"].as_str());
        let connector =
            made.find_map(|subject| subject.split_once(":connector/")).expect("a connector of the service").1;
        let file = self.path("package/partners/acme.toml");
        let text = std::fs::read_to_string(&file).expect("read the partner's file");
        let named = format!("[connectors.main]\naws_connector = \"{connector}\"\n");
        std::fs::write(&file, text.replace("[connectors.main]\n", &named)).expect("write the partner's file");
        apply();
    }

    /// A key of the partner, for callers without tokens.
    pub(crate) fn api_key(&self) -> String {
        let key = self.sealpost("package", "operator", &["--json", "partner", "key", "new", "acme"]);
        key["api_key"].as_str().expect("a key").to_owned()
    }

    fn environment(&self, whose: &str) -> Vec<(String, String)> {
        let endpoint = if whose == "family" { self.moto.endpoint() } else { self.proxy.endpoint() };
        [
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", format!("AKIA{whose}")),
            ("AWS_SECRET_ACCESS_KEY", "a-secret-for-tests".to_owned()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn command(&self, folder: &str, whose: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.arg("--config").arg(self.path(&format!("{folder}/sealpost.toml"))).args(arguments);
        command.envs(self.environment(whose)).env_remove("SEALPOST_CONFIG").stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn sealpost(&self, folder: &str, whose: &str, arguments: &[&str]) -> Json {
        let output = self.command(folder, whose, arguments).output().expect("run sealpost");
        let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {errors}{out}");
        serde_json::from_str(&out).expect("JSON")
    }

    /// Starts a function of the package.
    pub(crate) fn function(&self, handler: &'static str) -> Function {
        let mut environment = self.environment(handler);
        environment.push(("SEALPOST_CONFIG".to_owned(), self.path("package/sealpost.toml").display().to_string()));
        Function::start(&self.path("package"), handler, environment)
    }

    /// An access token as Cognito's `client_credentials` gives it, signed by the pool of moto, which has no such endpoint.
    pub(crate) fn token(&self, client: &str, scopes: &str) -> String {
        const SIGN: &str = "
import json, sys, time
from joserfc import jwk, jwt
from moto.utilities.utils import load_resource
key = jwk.RSAKey.import_key(load_resource('moto.cognitoidp.models', 'resources/jwks-private.json'))
issuer, client, scopes = sys.argv[1:4]
now = int(time.time())
claims = {'sub': client, 'token_use': 'access', 'scope': scopes, 'auth_time': now, 'iss': issuer, 'iat': now, 'exp': now + 3600, 'version': 2, 'jti': 'a', 'client_id': client}
print(jwt.encode({'kid': 'dummy', 'alg': 'RS256'}, claims, key))
";
        let scopes: Vec<String> = scopes.split(' ').map(|scope| format!("https://reports.example/{scope}")).collect();
        let output = Command::new("python3")
            .args(["-c", SIGN, &self.pool.issuer, client, &scopes.join(" ")])
            .output()
            .expect("run python3");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// From now on each batch is handed over twice, as SQS may do it.
    pub(crate) fn deliver_messages_twice(&mut self) {
        self.twice = true;
    }

    pub(crate) fn proxy(&self) -> &AwsProxy {
        &self.proxy
    }

    /// From now on a file gets no further than its beginning.
    pub(crate) fn hold_files(&self) {
        self.way.set(Chaos::StallUpload(30_000));
    }

    /// Held files go on.
    pub(crate) fn release_files(&self) {
        self.way.heal();
    }

    /// Whether the worker has asked what became of a transfer.
    pub(crate) fn has_looked(&self) -> bool {
        self.transfer_proxy.called().values().any(|actions| actions.contains("transfer:ListFileTransferResults"))
    }

    /// Deliveries that an event of a transfer led to.
    pub(crate) fn hurried(&self) -> u64 {
        self.hurried.get()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.moto.keys(BUCKET)
    }

    /// The names in acme's inbox, hidden ones too.
    pub(crate) fn inbox_names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.sshd.inbox().join("acme")).expect("read the inbox");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn decrypt(&self, name: &str) -> String {
        let file = self.sshd.inbox().join("acme").join(name);
        let plain = self.gpg.decrypt_file(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        String::from_utf8(plain).expect("UTF-8")
    }

    /// The IAM actions that were called, by function. The engine has keys of its own, which only the worker uses.
    pub(crate) fn called(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all = self.proxy.called();
        let mut of = |whose: &str| all.remove(&format!("AKIA{whose}")).unwrap_or_default();
        let mut called: BTreeMap<String, BTreeSet<String>> = FUNCTIONS.map(|name| (name.to_owned(), of(name))).into();
        let through_engine = self.transfer_proxy.called().remove(&self.transfer_key.0).unwrap_or_default();
        called.entry("worker".to_owned()).or_default().extend(through_engine);
        called
    }

    /// The ends of all logs, for a test that fails.
    pub(super) fn logs(&self) -> String {
        let mut text = String::new();
        for name in [
            "package/api.log",
            "package/worker.log",
            "package/events.log",
            "package/authorizer.log",
            "family/serve.log",
        ] {
            let log = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            text += &format!("== {name}\n{}\n", lines[lines.len().saturating_sub(25)..].join("\n"));
        }
        text
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        if let Some(mut child) = self.transfer.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

pub(super) fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:123456789012:{name}")
}
