//! Real input: the Sakila database from MariaDB, through every format and the whole path to OpenSSH, decrypted by gpg,
//! and equal, value by value, to what the stock client prints. A store is a partner.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use sealpost_testkit::mariadb::MariaDb;
use serde_json::{Value as Json, json};

use crate::world::{Caller, World};

const FORMATS: [&str; 7] = ["csv", "tsv", "json", "ndjson", "xml", "xlsx", "parquet"];

const RENTALS: &str = "SELECT r.rental_id, r.rental_date, i.inventory_id, c.first_name, c.last_name, c.email, f.title, f.rental_rate, f.rating,
    f.special_features, f.release_year, r.return_date, r.last_update
FROM rental AS r
JOIN inventory AS i ON i.inventory_id = r.inventory_id
JOIN film AS f ON f.film_id = i.film_id
JOIN customer AS c ON c.customer_id = r.customer_id
WHERE i.store_id = :partner_scope
ORDER BY r.rental_id";

const PAYMENTS: &str =
    "SELECT p.payment_id, p.amount, p.payment_date, p.rental_id, c.customer_id, c.active, c.create_date, p.last_update
FROM payment AS p
JOIN customer AS c ON c.customer_id = p.customer_id
JOIN staff AS s ON s.staff_id = p.staff_id
WHERE s.store_id = :partner_scope
  AND (:at_least IS NULL OR p.amount >= :at_least)
ORDER BY p.payment_id";

#[tokio::test(flavor = "multi_thread")]
async fn every_report_in_every_format_equals_the_stock_client() {
    let server = MariaDb::start();
    let database = server.load_sakila();
    server.run(
        "",
        "CREATE USER 'reports'@'%' IDENTIFIED BY 'sakila-password'; GRANT SELECT ON sakila.* TO 'reports'@'%';",
    );
    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let world = World::with_mysql(address, &database, "reports", "sakila-password");
    let scope = "[scope]\ntype = \"integer\"\n";
    world.report_type("rentals.v1", &format!("title = \"Rentals\"\n{scope}"), RENTALS);
    world.report_type(
        "payments.v1",
        &format!("title = \"Payments\"\n{scope}[parameters.at_least]\ntype = \"decimal\"\nscale = 2\n"),
        PAYMENTS,
    );
    for store in ["1", "2"] {
        world.partner(&format!("store-{store}"), store);
    }
    world.apply();
    let _serving = world.serve().await;

    for store in ["1", "2"] {
        let partner = format!("store-{store}");
        let caller = Caller::new(&world, &world.api_key(&partner));
        for (report, sql, parameters) in
            [("rentals.v1", RENTALS, json!({})), ("payments.v1", PAYMENTS, json!({ "at_least": "4.99" }))]
        {
            let sql = sql.replace(":partner_scope", store).replace(":at_least", "4.99");
            let printed = server.rows(&database, &format!("SET time_zone = '+00:00'; {sql};"));
            let (_, described) =
                caller.call("GET", &format!("/v1/report-types/{report}"), None).await.expect("an answer");
            let columns = described["columns"].as_array().expect("columns").clone();
            for format in FORMATS {
                let expected = canonical(&printed, &columns, format);
                assert!(expected.len() > 1000, "{report}: the stock client printed {} rows", expected.len());
                let options = if format == "csv" { json!({ "null_text": "\\N" }) } else { json!({}) };
                let ask = json!({ "report_type": report, "format": format, "parameters": parameters, "format_options": options });
                let (status, created) = caller.call("POST", "/v1/reports", Some(ask)).await.expect("an answer");
                assert_eq!(status, 202, "{created}");
                let ended = caller.ended(created["id"].as_str().expect("an id")).await;
                assert_eq!(ended["deliveries"][0]["status"], "delivered", "{ended}");
                let file = world.inbox(&partner).join(ended["file"]["name"].as_str().expect("a name"));
                let plain = world.path(&format!("plain.{format}"));
                std::fs::write(&plain, world.decrypt(&file)).expect("write");
                let rows = read_back(format, &plain, &columns, &options);
                assert_eq!(ended["row_count"], expected.len(), "{report} {format}");
                assert_eq!(rows.len(), expected.len(), "{report} {format}");
                for (number, (row, expected)) in rows.iter().zip(&expected).enumerate() {
                    assert_eq!(row, expected, "{report} {format}, row {}", number + 1);
                }
            }
        }
    }
}

/// What the stock client printed, in the canonical form of the independent readers.
fn canonical(printed: &str, columns: &[Json], format: &str) -> Vec<Vec<Json>> {
    let cell = |text: &str, column: &Json| -> Json {
        if text == "NULL" {
            return Json::Null;
        }
        let text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\");
        match column["type"].as_str().expect("a type") {
            "date_time" => json!(with_micros(&text)),
            // A cell of a workbook has no zone: it shows the report's wall clock, which is UTC here.
            "timestamp" if format == "xlsx" => json!(with_micros(&text)),
            "timestamp" => {
                let instant: jiff::Timestamp = format!("{}Z", text.replace(' ', "T")).parse().expect("an instant");
                json!(instant.as_microsecond().to_string())
            }
            _ => json!(text),
        }
    };
    printed
        .lines()
        .map(|line| line.split('\t').zip(columns).map(|(text, column)| cell(text, column)).collect())
        .collect()
}

fn with_micros(text: &str) -> String {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{fraction:0<6}")
}

/// The file as a library that is not ours reads it.
fn read_back(format: &str, file: &Path, columns: &[Json], options: &Json) -> Vec<Vec<Json>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sealpost-format/tests/readers/read.py");
    let columns = serde_json::to_string(columns).expect("JSON");
    let output = Command::new("python3")
        .arg(script)
        .args([format])
        .arg(file)
        .args([&columns, &options.to_string()])
        .output()
        .expect("run python3");
    assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_checked_against_the_real_database() {
    let server = MariaDb::start();
    let database = server.load_sakila();
    server.run("", "CREATE USER 'reports'@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON sakila.* TO 'reports'@'%';");
    let world = World::with_mysql(SocketAddr::from(([127, 0, 0, 1], server.port())), &database, "reports", "pw");
    let scope = "title = \"x\"\n[scope]\ntype = \"integer\"\n";
    let bad = BTreeMap::from([
        ("no-scope.v1", ("SELECT rental_id FROM rental", "SP-SOURCE-008")),
        ("writes.v1", ("DELETE FROM rental WHERE rental_id = :partner_scope", "SP-SOURCE-009")),
        ("two.v1", ("SELECT :partner_scope; SELECT 2", "SP-SOURCE-009")),
        ("typo.v1", ("SELECT rental_id\nFROM rentl\nWHERE rental_id = :partner_scope", "SP-SOURCE-007")),
        (
            "unknown.v1",
            ("SELECT rental_id FROM rental WHERE rental_id = :partner_scope AND rental_date > :since", "SP-SOURCE-010"),
        ),
    ]);
    for (id, (sql, _)) in &bad {
        world.report_type(id, scope, sql);
    }
    let output = world.run(&["report", "list"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for (id, (_, code)) in bad {
        let line =
            said.lines().find(|line| line.contains(&format!("{id}.sql"))).unwrap_or_else(|| panic!("{id} in {said}"));
        assert!(line.contains(code), "{id}: {line}");
        assert!(line.contains("line"), "{id} names no line: {line}");
    }
}
