//! botocore as the outside judge: it signs and we verify, we sign and it comes to the same signature.

use std::process::Command;
use std::time::Duration;

use http::Request;
use http::request::Parts;
use jiff::Timestamp;
use sealpost_aws::sigv4::{Scope, SigningKeys, sign, verify};
use sealpost_core::secret::Secret;
use sealpost_testkit::server::program;
use serde_json::{Value, json};

/// Signs each request of standard input's list with botocore at a fixed time, and prints the headers that it sends.
const SCRIPT: &str = r#"
import datetime, json, sys
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

wanted = json.loads(sys.argv[1])
botocore.auth.get_current_datetime = lambda: datetime.datetime(2026, 11, 22, 21, 0, 0)
out = []
for one in wanted:
    request = AWSRequest(method="POST", url=one["url"], data=one["body"].encode())
    for name, value in one["headers"]:
        request.headers[name] = value
    credentials = Credentials(one["key"], one["secret"])
    botocore.auth.SigV4Auth(credentials, one["service"], one["region"]).add_auth(request)
    out.append([[name, value] for name, value in request.headers.items()])
print(json.dumps(out))
"#;

const SECRET: &str = "kJ9v/abcdefghijklmnopqrstuvwxyz+01234567";

fn cases() -> Vec<Value> {
    let case = |url: &str, body: &str, headers: Value| {
        json!({
            "url": url, "body": body, "headers": headers, "key": "SPAKABCDEFGHIJKLMNOP", "secret": SECRET,
            "service": "transfer", "region": "eu-central-1",
        })
    };
    vec![
        case("http://127.0.0.1:8443/", "", json!([])),
        case("https://transfer.example/", "{}", json!([["Content-Type", "application/x-amz-json-1.1"]])),
        case(
            "http://localhost:9/",
            r#"{"ConnectorId":"c-0123456789abcdef0","SendFilePaths":["/b/ä.csv"]}"#,
            json!([
                ["X-Amz-Target", "TransferService.StartFileTransfer"],
                ["Content-Type", "application/x-amz-json-1.1"],
                ["User-Agent", "Botocore/1.43"],
                ["amz-sdk-invocation-id", "5d9e3d2a-0000-4000-8000-000000000000"],
                ["amz-sdk-request", "attempt=1; max=3"],
                ["x-sealpost-metadata", "{\"a\":  \"b   c\"}"],
            ]),
        ),
        case("http://[::1]:8443/", "{}", json!([["x-amz-b", "  one\ttwo   three "], ["X-Amz-A", ""]])),
        case("https://gateway.example/transfer/v1/", "{}", json!([["X-Amz-Target", "TransferService.ListConnectors"]])),
    ]
}

fn by_botocore(cases: &[Value]) -> Vec<Vec<(String, String)>> {
    let home = std::env::var("HOME").unwrap_or_default();
    let venv = std::path::PathBuf::from(home).join(".cache/sealpost/python/bin/python");
    let python = if venv.is_file() { venv } else { program(&["python3"], "python3") };
    let output = Command::new(python).args(["-c", SCRIPT, &json!(cases).to_string()]).output().expect("Python starts");
    assert!(output.status.success(), "botocore: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn parts(url: &str, headers: &[(String, String)]) -> Parts {
    let uri: http::Uri = url.parse().unwrap();
    let mut request = Request::builder().method("POST").uri(uri.path());
    request = request.header("host", uri.authority().unwrap().as_str());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn botocore_and_we_come_to_the_same() {
    let now: Timestamp = "2026-11-22T21:00:00Z".parse().unwrap();
    let scope = Scope::new("eu-central-1", "transfer");
    let keys = SigningKeys {
        access_key_id: "SPAKABCDEFGHIJKLMNOP".to_owned(),
        secret: Secret::new(SECRET.as_bytes().to_vec()),
        session_token: None,
    };
    let cases = cases();
    for (case, theirs) in cases.iter().zip(by_botocore(&cases)) {
        let (url, body) = (case["url"].as_str().unwrap(), case["body"].as_str().unwrap().as_bytes());
        let received = parts(url, &theirs);
        verify(&received, body, &keys.secret, &scope, now, Duration::from_secs(900))
            .unwrap_or_else(|refusal| panic!("{url}: {refusal}"));

        let given: Vec<(String, String)> = serde_json::from_value(case["headers"].clone()).unwrap();
        let mut ours = parts(url, &given);
        sign(&mut ours, body, &keys, &scope, now).unwrap();
        assert_eq!(ours.headers["authorization"], received.headers["authorization"], "{url}");
    }
    assert!(cases.len() >= 5);
}
