//! Secrets are changed while the product runs: the database's account, the partner's SFTP key. Nothing is restarted, and
//! every report and delivery succeeds at its first attempt.

use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::sshd::{public_key, user};
use serde_json::{Value as Json, json};

use crate::world::{Caller, World};

const REPORT: &str = "SELECT id, partner FROM ride WHERE partner = :partner_scope ORDER BY id\n";

fn put(moto: &Moto, operation: &str, name: &str, value: &Json) {
    let id = if operation == "CreateSecret" { "Name" } else { "SecretId" };
    let body = json!({id: name, "SecretString": value.to_string()});
    drop(moto.call("secretsmanager", &format!("secretsmanager.{operation}"), &body));
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_secrets_fail_no_job() {
    let moto = Moto::start();
    let server = MariaDb::start();
    let database = server.database();
    server.run(
        &database,
        "CREATE TABLE ride (id INT, partner VARCHAR(9)); INSERT INTO ride VALUES (1, 'acme'), (2, 'acme')",
    );
    let account = |number: u32| {
        let (name, password) = (format!("reports-{number}"), format!("canary-{number}"));
        server.run(
            "",
            &format!("CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'; GRANT SELECT ON *.* TO '{name}'@'%'"),
        );
        json!({"username": name, "password": password})
    };
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.port()));
    let mut world = World::with_mysql(address, &database, "unused", "unused");
    let login = |key: &std::path::Path| {
        let key = std::fs::read_to_string(key).expect("a key");
        json!({"Username": user(), "PrivateKey": key})
    };
    put(&moto, "CreateSecret", "database", &account(0));
    put(&moto, "CreateSecret", "partner", &login(&world.sshd.client_key("ed25519", "256", "RFC4716", "")));
    world.rewrite("sealpost.toml", |text| {
        let (before, after) = text.split_once("user = \"unused\"").expect("an account");
        let (_, after) = after.split_once("password = \"file:secrets/db\"").expect("a password");
        format!("{before}credentials = \"aws-sm:database\"{after}")
    });
    for (name, value) in [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.endpoint()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ] {
        world.variables.push((name.to_owned(), value));
    }
    world.report_type("rides.v1", "title = \"Rides\"\n", REPORT);
    world.partner("acme", "acme");
    world.rewrite("partners/acme.toml", |text| {
        let (before, _) = text.split_once("[[connectors.main.login]]").expect("a login");
        let before = before.replace(&format!("user = \"{}\"\n", user()), "");
        format!("{before}[connectors.main.user_secret]\nsecret = \"aws-sm:partner\"\n")
    });
    world.apply();
    let doctor = world.json(&["doctor", "--no-connectors"]);
    let finding = doctor.as_array().expect("findings").iter().find(|finding| finding["subject"] == "secrets aws-sm");
    assert_eq!(finding.expect("a finding")["detail"], "1 reference resolved", "{doctor:#}");

    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    for number in 0..4 {
        let ask = json!({"report_type": "rides.v1", "format": "csv"});
        let (status, report) = caller.create(ask, &format!("rotation-{number}")).await.expect("an answer");
        assert_eq!(status, 202, "{report}");
        let report = caller.ended(report["id"].as_str().expect("an id")).await;
        let delivery = &report["deliveries"][0];
        assert_eq!((&report["status"], &report["attempts"]), (&json!("succeeded"), &json!(1)), "{report:#}");
        assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("delivered"), &json!(1)), "{report:#}");

        server.run("", &format!("DROP USER 'reports-{number}'@'%'"));
        put(&moto, "PutSecretValue", "database", &account(number + 1));
        let key = world.sshd.unaccepted_key("ed25519", "256", "RFC4716", "");
        world.sshd.accept_none();
        world.sshd.accept(&public_key(&key));
        put(&moto, "PutSecretValue", "partner", &login(&key));
    }
    assert!(!world.log().contains("canary-"), "no secret is in the log");
}
