//! Functions of AWS Lambda as Lambda runs them: the binary asks the Runtime API for events, is stopped, frozen and thawed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::oidc::OidcProvider;
use sealpost_testkit::runtime_api::RuntimeApi;
use sealpost_testkit::server::{Server, free_port, program, wait_until};
use serde_json::{Value as Json, json};

use crate::world::{PATIENCE, World};

const ROWS: u32 = 30_000;
const REPORT: &str = "SELECT id, note FROM rides WHERE partner = :partner_scope ORDER BY id";
/// Longer than any event of these tests takes where nothing is slow.
const MINUTE: Duration = Duration::from_secs(60);

const REST: &str = include_str!("../../../sealpost-api/tests/it/events/api_rest.json");
const HTTP: &str = include_str!("../../../sealpost-api/tests/it/events/api_http_v2.json");
const BELLS: &str = include_str!("events/sqs.json");
const SCHEDULE: &str = include_str!("events/schedule.json");
const OBJECT_CREATED: &str = include_str!("events/s3_object_created.json");

fn world_with(more: &str) -> (World, ChaosProxy) {
    let sql = format!(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, note TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO rides SELECT i, 'acme', hex(randomblob(40)) FROM n;"
    );
    let mut world = World::with_sqlite(&sql);
    world.worker("lease_s = 600\nproduce_pause_s = 0\nconcurrency = 1\n");
    world.report_type("rides.v1", "title = \"Rides\"\n", REPORT);
    let proxy = ChaosProxy::start(SocketAddr::from(([127, 0, 0, 1], world.sshd.port())));
    world.partner_at("acme", "acme", proxy.address().port(), more);
    world.apply();
    (world, proxy)
}

/// A function's process, as Lambda starts it from a package: by the name `bootstrap`, without arguments.
struct Function {
    lambda: RuntimeApi,
    process: Server,
    log: PathBuf,
}

