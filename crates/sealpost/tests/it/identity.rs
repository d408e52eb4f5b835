//! Who calls, with real issuers, certificates and the Lambda emulator: token from `oidc-provider`, request by curl.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sealpost_testkit::oidc::OidcProvider;
use sealpost_testkit::pki::{Authority, Validity};
use sealpost_testkit::server::{Server, free_port, wait_until};
use serde_json::{Value as Json, json};

use crate::world::{PATIENCE, Serving, World};

const AUDIENCE: &str = "https://reports.example";
const WORKER: &str = "lease_s = 5\nproduce_pause_s = 0\n";

/// A world with more configuration, and a partner that has these identities.
fn world(configuration: &str, identities: &[(&str, &str)]) -> World {
    world_with_api("", configuration, identities)
}

/// The same with more of the block `[api]`.
fn world_with_api(api: &str, configuration: &str, identities: &[(&str, &str)]) -> World {
    let mut world = World::with_sqlite(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL);
         INSERT INTO rides VALUES (1, 'acme'), (2, 'acme'), (3, 'bravo');",
    );
    world.report_type(
        "rides.v1",
        "title = \"Rides\"\n",
        "SELECT id FROM rides WHERE partner = :partner_scope ORDER BY id",
    );
    // Further tables may follow the last one.
    world.worker(&format!("{WORKER}{configuration}"));
    let written = std::fs::read_to_string(world.path("sealpost.toml")).expect("the configuration");
    world.write("sealpost.toml", &written.replacen("[api]\n", &format!("[api]\n{api}\n"), 1));
    let identities: Vec<String> = identities
        .iter()
        .map(|(issuer, subject)| format!("{{ issuer = \"{issuer}\", subject = \"{subject}\" }}"))
        .collect();
    world.partner_at("acme", "acme", 22, &format!("identities = [{}]", identities.join(", ")));
    world.apply();
    world
}

fn issuer(provider: &OidcProvider) -> String {
    format!("[[identity.issuers]]\nname = \"idp\"\nissuer = \"{}\"\naudiences = [\"{AUDIENCE}\"]\n", provider.issuer())
}

