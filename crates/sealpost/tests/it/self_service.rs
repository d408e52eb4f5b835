//! Self-service with real parts: GnuPG makes and opens what partners send and get, OpenSSH is the partner's server, and the
//! operator decides by command line and admin API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sealpost_testkit::chaos::ChaosProxy;
use sealpost_testkit::gpg::KeySpec;
use sealpost_testkit::sshd::user;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::world::{Caller, World};

const PASSWORD: &str = "hunter2-canary-of-a-partner";
const ROWS: &str = "CREATE TABLE bikes (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, name TEXT NOT NULL);
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
     INSERT INTO bikes SELECT i, 'acme', 'bike ' || i FROM n;";

/// A world with a partner whose own server is at loopback, which the operator lets in.
async fn world(self_service: &str) -> World {
    let mut world = World::with_sqlite(ROWS);
    world.worker(&format!(
        "lease_s = 5\nproduce_pause_s = 0\nproduce_attempts = 50\n[self_service]\nvault = \"file:data/secrets\"\nallow_destinations = [\"127.0.0.0/8\"]\n{self_service}\n"
    ));
    world.report_type(
        "bikes.v1",
        "title = \"Bikes\"\n",
        "SELECT id, name FROM bikes WHERE partner = :partner_scope ORDER BY id",
    );
    world.partner("acme", "acme");
    world.partner("globex", "globex");
    world.apply();
    world
}

const ALLOWED: &str = "certificates = \"allowed\"\ndestinations = \"allowed\"\nhost_keys = \"allowed\"";

async fn must(caller: &Caller, method: &str, path: &str, body: Option<Json>, status: u16) -> Json {
    let (got, answer) = caller.call(method, path, body).await.expect("an answer");
    assert_eq!(got, status, "{method} {path}: {answer}");
    answer
}

/// Asks for the bikes, waits for the end, and gives the delivered file.
async fn report(world: &World, caller: &Caller, folder: &Path, key: &str) -> (Json, PathBuf) {
    let (status, asked) = caller.create(json!({"report_type": "bikes.v1"}), key).await.expect("an answer");
    assert_eq!(status, 202, "{asked}");
    let report = caller.ended(asked["id"].as_str().expect("an id")).await;
    assert_eq!(report["status"], "succeeded", "{report} {}", world.log());
    let name = report["file"]["name"].as_str().expect("a name").to_owned();
    (report, folder.join(name))
}

/// The fingerprints that a file is sealed to, as gpg names the keys.
fn decrypts_with(world: &World, fingerprint: &str, file: &Path) -> bool {
    let output = world
        .gpg
        .command()
        .args(["--batch", "--try-secret-key", fingerprint, "--status-fd", "1", "--list-only", "--decrypt"])
        .arg(file)
        .output()
        .expect("run gpg");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let subkey = encryption_subkey(world, fingerprint);
    text.contains(&subkey[subkey.len() - 16..])
}

fn encryption_subkey(world: &World, fingerprint: &str) -> String {
    let listed =
        world.gpg.must(["--batch", "--with-colons", "--with-subkey-fingerprint", "--list-keys", fingerprint], b"");
    let text = String::from_utf8_lossy(&listed).into_owned();
    let prints: Vec<&str> = text.lines().filter(|line| line.starts_with("fpr:")).collect();
    prints.last().and_then(|line| line.split(':').nth(9)).expect("a subkey").to_owned()
}

