//! The IAM actions that the functions call, held against what Terraform's policies allow: nothing more, and nothing unused.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// What the policies are made from.
const ALLOWED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/terraform/modules/iam/actions.json");

/// Allowed, and not called on the way that this test goes: function, action, when it is called.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("api", "dynamodb:ConditionCheckItem", "a partner changes something about itself"),
    ("api", "dynamodb:DeleteItem", "a partner removes a webhook or a destination"),
    ("api", "s3:ListBucket", "never: by it S3 tells a file that is gone (404) from one that is refused (403)"),
    ("api", "secretsmanager:GetSecretValue", "a partner makes a webhook, tests a destination"),
    ("api", "transfer:DescribeConnector", "a partner tests a destination"),
    ("api", "transfer:TestConnection", "a partner tests a destination"),
    ("events", "dynamodb:BatchGetItem", "the removal of a partner that was cut short is finished"),
    ("events", "dynamodb:ConditionCheckItem", "the removal of a partner that was cut short is finished"),
    ("worker", "events:PutEvents", "where a bus is named for the events of transfers"),
    ("worker", "s3:AbortMultipartUpload", "a report fails while it is stored"),
    ("worker", "s3:ListBucketMultipartUploads", "a report is removed whose last attempt failed"),
];

/// Services whose calls are not made by us: Lambda and S3 use the keys on a function's behalf.
const ON_BEHALF: [&str; 2] = ["kms", "logs"];

/// Compares.
pub(crate) fn check(called: &BTreeMap<String, BTreeSet<String>>) {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for (function, allowed) in &allowed {
        let none = BTreeSet::new();
        let called = called.get(function).unwrap_or(&none);
        for action in called.difference(allowed) {
            wrong.push(format!("{function} calls {action}, which its role does not allow"));
        }
        for action in allowed.difference(called) {
            if !ELSEWHERE.iter().any(|(of, known, _)| of == function && known == action) {
                wrong.push(format!("{function} may call {action} and never does"));
            }
        }
        for (_, action, when) in ELSEWHERE.iter().filter(|(of, ..)| of == function) {
            if !allowed.contains(*action) || called.contains(*action) {
                wrong.push(format!("{function}: {action} ({when}) is no exception any more"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(ALLOWED).expect("read the actions of Terraform's policies");
    let file: BTreeMap<String, BTreeMap<String, Vec<String>>> = serde_json::from_str(&text).expect("JSON");
    let of = |services: BTreeMap<String, Vec<String>>| {
        let ours = services.into_iter().filter(|(service, _)| !ON_BEHALF.contains(&service.as_str()));
        ours.flat_map(|(_, actions)| actions).collect()
    };
    file.into_iter().map(|(function, services)| (function, of(services))).collect()
}

/// A statement's actions, for a look at what is in the file.
#[test]
fn the_file_names_functions_services_and_actions() {
    let text = std::fs::read_to_string(ALLOWED).expect("read the actions of Terraform's policies");
    let file: Json = serde_json::from_str(&text).expect("JSON");
    for function in ["api", "worker", "events", "authorizer"] {
        assert!(file[function].is_object(), "{function}");
    }
    for (function, actions) in allowed() {
        for action in actions {
            assert!(!action.contains('*'), "{function}: {action}");
        }
    }
}