/// What curl gets: status, body, and what it says on standard error.
fn curl(arguments: &[&str]) -> (u16, Json, String) {
    let output = Command::new("curl")
        .args(["-sS", "-i", "--max-time", "60", "-w", "\n%{http_code}"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("run curl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, status) = text.rsplit_once('\n').expect("a status");
    let (head, body) = answer.rsplit_once("\r\n\r\n").unwrap_or((answer, ""));
    let told = format!("{head}\n{}", String::from_utf8_lossy(&output.stderr));
    (status.parse().expect("a number"), serde_json::from_str(body).unwrap_or_default(), told)
}

fn ask(url: &str, token: &str) -> (u16, Json, String) {
    let bearer = format!("authorization: Bearer {token}");
    let body = r#"{"report_type": "rides.v1", "format": "ndjson", "deliver": false}"#;
    curl(&[&format!("{url}/v1/reports"), "-H", &bearer, "--json", body])
}

fn get(url: &str, token: &str) -> (u16, Json, String) {
    curl(&[&format!("{url}/v1/reports"), "-H", &format!("authorization: Bearer {token}")])
}

#[tokio::test]
async fn a_report_with_a_token_of_a_real_issuer() {
    let provider =
        OidcProvider::start(&[("acme-client", &["reports:read", "reports:write"]), ("stranger", &["reports:read"])]);
    let world = world(&issuer(&provider), &[("idp", "acme-client")]);
    let _serving = world.serve().await;
    let url = world.api_url();

    let token = provider.token("acme-client", "reports:read reports:write", AUDIENCE);
    let (status, report, told) = ask(&url, &token);
    assert_eq!(status, 202, "{told} {report}");
    let begun = Instant::now();
    let address = format!("{url}/v1/reports/{}", report["id"].as_str().expect("an id"));
    loop {
        let (status, report, _) = curl(&[&address, "-H", &format!("authorization: Bearer {token}")]);
        assert_eq!(status, 200, "{report}");
        if report["status"] == "succeeded" {
            assert_eq!(report["progress"]["rows"], 2, "{report}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{report}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let reader = provider.token("acme-client", "reports:read", AUDIENCE);
    assert_eq!(get(&url, &reader).0, 200);
    let (status, problem, head) = ask(&url, &reader);
    assert_eq!((status, &problem["code"]), (403, &json!("SP-REQUEST-028")));
    assert!(head.contains(r#"error="insufficient_scope", scope="reports:write""#), "{head}");

    let (status, problem, _) = get(&url, &provider.token("stranger", "reports:read", AUDIENCE));
    assert_eq!((status, &problem["code"]), (403, &json!("SP-REQUEST-032")));
    let (status, problem, head) = get(&url, &provider.token("acme-client", "reports:read", "https://other.example"));
    assert_eq!((status, &problem["code"]), (401, &json!("SP-REQUEST-027")));
    assert!(head.contains(r#"error="invalid_token", error_description=""#), "{head}");
    assert!(!world.log().contains(&token) && !world.log().contains(&reader), "a token is in the log");
}

/// New keys at the issuer while requests run: no request fails, and tokens of the new key work.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_issuer_changes_its_keys_while_requests_run() {
    let provider = OidcProvider::start(&[("acme-client", &["reports:read"])]);
    let world = world(&issuer(&provider), &[("idp", "acme-client")]);
    let _serving = world.serve().await;
    let url = format!("{}/v1/reports", world.api_url());
    let stop = AtomicBool::new(false);
    let before = provider.token("acme-client", "reports:read", AUDIENCE);
    let load = async {
        let client = reqwest::Client::new();
        let mut answered = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            let answer = client.get(&url).bearer_auth(&before).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), 200);
            answered += 1;
        }
        answered
    };
    let rotate = async {
        let client = reqwest::Client::new();
        tokio::task::block_in_place(|| provider.use_keys(&[("second", "ES256"), ("first", "RS256")]));
        let token = tokio::task::block_in_place(|| provider.token("acme-client", "reports:read", AUDIENCE));
        for _ in 0..20 {
            let answer = client.get(&url).bearer_auth(&token).send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap_or_default());
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(load, rotate);
    assert!(answered > 0);
}

#[test]
fn doctor_tells_what_it_finds_of_issuers_and_tls() {
    let mut provider = OidcProvider::start(&[("acme-client", &["reports:read"])]);
    let servers = Authority::new("servers");
    let shown = servers.issue("localhost", Validity::Now);
    let tls = |block: &str| {
        format!("[{block}.tls]\ncertificate = {:?}\nkey = \"file:{}\"\n", shown.certificate, shown.key.display())
    };
    let world = world(&format!("{}{}{}", issuer(&provider), tls("api"), tls("transfer")), &[]);
    let rows = |world: &World| {
        let output = world.run(&["--json", "doctor", "--no-connectors"]);
        serde_json::from_slice::<Json>(&output.stdout).expect("JSON")
    };
    let row = |rows: &Json, subject: &str| {
        let all = rows.as_array().expect("rows");
        all.iter().find(|row| row["subject"] == subject).unwrap_or_else(|| panic!("no {subject}: {rows:#}")).clone()
    };
    let found = rows(&world);
    for subject in ["TLS of api", "TLS of transfer"] {
        let certificate = row(&found, subject);
        assert!(
            certificate["failure"].is_null() && certificate["detail"].as_str().expect("text").contains("29 days"),
            "{certificate}"
        );
    }
    assert!(row(&found, "issuer idp")["failure"].is_null(), "{found:#}");

    provider.stop();
    std::fs::copy(servers.issue("localhost", Validity::Now).key, &shown.key).expect("another key");
    let found = rows(&world);
    for subject in ["TLS of api", "TLS of transfer"] {
        assert_eq!(row(&found, subject)["failure"]["code"], "SP-CONFIG-006", "{subject}: `serve` does not start so");
    }
    assert_eq!(row(&found, "issuer idp")["failure"]["code"], "SP-REQUEST-031");
}

/// `api.failed_attempts_per_minute` is for every listener; each counts for itself.
#[tokio::test]
async fn transfer_clients_may_guess_as_seldom_as_partners() {
    let mut world = world("", &[]);
    world.transfers();
    let variable = "SEALPOST__API__FAILED_ATTEMPTS_PER_MINUTE";
    world.variables.push((variable.to_owned(), "3".to_owned()));
    let _serving = world.serve().await;
    let guess = format!(
        "authorization: AWS4-HMAC-SHA256 Credential=SPAKAAAAAAAAAAAAAAAA/20260101/us-east-1/transfer/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    let url = world.transfer_url();
    let refusal = || curl(&[url.as_str(), "-H", &guess, "-d", "{}"]).1["__type"].clone();
    for _ in 0..3 {
        assert_eq!(refusal(), "InvalidClientTokenId");
    }
    assert_eq!(refusal(), "ThrottlingException");
}

/// Waits until the HTTPS listener shows a certificate of this authority.
fn wait_for(url: &str, authority: &Authority) {
    let file = authority.certificate();
    let started = Instant::now();
    while curl(&[&format!("{url}/healthz"), "--cacert", &file.to_string_lossy()]).0 != 200 {
        assert!(started.elapsed() < PATIENCE, "it is never shown");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn hang_up(serving: &Serving) {
    let status = Command::new("kill").args(["-HUP", &serving.id().to_string()]).status().expect("run kill");
    assert!(status.success());
}

#[test]
fn tls_and_client_certificates_from_the_configuration() {
    let [servers, renewed, clients] = ["servers", "renewed", "clients"].map(Authority::new);
    let client = clients.issue("acme", Validity::Now);
    let world = world(
        "[api.tls]\ncertificate = \"tls/chain.pem\"\nkey = \"file:tls/key.pem\"\nclient_ca = \"tls/clients.pem\"\n",
        &[("mtls", &client.fingerprint())],
    );
    std::fs::create_dir(world.path("tls")).expect("make a folder");
    let copy = |from: &Path, name: &str| {
        std::fs::copy(from, world.path("tls").join(name)).expect("copy");
    };
    let show = |authority: &Authority| {
        let issued = authority.issue("localhost", Validity::Now);
        copy(&issued.certificate, "chain.pem");
        copy(&issued.key, "key.pem");
    };
    show(&servers);
    copy(&clients.certificate(), "clients.pem");
    let serving = world.start();
    let url = world.api_url().replace("http:", "https:");
    wait_for(&url, &servers);
    show(&renewed);
    hang_up(&serving);
    wait_for(&url, &renewed);

    let [authority, certificate, key] =
        [&renewed.certificate(), &client.certificate, &client.key].map(|path| path.to_string_lossy().into_owned());
    let address = format!("{url}/v1/reports");
    let (status, list, told) = curl(&[&address, "--cacert", &authority, "--cert", &certificate, "--key", &key]);
    assert_eq!((status, &list["reports"]), (200, &json!([])), "{told}");
    assert_eq!(curl(&[&address, "--cacert", &authority]).0, 401);
}

/// The address of the client is the one that the trusted proxy saw.
#[tokio::test]
async fn the_access_log_names_the_client_behind_a_trusted_proxy() {
    let world = world_with_api("trusted_proxies = [\"127.0.0.0/8\"]", "", &[]);
    let _serving = world.serve().await;
    assert_eq!(curl(&[&format!("{}/openapi.json", world.api_url()), "-H", "x-forwarded-for: 192.0.2.77"]).0, 200);
    let logged = || world.log().lines().any(|line| line.contains("openapi.json") && line.contains("192.0.2.77"));
    wait_until("the access log", PATIENCE, logged);
}

/// Each listener believes its own proxies.
#[tokio::test]
async fn operators_and_transfer_clients_are_named_behind_a_trusted_proxy_too() {
    let mut world = world("", &[]);
    world.transfers();
    for block in ["ADMIN", "TRANSFER"] {
        let variable = format!("SEALPOST__{block}__TRUSTED_PROXIES");
        world.variables.push((variable, "[\"127.0.0.0/8\"]".to_owned()));
    }
    let _serving = world.serve().await;
    let clients = ["192.0.2.78", "192.0.2.79", "192.0.2.80"];
    let urls = [format!("{}/healthz", world.admin_url()), world.transfer_url(), world.api_url()];
    for (url, client) in urls.iter().zip(clients) {
        curl(&[url.as_str(), "-H", &format!("x-forwarded-for: {client}")]);
    }
    let logged = |client: &str| world.log().lines().any(|line| line.contains(client));
    wait_until("the operator in the log", PATIENCE, || logged(clients[0]));
    wait_until("the transfer client in the log", PATIENCE, || logged(clients[1]));
    assert!(!logged(clients[2]), "no proxy of the partners' API is trusted");
}

fn event(credential: &str) -> Json {
    json!({
        "type": "TOKEN", "authorizationToken": format!("Bearer {credential}"),
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/test/GET/v1/reports",
    })
}

#[test]
fn the_authorizer_answers_one_event_at_the_command_line() {
    let world = world("", &[]);
    let key = world.api_key("acme");
    world.write("event.json", &event(&key).to_string());
    let file = world.path("event.json").to_string_lossy().into_owned();
    let answer = world.json(&["lambda", "authorizer", "--event", &file, "--usage-key", "plan-of-{partner}-with-{key}"]);
    assert_eq!((&answer["principalId"], &answer["context"]["partner"]), (&json!("acme"), &json!("acme")));
    let usage = answer["usageIdentifierKey"].as_str().expect("a key");
    assert!(usage.starts_with("plan-of-acme-with-") && !usage.ends_with("acme"), "{usage}");

    world.write("event.json", &event("sp_abcdefghijkm_wrong").to_string());
    assert_eq!(world.run(&["lambda", "authorizer", "--event", &file]).status.code(), Some(4));
    let output = world.run(&["lambda", "authorizer"]);
    assert_eq!(output.status.code(), Some(2), "there is no Lambda here");
}

/// `cargo lambda watch` speaks Lambda's real Runtime API to our function, and its Invoke API to us.
#[tokio::test]
async fn the_authorizer_within_lambda() {
    let provider = OidcProvider::start(&[("acme-client", &["reports:read"])]);
    let world = world(&issuer(&provider), &[("idp", "acme-client")]);
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let program = sealpost_testkit::server::program(&["cargo-lambda"], "nothing; pip install cargo-lambda");
    // It wants to stand in a package, though it builds nothing here.
    std::fs::create_dir_all(world.path("package/src")).expect("make a folder");
    world.write("package/src/main.rs", "fn main() {}\n");
    world.write("package/Cargo.toml", "[package]\nname = \"authorizer\"\nversion = \"0.1.0\"\n\n[workspace]\n");
    let mut emulator = Command::new(program);
    emulator.current_dir(world.path("package"));
    emulator.args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P"]);
    emulator.arg(address.port().to_string()).env("RUST_LOG", "info");
    let _emulator = Server::start(&mut emulator, &world.path("emulator.log"));
    wait_until("cargo lambda watch", PATIENCE, || TcpStream::connect(address).is_ok());
    let mut function = world.command(&["lambda", "authorizer"]);
    function
        .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/authorizer"))
        .env("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
    let _function = Server::start(&mut function, &world.path("function.log"));

    let client = reqwest::Client::new();
    let invoke = async |credential: &str| {
        let url = format!("http://{address}/2015-03-31/functions/authorizer/invocations");
        let answer = client.post(url).body(event(credential).to_string()).send().await.expect("an answer");
        let failed = answer.headers().contains_key("x-amz-function-error") || !answer.status().is_success();
        (failed, answer.text().await.expect("a body"))
    };
    let told = || std::fs::read_to_string(world.path("function.log")).unwrap_or_default();
    for credential in [world.api_key("acme"), provider.token("acme-client", "reports:read", AUDIENCE)] {
        let (failed, body) = invoke(&credential).await;
        assert!(!failed, "{body} {}", told());
        let answer: Json = serde_json::from_str(&body).expect("JSON");
        assert_eq!(answer["principalId"], "acme");
        assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow");
    }
    let (failed, body) = invoke("sp_abcdefghijkm_wrong").await;
    assert!(failed, "{body}");
    let error: Json = serde_json::from_str(&body).expect("JSON");
    assert_eq!(error["errorMessage"], "Unauthorized", "exactly this makes API Gateway answer 401: {body}");
}