fn files_with(folder: &Path, canary: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("read a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, canary));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(canary.len()).any(|window| window == canary)) {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_rotated_with_overlap() {
    let world = world(ALLOWED).await;
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let keys = must(&caller, "GET", "/v1/keys", None, 200).await;
    let old = keys["keys"][0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let new = world.gpg.generate(&KeySpec { email: "next@acme.example", ..KeySpec::default() });
    let certificate = world.gpg.export(&new);
    // Long enough for a report before it, where the machine is not slow.
    let cut_over = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(8);
    let wish = json!({"certificate": certificate, "replaces": old, "cut_over": cut_over});
    must(&caller, "POST", "/v1/keys", Some(wish), 201).await;

    let inbox = world.inbox("acme");
    let (_, file) = report(&world, &caller, &inbox, "during").await;
    if jiff::Timestamp::now() < cut_over {
        assert!(decrypts_with(&world, &old, &file) && decrypts_with(&world, &new, &file), "both during the overlap");
    }
    assert!(String::from_utf8_lossy(&world.decrypt(&file)).contains("bike 500"));
    while jiff::Timestamp::now() <= cut_over {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let (done, file) = report(&world, &caller, &inbox, "after").await;
    assert_eq!(done["file"]["recipients"], json!([new]));
    assert!(!decrypts_with(&world, &old, &file) && decrypts_with(&world, &new, &file), "the new one only");
    assert!(String::from_utf8_lossy(&world.decrypt(&file)).contains("bike 500"));
    let keys = must(&caller, "GET", "/v1/keys", None, 200).await;
    assert_eq!((&keys["keys"][0]["in_use"], &keys["keys"][1]["in_use"]), (&json!(false), &json!(true)), "{keys}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_used_once_gpg_has_opened_the_challenge() {
    let world = world(&format!("{ALLOWED}\nrequire_proof = true")).await;
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let old =
        must(&caller, "GET", "/v1/keys", None, 200).await["keys"][0]["fingerprint"].as_str().expect("one").to_owned();
    let new = world.gpg.generate(&KeySpec { email: "next@acme.example", ..KeySpec::default() });
    // As binary packets in base64.
    let binary = world.gpg.must(["--batch", "--export", &new], b"");
    let encoded = String::from_utf8(base64(&binary)).expect("text");
    let added = must(&caller, "POST", "/v1/keys", Some(json!({"certificate": encoded, "replaces": old})), 201).await;
    assert_eq!((&added["in_use"], &added["awaits_proof"]), (&json!(false), &json!(true)), "{added}");
    let (first, _) = report(&world, &caller, &world.inbox("acme"), "before").await;
    assert_eq!(first["file"]["recipients"], json!([old]), "not before it is proven");
    // It waits, so the old one is the last that is used.
    let refused = must(&caller, "DELETE", &format!("/v1/keys/{old}"), None, 409).await;
    assert_eq!(refused["code"], "SP-REQUEST-040");

    let path = format!("/v1/keys/{new}");
    let ask = format!("{path}:challenge");
    let challenge = || must(&caller, "POST", &ask, None, 200);
    let prove = |answer: &str, status| must_prove(&caller, path.clone(), answer.to_owned(), status);
    let opened = |challenge: &Json| {
        let message = challenge["message"].as_str().expect("a message");
        String::from_utf8(world.gpg.decrypt(message.as_bytes()).expect("gpg decrypts")).expect("text")
    };
    assert_eq!(prove("guess", 400).await["code"], "SP-REQUEST-034", "no challenge yet");
    let text = opened(&challenge().await);
    assert!(text.contains("partner acme") && text.contains(&new), "{text}");
    assert_eq!(prove("guess", 400).await["code"], "SP-REQUEST-034");
    let answer = text.lines().last().expect("a line").to_owned();
    assert_eq!(prove(&answer, 400).await["code"], "SP-REQUEST-034", "one attempt per challenge");
    let (void, valid) = (opened(&challenge().await), opened(&challenge().await));
    assert_ne!(void, valid);
    let proven = prove(&valid, 200).await;
    assert!(proven["proven_at"].is_string() && proven["in_use"] == true, "{proven}");
    let (second, _) = report(&world, &caller, &world.inbox("acme"), "after").await;
    assert_eq!(second["file"]["recipients"], json!([new]), "it has taken the old one's place");

    let done: Vec<String> = world
        .json(&["audit", "--partner", "acme"])
        .as_array()
        .expect("entries")
        .iter()
        .rev()
        .map(|entry| entry["action"].as_str().expect("an action").to_owned())
        .filter(|action| action.starts_with("certificate"))
        .collect();
    assert_eq!(done, ["certificate.add", "certificate.proof_refused", "certificate.prove"]);
    assert!(files_with(world.folder.path(), answer.as_bytes()).is_empty(), "the answer is kept nowhere");
}

/// Its end may have been set while it waited for the proof: then it takes nobody's place.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_does_not_end_the_last_certificate_without_an_end() {
    let world = world(&format!("{ALLOWED}\nrequire_proof = true")).await;
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let keys = must(&caller, "GET", "/v1/keys", None, 200).await;
    let old = keys["keys"][0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    for variant in ["retired", "replaced"] {
        let email = format!("{variant}@acme.example");
        let new = world.gpg.generate(&KeySpec { email: &email, ..KeySpec::default() });
        let wish = json!({"certificate": world.gpg.export(&new), "replaces": old});
        must(&caller, "POST", "/v1/keys", Some(wish), 201).await;
        if variant == "retired" {
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
            must(&caller, "DELETE", &format!("/v1/keys/{new}?at={at}"), None, 200).await;
        } else {
            let wish = json!({"certificate": world.gpg.export(&old), "replaces": new});
            must(&caller, "POST", "/v1/keys", Some(wish), 201).await;
        }
        let proven = open_and_prove(&world, &caller, &new).await;
        assert_eq!(proven["awaits_proof"], false, "{variant}: {proven}");
        let stays = must(&caller, "GET", &format!("/v1/keys/{old}"), None, 200).await;
        assert_eq!((&stays["in_use"], &stays["use_until"]), (&json!(true), &Json::Null), "{variant}: {stays}");
        let (done, _) = report(&world, &caller, &world.inbox("acme"), variant).await;
        let recipients = done["file"]["recipients"].as_array().expect("recipients");
        assert!(recipients.contains(&json!(old)), "{variant}: {done}");
    }
}

/// Asks for a challenge, opens it with gpg and answers it.
async fn open_and_prove(world: &World, caller: &Caller, fingerprint: &str) -> Json {
    let path = format!("/v1/keys/{fingerprint}");
    let challenge = must(caller, "POST", &format!("{path}:challenge"), None, 200).await;
    let message = challenge["message"].as_str().expect("a message");
    let text = String::from_utf8(world.gpg.decrypt(message.as_bytes()).expect("gpg decrypts")).expect("text");
    must_prove(caller, path, text, 200).await
}

async fn must_prove(caller: &Caller, path: String, answer: String, status: u16) -> Json {
    must(caller, "POST", &format!("{path}:prove"), Some(json!({"answer": answer})), status).await
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut child = std::process::Command::new("base64")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("run base64");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("write");
    child.wait_with_output().expect("an end").stdout
}

/// The step of this name.
fn step<'a>(test: &'a Json, name: &str) -> &'a Json {
    let steps = test["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {test}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_set_up_trusted_and_distrusted_when_its_server_changes() {
    let mut world = world(ALLOWED).await;
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let inbox = world.inbox("acme-own");
    std::fs::create_dir_all(&inbox).expect("make the inbox");
    let proxy = ChaosProxy::start(SocketAddr::from(([127, 0, 0, 1], world.sshd.port())));
    let wish = json!({
        "name": "own", "host": "127.0.0.1", "port": proxy.address().port(), "user": user(), "directory": inbox,
        "login": {"method": "generated_key"}, "checksum_file": true,
    });
    let made = must(&caller, "POST", "/v1/destinations", Some(wish.clone()), 201).await;
    let path = format!("/v1/destinations/{}", made["id"].as_str().expect("an id"));
    let test = format!("{path}:test");
    let host_keys = format!("{path}/host-keys");
    let line = made["login"][0]["public_key"].as_str().expect("a public key").to_owned();

    // Nothing is trusted that nobody approved, and nothing is learnt by looking.
    for _ in 0..2 {
        let tested = must(&caller, "POST", &test, None, 200).await;
        assert_eq!(tested["succeeded"], false);
        assert_eq!(step(&tested, "host_key")["failure"]["code"], "SP-DELIVER-014", "{tested}");
    }
    let shown = must(&caller, "GET", &path, None, 200).await;
    assert_eq!(
        (shown["host_keys"].as_array().map(Vec::len), shown["candidates"].as_array().map(Vec::len)),
        (Some(0), Some(1))
    );
    let print = shown["candidates"][0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    assert!(["ed25519", "ecdsa", "rsa"].iter().any(|kind| world.sshd.host_fingerprint(kind) == print), "{print}");
    let unknown = json!({"fingerprint": "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    must(&caller, "POST", &host_keys, Some(unknown), 404).await;
    let trusted = must(&caller, "POST", &host_keys, Some(json!({"fingerprint": print})), 200).await;
    assert_eq!(
        (trusted["host_keys"][0]["fingerprint"].as_str(), &trusted["candidates"]),
        (Some(print.as_str()), &json!([]))
    );

    // The key pair is ours; its public half opens the server's door.
    let tested = must(&caller, "POST", &test, None, 200).await;
    assert_eq!(step(&tested, "login")["failure"]["code"], "SP-DELIVER-005", "{tested}");
    world.sshd.accept(&line);
    let tested = must(&caller, "POST", &test, None, 200).await;
    assert_eq!(tested["succeeded"], true, "{tested}");
    let mut names: Vec<&str> =
        tested["steps"].as_array().expect("steps").iter().map(|step| step["step"].as_str().expect("a name")).collect();
    // The server has keys of other types, too: candidates, no more.
    names.retain(|name| *name != "announced_key");
    assert_eq!(
        names,
        ["resolve", "connect", "key_exchange", "host_key", "login", "directory", "write", "rename", "remove"]
    );
    assert_eq!(step(&tested, "host_key")["host_key"], json!(print));
    let steps = tested["steps"].as_array().expect("steps").iter();
    let announced: Vec<&Json> =
        steps.filter(|step| step["step"] == "announced_key").map(|step| &step["host_key"]).collect();
    let shown = must(&caller, "GET", &path, None, 200).await;
    let candidates = shown["candidates"].as_array().expect("candidates").iter();
    let candidates: Vec<&Json> = candidates.map(|candidate| &candidate["fingerprint"]).collect();
    assert!(!announced.is_empty() && announced.iter().all(|key| candidates.contains(key)), "{shown}, {tested}");
    assert_eq!(shown["host_keys"], trusted["host_keys"]);
    let (done, file) = report(&world, &caller, &inbox, "one").await;
    assert_eq!(done["deliveries"].as_array().map(Vec::len), Some(2), "to both destinations: {done}");
    assert!(String::from_utf8_lossy(&world.decrypt(&file)).contains("bike 500"));

    // The server gets another key: nothing is sent, and the new key is a candidate, no more.
    world.sshd.change_host_keys();
    // A connection whose server was trusted when it began would be kept for a while: it is ended.
    proxy.reset_all();
    let (done, file) = report(&world, &caller, &inbox, "two").await;
    let failed = done["deliveries"]
        .as_array()
        .expect("deliveries")
        .iter()
        .find(|one| one["connector"] == made["id"])
        .expect("ours");
    assert_eq!((&failed["status"], &failed["failure"]["code"]), (&json!("failed"), &json!("SP-DELIVER-003")), "{done}");
    assert!(!file.exists());
    let tested = must(&caller, "POST", &test, None, 200).await;
    assert_eq!(step(&tested, "host_key")["failure"]["code"], "SP-DELIVER-003", "{tested}");
    let shown = must(&caller, "GET", &path, None, 200).await;
    assert_eq!(shown["host_keys"], trusted["host_keys"]);
    let next = step(&tested, "host_key")["host_key"].as_str().expect("the key that it shows").to_owned();
    let candidates = shown["candidates"].as_array().expect("candidates");
    assert!(candidates.iter().any(|candidate| candidate["fingerprint"] == json!(next)), "{shown}");
    must(&caller, "POST", &host_keys, Some(json!({"fingerprint": next})), 200).await;
    let query = print.replace('+', "%2B").replace('/', "%2F");
    let left = must(&caller, "DELETE", &format!("{host_keys}?fingerprint={query}"), None, 200).await;
    assert_eq!(left["host_keys"].as_array().map(Vec::len), Some(1), "{left}");
    let again = format!("/v1/reports/{}/deliveries", done["id"].as_str().expect("an id"));
    must(&caller, "POST", &again, Some(json!({"connector": made["id"]})), 202).await;
    caller.ended(done["id"].as_str().expect("an id")).await;
    assert!(String::from_utf8_lossy(&world.decrypt(&file)).contains("bike 500"));
    let delivered = hex::encode(Sha256::digest(std::fs::read(&file).expect("the file")));
    assert_eq!(json!(delivered), done["file"]["sha256"], "the same bytes, later");

    // A file that does not name connectors leaves this one alone; another port starts without trust.
    let document = std::fs::read_to_string(world.path("partners/acme.toml")).expect("the file");
    let (head, _) = document.split_once("[connectors.main]").expect("a connector");
    world.write("partners/acme.toml", head);
    world.apply();
    assert_eq!(must(&caller, "GET", &path, None, 200).await["host_keys"], left["host_keys"]);
    let mut moved = wish;
    moved["port"] = json!(1);
    moved["login"] = Json::Null;
    let moved = must(&caller, "PUT", &path, Some(moved), 200).await;
    assert_eq!((&moved["host_keys"], &moved["login"][0]["public_key"]), (&json!([]), &json!(line)));
    must(&caller, "DELETE", &path, None, 200).await;
    assert!(files_with(&world.path("data/secrets"), b"OPENSSH PRIVATE KEY").is_empty(), "its key is gone with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_names_a_connector_names_all_of_them() {
    let world = world(ALLOWED).await;
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let wish = json!({
        "name": "second", "host": "127.0.0.1", "port": world.sshd.port(), "user": "nobody",
        "login": {"method": "password", "password": PASSWORD},
    });
    must(&caller, "POST", "/v1/destinations", Some(wish), 201).await;
    let folder = world.path("partners").to_string_lossy().into_owned();
    let planned = || String::from_utf8(world.run(&["apply", &folder, "--plan"]).stdout).expect("text");
    let plan = planned();
    assert!(plan.lines().any(|line| line == "- connector acme/second"), "{plan}");

    // One that names none leaves all as they are.
    let document = std::fs::read_to_string(world.path("partners/acme.toml")).expect("the file");
    let (head, _) = document.split_once("[connectors.main]").expect("a connector");
    world.write("partners/acme.toml", head);
    let plan = planned();
    assert!(plan.starts_with("0 to change"), "{plan}");

    world.write("partners/acme.toml", &document);
    assert_eq!(files_with(&world.path("data/secrets"), PASSWORD.as_bytes()).len(), 1);
    world.apply();
    assert!(files_with(&world.path("data/secrets"), PASSWORD.as_bytes()).is_empty(), "what was handed in for it");
}

/// The vault is a place of the operator's choice, which may have secrets already.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_operators_stays_where_the_vault_is() {
    let mut world = World::with_sqlite(ROWS);
    world.worker("[self_service]\nvault = \"file:secrets\"\n");
    let login = |key: &str| {
        let name = format!("secrets/acme-key{key}");
        world.write(&name, "a key of the operator's");
        format!(
            "name = \"acme\"\nscope = \"acme\"\n[connectors.main]\nhost = \"sftp.acme.example\"\nhost_keys = []\nuser = \"reports\"\n[[connectors.main.login]]\nmethod = \"private_key\"\nkey = \"file:{name}\"\n"
        )
    };
    for key in ["", "-2"] {
        world.write("partners/acme.toml", &login(key));
        world.apply();
    }
    assert!(world.path("secrets/acme-key").exists(), "no connector logs in with it any more, but it is the operator's");
    world.json(&["partner", "remove", "acme"]);
    assert!(world.path("secrets/acme-key-2").exists(), "it is the operator's, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_partners_ask_for_waits_for_the_operator() {
    let world = world("").await;
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let wish = json!({
        "name": "own", "host": "127.0.0.1", "port": world.sshd.port(), "user": "nobody",
        "login": {"method": "password", "password": PASSWORD},
    });
    let asked = must(&caller, "POST", "/v1/destinations", Some(wish), 202).await;
    let change = asked["id"].as_str().expect("an id").to_owned();
    let destination = asked["destination"].as_str().expect("an id").to_owned();
    let path = format!("/v1/destinations/{destination}");
    must(&caller, "GET", &path, None, 404).await;
    assert_eq!(world.json(&["change", "list"])[0]["id"], json!(change));
    let approved = world.json(&["change", "approve", &change, "--reason", "known by phone"]);
    assert_eq!(approved["status"], "applied", "{approved}");
    assert!(!world.run(&["change", "approve", &change]).status.success(), "once only");
    must(&caller, "GET", &path, None, 200).await;

    // The host key goes the other way: by the admin API.
    let tested = must(&caller, "POST", &format!("{path}:test"), None, 200).await;
    let print = step(&tested, "host_key")["host_key"].as_str().expect("a fingerprint").to_owned();
    let wish = json!({"fingerprint": print});
    let asked = must(&caller, "POST", &format!("{path}/host-keys"), Some(wish), 202).await;
    let admin = reqwest::Client::new();
    let decide = |verb: &str| {
        let url = format!("{}/admin/v1/changes/{}:{verb}", world.admin_url(), asked["id"].as_str().expect("an id"));
        admin.post(url).bearer_auth("an-admin-token-for-tests").send()
    };
    let answer: Json = decide("approve").await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["status"], "applied", "{answer}");
    assert_eq!(decide("reject").await.expect("an answer").status().as_u16(), 409);
    // The password is really used, and really wrong.
    let tested = must(&caller, "POST", &format!("{path}:test"), None, 200).await;
    assert_eq!(step(&tested, "login")["failure"]["code"], "SP-DELIVER-005", "{tested}");

    let new = world.gpg.generate(&KeySpec { email: "next@acme.example", ..KeySpec::default() });
    let asked = must(&caller, "POST", "/v1/keys", Some(json!({"certificate": world.gpg.export(&new)})), 202).await;
    world.json(&["change", "reject", asked["id"].as_str().expect("an id")]);
    let seen = must(&caller, "GET", &format!("/v1/changes/{}", asked["id"].as_str().expect("an id")), None, 200).await;
    assert_eq!(seen["status"], "rejected");
    let secret = world.gpg.export_secret(&new);
    let refused = must(&caller, "POST", "/v1/keys", Some(json!({"certificate": secret})), 400).await;
    assert_eq!(refused["code"], "SP-SEAL-002");

    // Who did what, by which credential.
    let entries = world.json(&["audit", "--partner", "acme", "--limit", "1000"]);
    let told: Vec<(String, String)> = entries
        .as_array()
        .expect("entries")
        .iter()
        .rev()
        .map(|entry| {
            (
                entry["action"].as_str().expect("one").to_owned(),
                entry["actor"]["kind"].as_str().expect("one").to_owned(),
            )
        })
        .filter(|(action, _)| !action.starts_with("api_key") && !action.starts_with("partner"))
        .skip(1)
        .collect();
    let expected = [
        ("change.ask", "api_key"),
        ("change.approve", "command_line"),
        ("destination.put", "command_line"),
        ("host_key.candidate", "api_key"),
        ("change.ask", "api_key"),
        ("change.approve", "operator"),
        ("host_key.approve", "operator"),
        ("change.ask", "api_key"),
        ("change.reject", "command_line"),
        ("certificate.refuse", "api_key"),
    ];
    assert_eq!(told, expected.map(|(action, kind)| (action.to_owned(), kind.to_owned())));

    // The password is in the vault and nowhere else: not in the ledger, the log, the audit trail. The private key nowhere.
    let kept = files_with(world.folder.path(), PASSWORD.as_bytes());
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].starts_with(world.path("data/secrets/acme/own")), "{kept:?}");
    let line = secret.lines().find(|line| line.len() > 60).expect("a line of the key");
    assert!(files_with(world.folder.path(), line.as_bytes()).is_empty());
    assert!(world.log().contains("a partner sent a private key"), "{}", world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_destination_leads_into_our_network() {
    let mut world = World::with_sqlite(ROWS);
    world.worker(&format!("lease_s = 5\n[self_service]\nvault = \"file:data/secrets\"\n{ALLOWED}\n"));
    world.report_type("bikes.v1", "title = \"Bikes\"\n", "SELECT id, name FROM bikes WHERE partner = :partner_scope");
    world.partner("acme", "acme");
    world.apply();
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    // A form that only the resolver understands: it is let in here, and stopped before a connection is made.
    let wish = |host: &str| json!({"name": "own", "host": host, "port": world.sshd.port(), "user": user(), "login": {"method": "generated_key"}});
    let refused = must(&caller, "POST", "/v1/destinations", Some(wish("127.0.0.1")), 400).await;
    assert_eq!(refused["code"], "SP-REQUEST-036");
    let made = must(&caller, "POST", "/v1/destinations", Some(wish("127.1")), 201).await;
    let path = format!("/v1/destinations/{}", made["id"].as_str().expect("an id"));
    let tested = must(&caller, "POST", &format!("{path}:test"), None, 200).await;
    assert_eq!(step(&tested, "resolve")["failure"]["code"], "SP-REQUEST-036", "{tested}");
    assert!(!tested.to_string().contains("127.0.0.1"), "what a name stands for inside is not told: {tested}");
    // The operator's own connector goes where the operator says, and stays so when the partner changes its folder.
    let all = must(&caller, "GET", "/v1/destinations", None, 200).await;
    let main =
        all["destinations"].as_array().expect("a list").iter().find(|one| one["name"] == "main").expect("main").clone();
    let folder = world.inbox("elsewhere");
    std::fs::create_dir_all(&folder).expect("make a folder");
    let changed = json!({"host": main["host"], "port": main["port"], "user": main["user"], "directory": folder});
    let path = format!("/v1/destinations/{}", main["id"].as_str().expect("an id"));
    must(&caller, "PUT", &path, Some(changed), 200).await;
    let tested = must(&caller, "POST", &format!("{path}:test"), None, 200).await;
    assert_eq!(tested["succeeded"], true, "{tested}");
}
