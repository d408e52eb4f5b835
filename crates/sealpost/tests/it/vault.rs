//! The database's password comes from a server that speaks Vault's API, by TLS and as a role, and is changed while the
//! product runs. Nothing is restarted, and every report succeeds at its first attempt.

use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::vault::Vault;
use serde_json::json;

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
