//! A server that speaks Vault's API, by TLS. The database's password comes from it, as a role, and is changed while the
//! product runs: nothing is restarted, and every report succeeds at its first attempt. What partners hand in goes to it, for all
//! machines that share the ledger.

use std::process::{Command, Stdio};

use sealpost_testkit::mariadb::{MariaDb, PASSWORD, USER};
use sealpost_testkit::sshd::user;
use sealpost_testkit::vault::Vault;
use serde_json::{Value as Json, json};

use crate::world::{Caller, World};

const REPORT: &str = "SELECT id, partner FROM ride WHERE partner = :partner_scope ORDER BY id\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_changed_at_the_database_and_at_vault_fails_no_job() {
    let vault = Vault::start_with_tls();
    let role = vault.app_role("sealpost", 3600);
    vault.ask("POST", "sys/mounts/reports", &json!({"type": "kv"}));
    let server = MariaDb::start();
    let database = server.database();
    server.run(
        &database,
        "CREATE TABLE ride (id INT, partner VARCHAR(9)); INSERT INTO ride VALUES (1, 'acme'), (2, 'acme')",
    );
    server.run("", "CREATE USER 'reports'@'%'; GRANT SELECT ON *.* TO 'reports'@'%'");
    let rotate = |number: u32| {
        let password = format!("canary-{number}");
        // Connections that are open would go on with the login of before.
        server.run("", &format!("ALTER USER 'reports'@'%' IDENTIFIED BY '{password}'; KILL USER 'reports'@'%'"));
        vault.ask("POST", "reports/database", &json!({ "password": password }));
    };
    rotate(0);

    let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.port()));
    let mut world = World::with_mysql(address, &database, "reports", "unused");
    world.write("secrets/vault-secret-id", &role.secret_id);
    world.variables.push(("VAULT_ROLE".to_owned(), role.role_id.clone()));
    world.rewrite("sealpost.toml", |text| {
        let text = text.replace("\"file:secrets/db\"", "\"vault:reports/database#password\"");
        format!(
            "{text}\n[secrets.vault]\naddress = \"{}\"\nca_file = \"{}\"\nauth = {{ method = \"approle\", role_id = \"env:VAULT_ROLE\", secret_id = \"file:secrets/vault-secret-id\" }}\n",
            vault.address(),
            vault.ca_file().display(),
        )
    });
    world.report_type("rides.v1", "title = \"Rides\"\n", REPORT);
    world.partner("acme", "acme");
    world.apply();
    let doctor = world.json(&["doctor", "--no-connectors"]);
    let finding = doctor.as_array().expect("findings").iter().find(|finding| finding["subject"] == "secrets vault");
    assert_eq!(finding.expect("a finding")["detail"], "1 reference resolved", "{doctor:#}");

    let key = world.api_key("acme");
    let logins = vault.asked("POST auth/approle/login", 200);
    let mut reads = vault.asked("GET reports/database", 200);
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &key);
    for number in 0..3 {
        let ask = json!({"report_type": "rides.v1", "format": "csv"});
        let (status, report) = caller.create(ask, &format!("rotation-{number}")).await.expect("an answer");
        assert_eq!(status, 202, "{report}");
        let report = caller.ended(report["id"].as_str().expect("an id")).await;
        assert_eq!((&report["status"], &report["attempts"]), (&json!("succeeded"), &json!(1)), "{report:#}");
        assert_eq!(report["deliveries"][0]["status"], "delivered", "{report:#}");
        let before = std::mem::replace(&mut reads, vault.asked("GET reports/database", 200));
        assert!(reads > before, "the new value was asked for");
        rotate(number + 1);
    }
    let denied = server.rows("", "SHOW GLOBAL STATUS LIKE 'Access_denied_errors'");
    assert!(!denied.trim().ends_with("\t0"), "a password of before was refused: {denied}");
    assert_eq!(vault.asked("POST auth/approle/login", 200), logins + 1, "one login for all");
    let log = world.log();
    assert!(!log.contains("canary-") && !log.contains(&role.secret_id), "no secret is in the log");
}