impl Function {
    fn start(world: &World, handler: &str) -> Self {
        let lambda = RuntimeApi::start();
        let bootstrap = world.path("bootstrap");
        if !bootstrap.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sealpost"), &bootstrap).expect("link the binary");
        }
        let mut command = Command::new(bootstrap);
        command.env("_HANDLER", handler).env("LAMBDA_TASK_ROOT", world.folder.path()).env_remove("SEALPOST_CONFIG");
        command.envs(world.variables.iter().map(|(name, value)| (name, value)));
        lambda.prepare(&mut command, handler);
        let log = world.path(&format!("{handler}-{}.log", free_port()));
        Self { process: Server::start(&mut command, &log), lambda, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn invoke(&self, event: &Json) -> Json {
        self.lambda.invoke(event, MINUTE).unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status();
        assert!(status.expect("run kill").success());
    }

    fn wait_for_end(mut self) -> String {
        assert!(!self.process.is_ready_within(PATIENCE, || false));
        self.log()
    }
}

/// An event of SQS with a message for each of these bodies.
fn bells(bodies: &[&str]) -> Json {
    let sample: Json = serde_json::from_str(BELLS).expect("JSON");
    let record = |(number, body): (usize, &&str)| {
        let mut record = sample["Records"][0].clone();
        record["messageId"] = json!(format!("message-{number}"));
        record["body"] = json!(body);
        record
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

const PRODUCE: &str = r#"{"ring":"produce"}"#;
const DELIVER: &str = r#"{"ring":"deliver"}"#;

fn call(template: &str, key: &str, method: &str, path: &str, body: Option<Json>) -> Json {
    let mut event: Json = serde_json::from_str(&template.replace("CREDENTIAL", key)).expect("JSON");
    if event["version"] == "2.0" {
        event["rawPath"] = json!(format!("/prod{path}"));
        event["requestContext"]["http"]["method"] = json!(method);
    } else {
        event["path"] = json!(path);
        event["requestContext"]["path"] = json!(format!("/prod{path}"));
        event["httpMethod"] = json!(method);
        event["pathParameters"]["proxy"] = json!(path.trim_start_matches('/'));
    }
    if let Some(body) = body {
        event["headers"]["content-type"] = json!("application/json");
        if event["version"] != "2.0" {
            event["multiValueHeaders"]["content-type"] = json!(["application/json"]);
        }
        event["body"] = json!(body.to_string());
    }
    event
}

fn body(answer: &Json) -> Json {
    serde_json::from_str(answer["body"].as_str().expect("a body")).unwrap_or_else(|_| answer.clone())
}

/// Asks for a report by the command line; it stays queued.
fn ask(world: &World) -> String {
    let key = world.api_key("acme");
    world.write(
        "ask.json",
        &call(HTTP, &key, "POST", "/v1/reports", Some(json!({"report_type": "rides.v1"}))).to_string(),
    );
    let answer = world.json(&["lambda", "api", "--event", &world.path("ask.json").to_string_lossy()]);
    assert_eq!(answer["statusCode"], 202, "{answer}");
    body(&answer)["id"].as_str().expect("an id").to_owned()
}

fn shown(world: &World, report: &str) -> Json {
    world.json(&["report", "show", report])
}

/// What the ledger has of a task, read beside our own code.
fn query(world: &World, sql: &str) -> String {
    let script = "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())";
    let ledger = world.path("data/ledger.sqlite");
    let output = Command::new("python3").args(["-c", script]).arg(ledger).arg(sql).output().expect("run python3");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// One file in the partner's folder, nothing hidden beside it, and all rows in it.
fn one_whole_file(world: &World) {
    let names = world.names("acme");
    assert_eq!(names.len(), 1, "{names:?}");
    let plain = String::from_utf8(world.decrypt(&world.inbox("acme").join(&names[0]))).expect("UTF-8");
    assert_eq!(plain.lines().count() as u32, ROWS + 1);
}

#[test]
fn a_report_goes_its_way_by_functions_alone() {
    let (world, _proxy) = world_with("");
    let key = world.api_key("acme");
    let (api, worker) = (Function::start(&world, "api"), Function::start(&world, "worker"));
    let created = api.invoke(&call(REST, &key, "POST", "/v1/reports", Some(json!({"report_type": "rides.v1"}))));
    assert_eq!(created["statusCode"], 202, "{created}");
    let location = created["multiValueHeaders"]["location"][0].as_str();
    assert!(location.is_some_and(|path| path.starts_with("/prod/v1/reports/")), "{created}");
    let path = format!("/v1/reports/{}", body(&created)["id"].as_str().expect("an id"));

    // Doubled, for something that isn't there, and no bells at all: none of it is an error.
    let everything = bells(&[PRODUCE, PRODUCE, DELIVER, "not a bell", r#"{"ring":"dance"}"#]);
    assert_eq!(worker.invoke(&everything), json!({"batchItemFailures": []}), "{}", worker.log());
    assert_eq!(worker.invoke(&bells(&[DELIVER, DELIVER])), json!({"batchItemFailures": []}), "{}", worker.log());
    assert_eq!(worker.log().matches("a message is no bell").count(), 2);

    let report = body(&api.invoke(&call(HTTP, &key, "GET", &path, None)));
    assert_eq!(
        (&report["status"], &report["deliveries"][0]["status"]),
        (&json!("succeeded"), &json!("delivered")),
        "{report}"
    );
    one_whole_file(&world);
    let file = api.invoke(&call(HTTP, &key, "GET", &format!("{path}/file"), None));
    let fetched = STANDARD.decode(file["body"].as_str().expect("a body")).expect("base64");
    assert_eq!(fetched, std::fs::read(world.inbox("acme").join(&world.names("acme")[0])).expect("read the file"));
    // Columns were asked for when they were first wanted, not when the function began.
    let types = body(&api.invoke(&call(HTTP, &key, "GET", "/v1/report-types", None)));
    assert_eq!(types["report_types"][0]["columns"].as_array().map(Vec::len), Some(2), "{types}");
    let error = worker.lambda.invoke(&json!({"no": "event"}), MINUTE).expect_err("no event of SQS");
    assert_eq!(error["errorType"], "SP-REQUEST-001", "{error}");
}

/// A fetch of an issuer's keys takes seconds where the issuer does not answer, and is tried again and again.
#[test]
fn an_issuer_that_never_answers_holds_up_nobody_else() {
    // Connections are taken, by the system, and nothing is ever read from them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("bind a port");
    let address = silent.local_addr().expect("an address");
    let (world, _proxy) = world_with("");
    let issuer = format!("[[identity.issuers]]\nname = \"idp\"\nissuer = \"http://{address}\"\naudiences = [\"x\"]\n");
    world.rewrite("sealpost.toml", |text| format!("{text}{issuer}"));
    let key = world.api_key("acme");
    let arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/test/GET/v1/reports";
    let asked = json!({"type": "TOKEN", "authorizationToken": format!("Bearer {key}"), "methodArn": arn});
    for (handler, event) in [("authorizer", asked), ("api", call(REST, &key, "GET", "/v1/reports", None))] {
        let mut times = Vec::new();
        // A request to an issuer may take three seconds, and may have begun with the function. Who does not wait for it may be slow
        // where the machine is busy, but not each time.
        let is_quick = (0..3).any(|_| {
            let function = Function::start(&world, handler);
            function.lambda.wait_for_ask(1);
            let begun = Instant::now();
            let answer = function.invoke(&event);
            let took = begun.elapsed();
            assert!(answer["principalId"] == "acme" || answer["statusCode"] == 200, "{handler}: {answer}");
            times.push(took);
            took < Duration::from_secs(2)
        });
        assert!(is_quick, "{handler}: {times:?}");
    }
}

#[test]
fn an_issuer_that_never_answers_costs_the_callers_of_others_its_time_once() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("bind a port");
    let address = silent.local_addr().expect("an address");
    let provider = OidcProvider::start(&[("acme-client", &["reports:read"])]);
    let (world, proxy) = world_with("");
    let block = |name: &str, issuer: &str| {
        format!(
            "[[identity.issuers]]\nname = \"{name}\"\nissuer = \"{issuer}\"\naudiences = [\"https://reports.example\"]\n"
        )
    };
    let issuers = block("silent", &format!("http://{address}")) + &block("idp", &provider.issuer());
    world.rewrite("sealpost.toml", |text| format!("{text}{issuers}"));
    let identity = "identities = [{ issuer = \"idp\", subject = \"acme-client\" }]";
    world.partner_at("acme", "acme", proxy.address().port(), identity);
    world.apply();
    let token = provider.token("acme-client", "reports:read", "https://reports.example");
    let arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/test/GET/v1/reports";
    let asked = json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}"), "methodArn": arn});
    let function = Function::start(&world, "authorizer");
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let answer = function.invoke(&asked);
        assert_eq!(answer["principalId"], "acme", "{answer}\n{}", function.log());
        times.push(begun.elapsed());
    }
    // One more may be slow where the machine is busy.
    let quick = times[1..].iter().filter(|took| **took < Duration::from_millis(2900)).count();
    assert!(quick >= 3, "{times:?}");
}

#[test]
fn a_function_begins_without_its_database_and_serves_what_needs_none() {
    let (world, _proxy) = world_with("");
    let key = world.api_key("acme");
    let text = std::fs::read_to_string(world.path("sealpost.toml")).expect("the configuration");
    // Nobody answers there, and nothing else than a connection says so.
    let unreachable = "kind = \"mysql\"\nhost = \"127.0.0.1\"\nport = 1\ndatabase = \"x\"\nuser = \"x\"\n[sources.main.tls]\nmode = \"disabled\"\n";
    world.write("sealpost.toml", &text.replace("kind = \"sqlite\"\npath = \"company.sqlite\"\n", unreachable));
    let api = Function::start(&world, "api");
    assert_eq!(api.invoke(&call(REST, &key, "GET", "/healthz", None))["statusCode"], 200);
    assert_eq!(api.invoke(&call(REST, &key, "GET", "/v1/reports", None))["statusCode"], 200);
    assert!(!api.log().contains("SP-SOURCE"), "{}", api.log());
    let types = body(&api.invoke(&call(REST, &key, "GET", "/v1/report-types", None)));
    assert_eq!(types["report_types"][0]["columns"], json!([]), "{types}");
    assert!(api.log().contains("SP-SOURCE"), "{}", api.log());
}

/// Certificate authorities are hundreds of files on some systems. Only what connects by TLS reads them, when it does: neither the
/// check of the configuration nor the start of anything that uses it.
#[test]
fn a_function_begins_without_reading_certificate_authorities() {
    let folder = tempfile::tempdir().expect("make a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("write");
    write(
        "sealpost.toml",
        "[sources.main]\nkind = \"sqlite\"\npath = \"company.sqlite\"\n[ledger]\nkind = \"dynamodb\"\ntable = \"sealpost\"\n\
         [queue]\nkind = \"sqs\"\nurl = \"https://sqs.eu-central-1.amazonaws.com/1/work\"\n\
         [store]\nkind = \"s3\"\nbucket = \"sealed\"\nregion = \"eu-central-1\"\n\
         [[identity.issuers]]\nname = \"idp\"\nissuer = \"https://id.example\"\naudiences = [\"sealpost\"]\n",
    );
    std::fs::create_dir(folder.path().join("catalogue")).expect("make a folder");
    let mut event = call(HTTP, "", "GET", "/healthz", None);
    event["headers"] = json!({"host": "api.example.com"});
    write("event.json", &event.to_string());
    // Who reads this waits for somebody who never writes.
    let authorities = folder.path().join("authorities.pem");
    assert!(Command::new("mkfifo").arg(&authorities).status().expect("run mkfifo").success());
    let sealpost = |arguments: &[&str]| {
        let mut process = Command::new(env!("CARGO_BIN_EXE_sealpost"))
            .args(arguments)
            .current_dir(folder.path())
            .envs([("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "none")])
            .env("SSL_CERT_FILE", &authorities)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the program");
        let mut has_ended = false;
        for _ in 0..PATIENCE.as_millis() / 20 {
            has_ended = process.try_wait().expect("look at it").is_some();
            if has_ended {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if !has_ended {
            process.kill().expect("end it");
        }
        let output = process.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(has_ended && output.status.success(), "{arguments:?}, ended by itself: {has_ended}: {said}");
        output.stdout
    };
    sealpost(&["config", "check"]);
    let answer: Json = serde_json::from_slice(&sealpost(&["lambda", "api", "--event", "event.json"])).expect("JSON");
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

/// The time of a function ends in the middle of a delivery: the task goes back at once, what waited behind it is told to come
/// again, and the next function goes on where this one stopped.
#[test]
fn a_delivery_that_outlasts_its_function_is_gone_on_with() {
    let (world, proxy) = world_with("");
    // Nothing but the function's own time ends the attempt.
    let partner = std::fs::read_to_string(world.path("partners/acme.toml")).expect("the partner's file");
    world.write("partners/acme.toml", &partner.replace("inactivity_timeout_s = 5", "inactivity_timeout_s = 600"));
    world.apply();
    let (first, second) = (ask(&world), ask(&world));
    let worker = Function::start(&world, "worker");
    assert_eq!(worker.invoke(&bells(&[PRODUCE, PRODUCE])), json!({"batchItemFailures": []}));
    proxy.set(Chaos::StallUpload(700_000));
    let answer = worker.lambda.invoke(&bells(&[DELIVER, DELIVER]), Duration::from_secs(30)).expect("an answer");
    // One slot: the second message found no time.
    let failed = answer["batchItemFailures"].as_array().expect("a list");
    assert!(
        failed.len() == 1 && failed[0]["itemIdentifier"].as_str().is_some_and(|id| id.starts_with("message-")),
        "{answer}"
    );
    assert_eq!(
        query(&world, "SELECT kind, leased FROM tasks WHERE kind = 'deliver'"),
        "[('deliver', 0), ('deliver', 0)]"
    );
    assert!(worker.log().contains("time is up"), "{}", worker.log());

    let begun = world.names("acme");
    assert!(begun.len() == 1 && begun[0].starts_with('.'), "a hidden file, of which something has arrived: {begun:?}");
    proxy.heal();
    assert_eq!(worker.invoke(&bells(&[DELIVER, DELIVER])), json!({"batchItemFailures": []}));
    let mut attempts = Vec::new();
    for report in [&first, &second] {
        let report = shown(&world, report);
        let delivery = &report["deliveries"][0];
        assert_eq!(delivery["status"], "delivered", "{report}\n{}", worker.log());
        attempts.push(delivery["attempts"].as_u64().expect("a number"));
    }
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2], "the one that was begun was begun again, and no attempt failed");
    let names = world.names("acme");
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let plain = String::from_utf8(world.decrypt(&world.inbox("acme").join(name))).expect("UTF-8");
        assert_eq!(plain.lines().count() as u32, ROWS + 1);
    }
}

#[test]
fn sigterm_hands_back_what_is_begun_and_reserved() {
    let (world, proxy) = world_with("[limits.quota]\nlimit = 10000\nperiod = \"month\"\n");
    let key = world.api_key("acme");
    let api = Function::start(&world, "api");
    for _ in 0..3 {
        assert_eq!(api.invoke(&call(HTTP, &key, "GET", "/v1/reports", None))["statusCode"], 200);
    }
    api.lambda.wait_for_ask(4);
    assert!(api.lambda.has_extension());
    assert_ne!(query(&world, "SELECT reserved FROM usage"), "[(3,)]", "more than what was used is reserved");
    api.signal("TERM");
    api.wait_for_end();
    assert_eq!(query(&world, "SELECT reserved FROM usage"), "[(3,)]");

    let report = ask(&world);
    let worker = Function::start(&world, "worker");
    assert_eq!(worker.invoke(&bells(&[PRODUCE])), json!({"batchItemFailures": []}));
    proxy.set(Chaos::Stall);
    let event = worker.lambda.begin(&bells(&[DELIVER]), MINUTE * 10);
    wait_until("the delivery to begin", PATIENCE, || {
        query(&world, "SELECT leased FROM tasks WHERE kind = 'deliver'") == "[(1,)]"
    });
    worker.signal("TERM");
    assert_eq!(event.answer(), Some(Ok(json!({"batchItemFailures": []}))));
    let log = worker.wait_for_end();
    assert_eq!(query(&world, "SELECT leased FROM tasks WHERE kind = 'deliver'"), "[(0,)]", "{log}");

    proxy.heal();
    let worker = Function::start(&world, "worker");
    assert_eq!(worker.invoke(&bells(&[DELIVER])), json!({"batchItemFailures": []}));
    assert_eq!(shown(&world, &report)["deliveries"][0]["status"], "delivered", "{}", worker.log());
    one_whole_file(&world);
}

/// Connections die while a function is frozen. The next event notices nothing of it.
#[test]
fn what_died_while_frozen_fails_no_event() {
    let (mut world, _proxy) = world_with("");
    world.partner("acme", "acme");
    world.apply();
    let (first, second) = (ask(&world), ask(&world));
    let worker = Function::start(&world, "worker");
    assert_eq!(worker.invoke(&bells(&[PRODUCE, PRODUCE, DELIVER])), json!({"batchItemFailures": []}));
    worker.invoke(&bells(&[DELIVER]));
    worker.lambda.wait_for_ask(3);
    worker.signal("STOP");
    world.sshd.restart();
    worker.signal("CONT");
    worker.invoke(&bells(&[DELIVER, DELIVER]));
    for report in [&first, &second] {
        let report = shown(&world, report);
        let delivery = &report["deliveries"][0];
        assert_eq!(
            (&delivery["status"], &delivery["attempts"]),
            (&json!("delivered"), &json!(1)),
            "{report}\n{}",
            worker.log()
        );
    }
}

#[test]
fn events_hurry_what_waits_and_schedules_look_after_the_queue() {
    let (world, proxy) = world_with("");
    let partner = std::fs::read_to_string(world.path("partners/acme.toml")).expect("the partner's file");
    world.write(
        "partners/acme.toml",
        &partner
            .replace("first_pause_s = 0.05\nlongest_pause_s = 1.0", "first_pause_s = 3600.0\nlongest_pause_s = 3600.0"),
    );
    world.apply();
    let report = ask(&world);
    let (worker, events) = (Function::start(&world, "worker"), Function::start(&world, "events"));
    proxy.set(Chaos::Reset);
    worker.invoke(&bells(&[PRODUCE]));
    worker.invoke(&bells(&[DELIVER]));
    proxy.heal();
    // It waits for an hour.
    worker.invoke(&bells(&[DELIVER]));
    let waiting = shown(&world, &report);
    assert_eq!(waiting["deliveries"][0]["status"], "pending", "{waiting}");

    let schedule: Json = serde_json::from_str(SCHEDULE).expect("JSON");
    let looked = events.invoke(&schedule);
    assert_eq!(
        (&looked["queue"]["delayed"], &looked["rung"]),
        (&json!(2), &json!(0)),
        "the delivery, and the file's end: {looked}"
    );
    let metrics: Json = events
        .log()
        .lines()
        .find(|line| line.contains("CloudWatchMetrics"))
        .and_then(|line| serde_json::from_str(line).ok())
        .expect("metrics");
    assert_eq!(
        (&metrics["QueueDelayed"], &metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"]),
        (&json!(2), &json!("Sealpost"))
    );

    let mut created: Json = serde_json::from_str(OBJECT_CREATED).expect("JSON");
    assert_eq!(events.invoke(&created), json!({"meant": 0, "hurried": 0}), "an object that is not ours");
    let place = query(
        &world,
        "SELECT record ->> '$.file.key.partner', record ->> '$.file.key.job', record ->> '$.file.key.file_name' FROM deliveries",
    );
    let names: Vec<&str> = place.split('\'').filter(|part| part.len() > 2 && *part != ", ").collect();
    created["detail"]["object"]["key"] = json!(format!("reports/{}/{}-1/{}", names[0], names[1], names[2]));
    let told = json!({"source": "sealpost.transfer", "detail-type": "SFTP Connector File Send Completed", "detail": {
        "transfer-id": names[1], "file-path": format!("/sealpost/{}/{}-1/{}", names[0], names[1], names[2]),
    }});
    assert_eq!(events.invoke(&told), json!({"meant": 0, "hurried": 0}), "another delivery of the report has ended");
    // As it lies in the dead letters, after Lambda gave it up.
    let given_up =
        json!({"version": "1.0", "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": created});
    assert_eq!(events.invoke(&given_up), json!({"meant": 1, "hurried": 1}), "{place}");
    worker.invoke(&bells(&[DELIVER]));
    assert_eq!(shown(&world, &report)["deliveries"][0]["status"], "delivered", "{}", worker.log());
    assert_eq!(events.invoke(&created), json!({"meant": 0, "hurried": 0}), "it has ended");
    assert_eq!(
        events.invoke(&json!({"source": "aws.ec2", "detail-type": "Something"})),
        json!({"ignored": "Something"})
    );
}

/// An alarm counts the line (`deploy/terraform/modules/observability`). The bell is not told to come again: SQS would hide it for long,
/// while the sweep rings for its task as soon as the ledger is back.
#[test]
fn functions_say_that_the_ledger_is_away() {
    let (mut world, _proxy) = world_with("");
    world.variables =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name.to_owned(), "none".to_owned())).into();
    // Nobody answers there, and a function begins without asking.
    let away = "[ledger]\nkind = \"dynamodb\"\ntable = \"sealpost\"\nregion = \"eu-central-1\"\nendpoint = \"http://127.0.0.1:1\"\n";
    world.rewrite("sealpost.toml", |text| format!("{text}{away}"));
    let (worker, events) = (Function::start(&world, "worker"), Function::start(&world, "events"));
    let looking = events.lambda.begin(&serde_json::from_str(SCHEDULE).expect("JSON"), MINUTE);
    assert_eq!(worker.invoke(&bells(&[PRODUCE])), json!({"batchItemFailures": []}), "{}", worker.log());
    let looked = looking.answer().expect("an answer").expect_err("no ledger");
    assert_eq!(looked["errorType"], "SP-LEDGER-001", "{looked}");
    for function in [&worker, &events] {
        assert!(function.log().contains("the ledger did not answer"), "{}", function.log());
    }
    // What Lambda is told of, once more, is no further line.
    assert!(!events.log().contains("the event can't be answered"), "{}", events.log());
}

/// The emulator of cargo-lambda, which speaks to functions as Lambda does, and has a URL for each of them.
#[tokio::test]
async fn a_function_url_is_the_api() {
    let (world, _proxy) = world_with("");
    let key = world.api_key("acme");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    std::fs::create_dir_all(world.path("package/src")).expect("make a folder");
    world.write("package/src/main.rs", "fn main() {}\n");
    let bin = |name: &str| format!("[[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\n\n");
    let manifest =
        format!("[package]\nname = \"functions\"\nversion = \"0.1.0\"\n\n{}{}[workspace]\n", bin("api"), bin("worker"));
    world.write("package/Cargo.toml", &manifest);
    let mut emulator = Command::new(program(&["cargo-lambda"], "nothing; pip install cargo-lambda"));
    emulator.current_dir(world.path("package"));
    emulator.args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P"]);
    emulator.arg(address.port().to_string());
    let _emulator = Server::start(&mut emulator, &world.path("emulator.log"));
    wait_until("cargo lambda watch", PATIENCE, || TcpStream::connect(address).is_ok());
    let mut functions = Vec::new();
    for name in ["api", "worker"] {
        let mut function = world.command(&["lambda", name]);
        function
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/{name}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
        functions.push(Server::start(&mut function, &world.path(&format!("{name}.log"))));
    }
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    let url = format!("http://{address}/lambda-url/api/v1/reports");
    let log = || std::fs::read_to_string(world.path("api.log")).unwrap_or_default();
    let answer = client.post(&url).bearer_auth(&key).json(&json!({"report_type": "rides.v1", "deliver": false}));
    let answer = answer.send().await.expect("an answer");
    assert_eq!(answer.status(), 202, "{}", log());
    let created: Json = answer.json().await.expect("JSON");
    let invoke = format!("http://{address}/2015-03-31/functions/worker/invocations");
    let worked = client.post(invoke).json(&bells(&[PRODUCE])).send().await.expect("an answer");
    assert_eq!(worked.json::<Json>().await.expect("JSON"), json!({"batchItemFailures": []}));
    let file = client.get(format!("{url}/{}/file", created["id"].as_str().expect("an id"))).bearer_auth(&key);
    let file = file.send().await.expect("an answer");
    assert_eq!(file.status(), 200, "{}", log());
    let bytes = file.bytes().await.expect("bytes");
    std::fs::write(world.path("fetched.pgp"), &bytes).expect("write it");
    let plain = world.decrypt(&world.path("fetched.pgp"));
    assert_eq!(String::from_utf8(plain).expect("UTF-8").lines().count() as u32, ROWS + 1);
    assert_eq!(client.get(&url).send().await.expect("an answer").status(), 401);
}
