//! The access log: one line per request, and nothing in it that is secret.

use std::io::Write;
use std::sync::{Arc, Mutex};

use reqwest::StatusCode;
use serde_json::json;

use crate::rig::{Rig, header};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn one_line_per_request_without_keys_bodies_and_query_values() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // Everything of this test runs on this one thread.
    let _guard = tracing::subscriber::set_default(subscriber);
    let rig = Rig::idle().await;
    let body = json!({"report_type": "contracts.v1", "parameters": {"from": "BODY-CANARY"}});
    let refused =
        rig.post(&rig.acme, "/v1/reports", &body).header("idempotency-key", "KEY-CANARY").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    rig.get(&rig.acme, "/v1/reports?report_type=query.canary").send().await.unwrap();
    rig.client.get(format!("{}/v1/PATH-CANARY", rig.public)).bearer_auth("TOKEN-CANARY").send().await.unwrap();

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.to_uppercase().contains("CANARY") && !text.contains(&rig.acme.key), "{text}");
    let access: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["target"] == "sealpost::http" && line["level"] != "DEBUG")
        .collect();
    assert_eq!(access.len(), 3, "{text}");
    let fields = &access[0]["fields"];
    assert_eq!(fields["request_id"], header(&refused, "x-request-id"));
    for (name, value) in [
        ("plane", json!("partner")),
        ("method", json!("POST")),
        ("route", json!("/v1/reports")),
        ("status", json!(400)),
        ("partner", json!("acme")),
        ("code", json!("SP-REQUEST-001")),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }
    assert!(fields["elapsed_ms"].is_u64());
    assert_eq!((&access[2]["fields"]["route"], &access[2]["fields"]["partner"]), (&json!("-"), &json!("-")));
}
