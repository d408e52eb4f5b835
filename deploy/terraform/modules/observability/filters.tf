# Counts of what the program logs. The sentences are those of crates/sealpost-pipeline/src/log.rs: a line has a `message`, and
# `days_until_expiry` where a certificate is about to expire.

locals {
  namespace = "Sealpost/${var.name}"

  # Metric, the function whose log it stands in, and what a line looks like. What two functions say has two rows, of which one names
  # the other's metric.
  filters = {
    reports_stored     = { function = "worker", pattern = "{ $.message = \"report stored\" }" }
    reports_failed     = { function = "worker", pattern = "{ $.message = \"report failed\" }" }
    deliveries         = { function = "worker", pattern = "{ $.message = \"file delivered\" }" }
    deliveries_failed  = { function = "worker", pattern = "{ $.message = \"delivery failed\" }" }
    deliveries_retried = { function = "worker", pattern = "{ $.message = \"delivery attempt failed, it is tried again\" }" }
    tasks_buried       = { function = "worker", pattern = "{ ($.message = \"a task was moved to the dead letters\") || ($.message = \"a task needs a record that can't be read here, it waits for a process that can\") }" }
    # Terms of a line instead of a member of it: `error.code` has a dot in its name.
    database_away       = { function = "worker", pattern = "\"report attempt failed\" \"SP-SOURCE-001\"" }
    database_busy       = { function = "worker", metric = "database_away", pattern = "\"report attempt failed\" \"SP-SOURCE-016\"" }
    deliveries_overdue  = { function = "worker", pattern = "\"delivery failed\" \"SP-DELIVER-031\"" }
    certificates_ending = { function = "events", pattern = "{ ($.message = \"a certificate is about to expire\") && ($.days_until_expiry <= ${var.limits.certificate_days}) }" }
    certificates_broken = { function = "events", pattern = "{ $.message = \"a certificate can't be used\" }" }
    ledger_trouble      = { function = "worker", pattern = "{ $.message = \"the ledger did not answer\" }" }
    # Without a ledger nobody can ask for anything, so bells stop soon. The schedule goes on.
    ledger_trouble_seen = { function = "events", metric = "ledger_trouble", pattern = "{ $.message = \"the ledger did not answer\" }" }
    callers_refused     = { function = "authorizer", pattern = "{ $.message = \"refused\" }" }
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.filters

  name           = "${var.name}-${replace(each.key, "_", "-")}"
  log_group_name = var.log_groups[each.value.function]
  pattern        = each.value.pattern

  metric_transformation {
    name          = try(each.value.metric, each.key)
    namespace     = local.namespace
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}