/// The step of this name of a connector's test.
fn step<'a>(steps: &'a Json, name: &str) -> &'a Json {
    let mut all = steps.as_array().expect("steps").iter();
    all.find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {steps}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_hands_in_at_one_machine_is_used_by_another() {
    let vault = Vault::start_with_tls();
    vault.ask("POST", "sys/mounts/reports", &json!({"type": "kv"}));
    let server = MariaDb::start();
    let mut world = World::with_sqlite("CREATE TABLE ride (id INTEGER PRIMARY KEY, partner TEXT NOT NULL);");
    let ledger = format!(
        "{{ kind = \"mysql\", host = \"127.0.0.1\", port = {}, database = \"{}\", user = \"{USER}\", password = \"env:LEDGER_PASSWORD\" }}",
        server.port(),
        server.database(),
    );
    let secrets = format!(
        "{{ address = \"{}\", ca_file = \"{}\", kv = {{ reports = 1 }} }}",
        vault.address(),
        vault.ca_file().display(),
    );
    let self_service = "{ vault = \"vault:reports/sealpost/partners\", destinations = \"allowed\", host_keys = \"allowed\", \
                        allow_destinations = [\"127.0.0.0/8\"] }";
    world.variables = [
        ("SEALPOST__LEDGER", ledger.as_str()),
        ("LEDGER_PASSWORD", PASSWORD),
        ("SEALPOST__SECRETS__VAULT", secrets.as_str()),
        ("VAULT_TOKEN", vault.root_token()),
        ("SEALPOST__SELF_SERVICE", self_service),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    world.partner("acme", "acme");
    world.apply();

    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let must = async |method: &str, path: &str, body: Option<Json>, status: u16| {
        let (got, answer) = caller.call(method, path, body).await.expect("an answer");
        assert_eq!(got, status, "{method} {path}: {answer} {}", world.log());
        answer
    };
    let inbox = world.inbox("acme-own");
    std::fs::create_dir_all(&inbox).expect("make the inbox");
    let wish = json!({
        "name": "own", "host": "127.0.0.1", "port": world.sshd.port(), "user": user(), "directory": inbox,
        "login": {"method": "generated_key"},
    });
    let made = must("POST", "/v1/destinations", Some(wish), 201).await;
    world.sshd.accept(made["login"][0]["public_key"].as_str().expect("a public key"));
    let path = format!("/v1/destinations/{}", made["id"].as_str().expect("an id"));
    let tested = must("POST", &format!("{path}:test"), None, 200).await;
    let shown = step(&tested["steps"], "host_key")["host_key"].clone();
    must("POST", &format!("{path}/host-keys"), Some(json!({ "fingerprint": shown })), 200).await;

    // It is in Vault, and in no folder.
    let connectors = world.json(&["connector", "list"]);
    let own = connectors.as_array().expect("connectors").iter().find(|one| one["name"] == "own").expect("ours");
    let key = own["settings"]["login"][0]["key"].as_str().expect("a reference");
    let place = key.strip_prefix("vault:").and_then(|rest| rest.strip_suffix("#value")).expect("of Vault");
    assert!(place.starts_with("reports/sealpost/partners/acme/own/"), "{key}");
    let kept = vault.ask("GET", place, &Json::Null);
    assert!(kept["data"]["value"].as_str().is_some_and(|text| text.contains("OPENSSH PRIVATE KEY")), "its key is kept");
    assert!(!world.path("data/secrets").exists());

    // Another machine has the same configuration, and nothing else of this one.
    std::fs::create_dir_all(world.path("other/catalogue")).expect("make a folder");
    std::fs::copy(world.path("sealpost.toml"), world.path("other/sealpost.toml")).expect("copy the configuration");
    std::fs::copy(world.path("company.sqlite"), world.path("other/company.sqlite")).expect("copy the database");
    let mut other = Command::new(env!("CARGO_BIN_EXE_sealpost"));
    other.arg("--config").arg(world.path("other/sealpost.toml")).args(["--json", "connector", "test", "acme/own"]);
    other.env_remove("SEALPOST_CONFIG").envs(world.variables.iter().map(|(name, value)| (name, value)));
    let output = other.stdin(Stdio::null()).output().expect("run sealpost");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let steps: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(step(&steps, "login")["failure"], Json::Null, "{steps}");

    must("DELETE", &path, None, 200).await;
    let (status, _) = vault.ask_as(vault.root_token(), "GET", place, &Json::Null);
    assert_eq!(status, 404, "its key is gone with it");
}
