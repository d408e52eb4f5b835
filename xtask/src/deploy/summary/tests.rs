use super::{LONGEST, Summary};
use crate::deploy::json::Json;

/// As `terraform show -json` of 1.11 prints it, shortened.
const PLAN: &str = r#"{
  "format_version": "1.2", "terraform_version": "1.11.4", "errored": false,
  "resource_changes": [
    {"address": "module.queue.aws_sqs_queue.work", "type": "aws_sqs_queue", "change": {"actions": ["no-op"], "before": {}, "after": {}}},
    {"address": "data.aws_region.current", "type": "aws_region", "mode": "data", "change": {"actions": ["read"], "before": null, "after": {}}},
    {"address": "module.api.aws_lambda_function.api", "type": "aws_lambda_function", "change": {"actions": ["update"],
      "before": {"memory_size": 512, "timeout": 29, "environment": {"TOKEN": "canary-before"}},
      "after": {"memory_size": 1024, "timeout": 29, "environment": {"TOKEN": "canary-after"}},
      "after_unknown": {"last_modified": true}, "before_sensitive": {"environment": {"TOKEN": true}}, "after_sensitive": {"environment": {"TOKEN": true}}}},
    {"address": "module.ledger.aws_dynamodb_table.ledger", "type": "aws_dynamodb_table", "change": {"actions": ["delete", "create"],
      "before": {"name": "canary-name"}, "after": {"name": "canary-other"}, "replace_paths": [["hash_key"], ["attribute", 0]]}},
    {"address": "module.transfer.aws_transfer_connector.partner[\"acme\"]", "type": "aws_transfer_connector", "change": {"actions": ["create"], "before": null, "after": {"url": "canary-url"}}},
    {"address": "module.store.aws_s3_bucket.store", "type": "aws_s3_bucket", "change": {"actions": ["delete"], "before": {"bucket": "canary-bucket"}, "after": null}},
    {"address": "module.api.aws_cloudwatch_log_group.old", "type": "aws_cloudwatch_log_group", "change": {"actions": ["delete"], "before": {}, "after": null}}
  ],
  "output_changes": {
    "api_url": {"actions": ["update"], "before": "canary-output", "after": "canary-output-2"},
    "same": {"actions": ["no-op"], "before": 1, "after": 1}
  },
  "resource_drift": [{"address": "x"}]
}"#;

fn summary(plan: &str) -> Summary {
    Summary::of(&Json::parse(plan).unwrap()).unwrap()
}

#[test]
fn what_hurts_comes_first_and_is_counted() {
    let summary = summary(PLAN);
    assert_eq!(summary.title(), "2 to destroy, 1 to replace, 1 to change, 1 to create");
    let page = summary.page("prod", "abc");
    let positions =
        ["### Destroyed", "### Replaced", "### Changed", "### Created"].map(|title| page.find(title).unwrap());
    assert!(positions.is_sorted(), "{page}");
    assert!(page.contains("- **`module.api.aws_cloudwatch_log_group.old`**\n"), "{page}");
    assert!(
        page.contains("- **`module.ledger.aws_dynamodb_table.ledger`** because of `attribute`, `hash_key`\n"),
        "{page}"
    );
    assert!(page.contains("aws_transfer_connector.partner[\"acme\"]`\n"), "{page}");
    assert!(page.contains("Outputs that change: `api_url`\n"), "{page}");
    assert!(page.contains("1 resources were changed outside"), "{page}");
    assert!(!page.contains("aws_sqs_queue") && !page.contains("aws_region"), "{page}");
}

#[test]
fn what_holds_data_is_warned_of() {
    let page = summary(PLAN).page("prod", "abc");
    let warning = page.split("| action |").next().unwrap();
    assert!(warning.contains("CAUTION"), "{page}");
    assert!(warning.contains("aws_dynamodb_table.ledger") && warning.contains("aws_s3_bucket.store"), "{page}");
    assert!(!warning.contains("log_group"), "{page}");
}

#[test]
fn names_of_attributes_are_shown_and_values_never() {
    let page = summary(PLAN).page("prod", "abc");
    assert!(page.contains("`environment (sensitive)`, `last_modified`, `memory_size`\n"), "{page}");
    assert!(!page.contains("canary"), "{page}");
    assert!(!page.contains("1024") && !page.contains("timeout"), "{page}");
}

#[test]
fn nothing_to_do_says_so() {
    let plan = r#"{"format_version":"1.2","resource_changes":[{"address":"a","change":{"actions":["no-op"]}}]}"#;
    assert_eq!(summary(plan).title(), "no changes");
    assert!(!summary(plan).page("dev", "abc").contains("###"));
    let outputs = r#"{"format_version":"1.2","output_changes":{"x":{"actions":["create"]}}}"#;
    assert_eq!(summary(outputs).title(), "1 outputs to change");
}

#[test]
fn an_unknown_format_and_an_errored_plan_are_not_glossed_over() {
    assert!(Summary::of(&Json::parse(r#"{"format_version":"2.0"}"#).unwrap()).is_err());
    assert!(Summary::of(&Json::parse("{}").unwrap()).is_err());
    let errored = summary(r#"{"format_version":"1.2","errored":true}"#).page("dev", "abc");
    assert!(errored.contains("can't be applied"), "{errored}");
}

#[test]
fn a_large_plan_still_fits_into_a_comment() {
    let one = |number: usize| {
        format!(
            r#"{{"address":"module.partners.aws_cognito_user_pool_client.partner[\"{number:0>40}\"]","type":"x","change":{{"actions":["create"]}}}}"#
        )
    };
    let plan = format!(
        r#"{{"format_version":"1.2","resource_changes":[{}]}}"#,
        (0..5_000).map(one).collect::<Vec<_>>().join(",")
    );
    let page = summary(&plan).page("prod", "abc");
    assert!(page.len() < LONGEST + 1_000, "{}", page.len());
    assert!(page.contains("5000 to create"), "{}", &page[..100]);
    assert!(page.contains("more: what terraform printed has all of them"));
}

#[test]
fn a_key_can_not_break_out_of_its_code() {
    let plan =
        r#"{"format_version":"1.2","resource_changes":[{"address":"x[\"a`\n# b\"]","change":{"actions":["create"]}}]}"#;
    assert!(summary(plan).page("dev", "abc").contains("- `x[\"a??# b\"]`\n"));
}
