//! The server's certificate is verified.

use sealpost_core::error::codes::source as codes;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::suite::source::{described, rows};
use serde_json::json;

use crate::{build, settings};

#[tokio::test]
async fn only_the_right_certificate_for_the_right_name_is_accepted() {
    let server = MariaDb::start_with_tls();
    server.run("", "ALTER USER sealpost@'%' REQUIRE SSL");
    let with = |host: &str, tls: serde_json::Value| {
        let mut given = settings(&server, "mysql");
        given["host"] = json!(host);
        given["tls"] = tls;
        build("mysql", given)
    };
    let right = json!({"mode": "required", "ca_file": server.ca_file()});
    let source = with("localhost", right.clone());
    let sql = "SELECT variable_value AS v FROM information_schema.session_status \
               WHERE variable_name = 'Ssl_version' AND 'x' = :partner_scope";
    let query = described(&*source, sql, json!({}), "x").await;
    assert!(rows(&*source, &query).await[0][0].contains("TLSv1."), "the session is encrypted");

    for (what, host, tls) in [
        ("a foreign authority", "localhost", json!({"mode": "required", "ca_file": server.wrong_ca_file()})),
        ("no authority named", "localhost", json!({"mode": "required"})),
        ("another name", "127.0.0.1", right),
        ("a file that is no certificate", "localhost", json!({"mode": "required", "ca_file": "/etc/passwd"})),
        ("no such file", "localhost", json!({"mode": "required", "ca_file": "/no/such/file"})),
    ] {
        let error = with(host, tls).check().await.unwrap_err();
        assert!(error.is(&codes::TLS) && !error.is_retried(), "{what}: {error}");
    }
    let lax = json!({"mode": "required", "ca_file": server.ca_file(), "verify_identity": false});
    with("127.0.0.1", lax).check().await.unwrap();
    let error = with("127.0.0.1", json!({"mode": "disabled"})).check().await.unwrap_err();
    assert!(error.is(&codes::LOGIN), "the account demands TLS: {error}");
}
