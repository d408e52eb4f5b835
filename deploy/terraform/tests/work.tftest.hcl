# What works: functions, connectors, alarms.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name           = "sealpost-test"
  account        = { id = "123456789012", region = "eu-central-1" }
  function_names = { api = "sealpost-test-api", worker = "sealpost-test-worker", events = "sealpost-test-events", authorizer = "sealpost-test-authorizer" }
  role_arns = {
    api = "arn:aws:iam::123456789012:role/api", worker = "arn:aws:iam::123456789012:role/worker", events = "arn:aws:iam::123456789012:role/events", authorizer = "arn:aws:iam::123456789012:role/authorizer"
  }
  package                 = { architecture = "arm64", s3 = { bucket = "artefacts", key = "sealpost.zip" } }
  environment             = { SEALPOST_CONFIG = "/var/task/sealpost.toml" }
  work_queue_arn          = "arn:aws:sqs:eu-central-1:123456789012:sealpost-test-work"
  failed_events_queue_arn = "arn:aws:sqs:eu-central-1:123456789012:sealpost-test-events-dead-letters"
  bucket                  = "sealpost-test"
  kms_key_arns            = { data = "arn:aws:kms:eu-central-1:123456789012:key/data", secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets", logs = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
  store                   = { bucket = "sealpost-test", bucket_arn = "arn:aws:s3:::sealpost-test" }
}

run "functions" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    settings = { worker = { memory = 3008, environment = { EXTRA = "1" } }, api = { reserved_concurrency = 7 } }
  }

  assert {
    condition     = { for function, one in aws_lambda_function.this : function => one.handler } == { api = "api", worker = "worker", events = "events", authorizer = "authorizer" }
    error_message = "Handlers are not the program's."
  }

  assert {
    condition     = alltrue([for one in aws_lambda_function.this : one.runtime == "provided.al2023" && one.architectures == tolist(["arm64"]) && one.tracing_config[0].mode == "Active" && one.kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/secrets"])
    error_message = "Runtime, architecture, tracing or key are not as said."
  }

  assert {
    condition     = aws_lambda_function.this["worker"].memory_size == 3008 && aws_lambda_function.this["worker"].timeout == 900 && aws_lambda_function.this["api"].reserved_concurrent_executions == 7 && aws_lambda_function.this["api"].timeout == 29
    error_message = "Settings are not usual where nothing is said, and as said otherwise."
  }

  assert {
    condition     = aws_lambda_function.this["worker"].environment[0].variables == tomap({ SEALPOST_CONFIG = "/var/task/sealpost.toml", EXTRA = "1" }) && !can(aws_lambda_function.this["api"].environment[0].variables.EXTRA)
    error_message = "Variables are not those of the function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.work.function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.work.batch_size == 3
    error_message = "One failed message would bring back the whole batch."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.work.scaling_config[0].maximum_concurrency == 50 && output.functions.worker.most_at_once == 50
    error_message = "The queue calls more workers than may run, and each call too many rings an alarm."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this["sweep"].schedule_expression == "rate(1 minute)"
    error_message = "The sweep is not made once a minute."
  }

  assert {
    condition     = toset(flatten([for rule in ["transfers", "own-transfers"] : jsondecode(aws_cloudwatch_event_rule.this[rule].event_pattern).source])) == toset(["aws.transfer", "sealpost.transfer"]) && toset(jsondecode(aws_cloudwatch_event_rule.this["transfers"].event_pattern).detail-type) == toset(["SFTP Connector File Send Completed", "SFTP Connector File Send Failed"])
    error_message = "Events of connectors are not taken."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["objects"].event_pattern).detail.bucket.name == ["sealpost-test"]
    error_message = "Objects of other buckets are taken."
  }

  assert {
    condition     = length(aws_cloudwatch_event_target.this["sweep"].dead_letter_config) == 0 && aws_cloudwatch_event_target.this["transfers"].dead_letter_config[0].arn == var.failed_events_queue_arn && aws_lambda_function_event_invoke_config.events.destination_config[0].on_failure[0].destination == var.failed_events_queue_arn
    error_message = "An event that is not taken is lost."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 365 && group.kms_key_id == "arn:aws:kms:eu-central-1:123456789012:key/logs"])
    error_message = "Logs are not kept for a year, with our key."
  }

  assert {
    condition     = alltrue([for one in aws_lambda_function.this : one.logging_config[0].application_log_level == "TRACE"])
    error_message = "Lambda drops lines that the program was told to write."
  }
}

run "fewer_workers_than_are_reserved" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    settings   = { worker = { reserved_concurrency = 20 } }
    work_batch = { most_workers = 10 }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.work.scaling_config[0].maximum_concurrency == 10 && output.functions.worker.most_at_once == 10
    error_message = "The queue calls more workers than said."
  }
}

run "workers_of_an_account_that_reserves_nothing" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    settings = { worker = { reserved_concurrency = -1 } }
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.work.scaling_config) == 0 && output.functions.worker.most_at_once == null
    error_message = "Workers have a limit that nobody said."
  }
}

# Lambda would refuse a mapping with fewer than two.
run "one_worker" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    settings = { worker = { reserved_concurrency = 1 } }
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.work.scaling_config) == 0 && output.functions.worker.most_at_once == 1
    error_message = "Lambda would refuse the mapping."
  }
}

run "as_many_connections_as_a_medium_database_has" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    most_connections = 341
  }

  assert {
    condition     = 2 * output.functions.worker.most_at_once * aws_lambda_event_source_mapping.work.batch_size <= var.most_connections
    error_message = "What is usual does not fit the usual database."
  }
}

run "more_connections_than_the_database_has" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    most_connections = 341
    work_batch       = { size = 10 }
  }

  expect_failures = [aws_lambda_event_source_mapping.work]
}

run "any_number_of_connections" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    most_connections = 341
    settings         = { worker = { reserved_concurrency = -1 } }
  }

  expect_failures = [aws_lambda_event_source_mapping.work]
}

run "a_bus_for_our_own_transfers" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    event_bus      = "reporting"
    connector_arns = ["arn:aws:transfer:eu-central-1:123456789012:connector/c-0123456789abcdef0"]
  }

  assert {
    condition     = { for rule, one in aws_cloudwatch_event_rule.this : rule => one.event_bus_name } == { sweep = "default", transfers = "default", own-transfers = "reporting", objects = "default" } && { for rule, one in aws_cloudwatch_event_target.this : rule => one.event_bus_name } == { sweep = "default", transfers = "default", own-transfers = "reporting", objects = "default" }
    error_message = "Rules do not listen where the events are put."
  }

  # Its connectors are its own: Transfer Family's are not among them.
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["own-transfers"].event_pattern) == { source = ["sealpost.transfer"], detail-type = ["SFTP Connector File Send Completed", "SFTP Connector File Send Failed"] } && jsondecode(aws_cloudwatch_event_rule.this["transfers"].event_pattern).resources == ["arn:aws:transfer:eu-central-1:123456789012:connector/c-0123456789abcdef0"]
    error_message = "Events of our own transfer API are left out, or those of others' connectors taken."
  }
}

run "functions_of_another_processor" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    package = { architecture = "riscv64", file = "x.zip" }
  }

  expect_failures = [var.package]
}

run "functions_of_two_packages" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    package = { file = "x.zip", s3 = { bucket = "a", key = "b" } }
  }

  expect_failures = [var.package]
}

run "an_api_that_is_slower_than_the_gateway_waits" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    settings = { api = { timeout = 60 } }
  }

  expect_failures = [var.settings]
}

run "more_variables_than_lambda_takes" {
  command = plan

  module {
    source = "./modules/functions"
  }

  variables {
    environment = { SEALPOST__IDENTITY__ISSUERS = format("%04000d", 1) }
  }

  expect_failures = [aws_lambda_function.this]
}

run "connectors" {
  command = plan

  module {
    source = "./modules/transfer"
  }

  variables {
    connectors = {
      "acme/main"     = { url = "sftp://sftp.acme.example", host_keys = ["ssh-rsa AAAAB3NzaC1yc2E="], secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-AbCdEf" }
      "nordwind/main" = { url = "sftp://files.nordwind.example:2222", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nordwind-AbCdEf" }
    }
  }

  assert {
    condition     = toset(keys(aws_transfer_connector.this)) == toset(["acme/main", "nordwind/main"]) && toset(keys(aws_iam_role.access)) == toset(["acme/main", "nordwind/main"])
    error_message = "Not one connector and role per destination."
  }

  assert {
    condition     = length(distinct([for role in aws_iam_role.access : role.name])) == 2 && alltrue([for role in aws_iam_role.access : length(role.name) <= 64])
    error_message = "Roles have the same name, or one that is too long."
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.access["acme/main"].policy, "nordwind") && strcontains(aws_iam_role_policy.access["acme/main"].policy, "arn:aws:s3:::sealpost-test/acme/*") && strcontains(aws_iam_role_policy.access["acme/main"].policy, "secret:acme-AbCdEf")
    error_message = "A connector reads what is of another partner."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.access : !strcontains(policy.policy, "s3:Put") && !strcontains(policy.policy, "s3:Delete")])
    error_message = "A connector that sends needs to read only."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.access : jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"])
    error_message = "Transfer Family could use the role for another account."
  }

  assert {
    condition     = length(aws_transfer_server.this) == 0 && output.server == null
    error_message = "A server is made that nobody asked for."
  }
}

run "a_server" {
  command = plan

  module {
    source = "./modules/transfer"
  }

  variables {
    server = {
      vpc_id           = "vpc-1"
      subnet_ids       = ["subnet-1", "subnet-2"]
      allowed_networks = ["0.0.0.0/0"]
      accelerated      = true
      users            = { acme = { public_keys = ["ssh-ed25519 AAAA", "ssh-ed25519 BBBB"] } }
    }
  }

  assert {
    condition     = length(aws_transfer_ssh_key.this) == 2 && one(aws_transfer_user.this["acme"].home_directory_mappings).target == "/sealpost-test/acme"
    error_message = "A user does not get its own folder with all its keys."
  }

  assert {
    condition     = length(aws_eip.server) == 2 && length(aws_globalaccelerator_endpoint_group.this) == 1 && aws_transfer_server.this[0].endpoint_type == "VPC"
    error_message = "The server has no fixed address per zone behind Global Accelerator."
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.user["acme"].policy, "s3:Put") && strcontains(aws_iam_role_policy.user["acme"].policy, "arn:aws:s3:::sealpost-test/acme/*")
    error_message = "A user may do more than read its own files."
  }
}

run "a_server_of_named_networks" {
  command = plan

  module {
    source = "./modules/transfer"
  }

  variables {
    server = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], allowed_networks = ["192.0.2.0/24", "198.51.100.0/24"] }
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.server : rule.cidr_ipv4]) == toset(["192.0.2.0/24", "198.51.100.0/24"]) && length(aws_globalaccelerator_accelerator.this) == 0
    error_message = "Others may connect, or a partner is hidden behind an accelerator."
  }
}

run "named_networks_that_an_accelerator_hides" {
  command = plan

  module {
    source = "./modules/transfer"
  }

  variables {
    server = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], allowed_networks = ["192.0.2.0/24"], accelerated = true }
  }

  expect_failures = [var.server]
}

run "a_host_key_that_connectors_do_not_know" {
  command = plan

  module {
    source = "./modules/transfer"
  }

  variables {
    connectors = { "acme/main" = { url = "sftp://sftp.acme.example", host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"], secret_arn = "arn" } }
  }

  expect_failures = [var.connectors]
}

run "a_host_key_with_a_comment" {
  command = plan

  module {
    source = "./modules/transfer"
  }

  variables {
    connectors = { "acme/main" = { url = "sftp://sftp.acme.example", host_keys = ["ssh-rsa AAAAB3NzaC1yc2E= root@acme"], secret_arn = "arn" } }
  }

  expect_failures = [var.connectors]
}

run "a_url_of_another_protocol" {
  command = plan

  module {
    source = "./modules/transfer"
  }

  variables {
    connectors = { "acme/main" = { url = "ftp://acme.example", secret_arn = "arn" } }
  }

  expect_failures = [var.connectors]
}

run "nobody_expects_deliveries" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    functions = {
      api = { name = "sealpost-test-api", timeout = 29 }, worker = { name = "sealpost-test-worker", timeout = 900 }, events = { name = "sealpost-test-events", timeout = 60 }, authorizer = { name = "sealpost-test-authorizer", timeout = 10 }
    }
    log_groups         = { api = "/aws/lambda/sealpost-test-api", worker = "/aws/lambda/sealpost-test-worker", events = "/aws/lambda/sealpost-test-events", authorizer = "/aws/lambda/sealpost-test-authorizer" }
    api                = { name = "sealpost-test", stage = "live" }
    work_queue         = "sealpost-test-work"
    dead_letter_queues = { work = "sealpost-test-work-dead-letters" }
    table              = "sealpost-test-ledger"
    limits             = { delivery_expected_hours = 0 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.no_deliveries) == 0
    error_message = "An alarm rings where nothing is delivered for days."
  }
}

run "alarms" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    functions = {
      api = { name = "sealpost-test-api", timeout = 29 }, worker = { name = "sealpost-test-worker", timeout = 900 }, events = { name = "sealpost-test-events", timeout = 60 }, authorizer = { name = "sealpost-test-authorizer", timeout = 10 }
    }
    log_groups         = { api = "/aws/lambda/sealpost-test-api", worker = "/aws/lambda/sealpost-test-worker", events = "/aws/lambda/sealpost-test-events", authorizer = "/aws/lambda/sealpost-test-authorizer" }
    work_queue         = "sealpost-test-work"
    dead_letter_queues = { work = "sealpost-test-work-dead-letters", events = "sealpost-test-events-dead-letters" }
    table              = "sealpost-test-ledger"
    api                = { name = "sealpost-test", stage = "live" }
    subscribers        = [{ protocol = "email", endpoint = "on-call@example.com" }]
  }

  assert {
    condition     = { for of, alarm in aws_cloudwatch_metric_alarm.dead_letters : of => alarm.dimensions.QueueName } == { work = "sealpost-test-work-dead-letters", events = "sealpost-test-events-dead-letters" }
    error_message = "Not one alarm per dead-letter queue."
  }

  assert {
    condition     = alltrue([for function in ["api", "worker", "events", "authorizer"] : contains(output.alarms, "sealpost-test-${function}-errors") && contains(output.alarms, "sealpost-test-${function}-throttles")])
    error_message = "A function can fail or be throttled unseen."
  }

  assert {
    condition     = alltrue([for alarm in ["deliveries-failed", "reports-failed", "tasks-buried", "deliveries-overdue", "certificates-ending", "database-away", "oldest-message", "no-worker", "no-deliveries", "no-sweep", "api-5xx"] : contains(output.alarms, "sealpost-test-${alarm}")])
    error_message = "An alarm is missing."
  }

  # A worker says it only while bells ring; the events function as long as the ledger is away.
  assert {
    condition     = toset([for filter in values(aws_cloudwatch_log_metric_filter.this) : filter.log_group_name if filter.metric_transformation[0].name == "ledger_trouble"]) == toset(["/aws/lambda/sealpost-test-worker", "/aws/lambda/sealpost-test-events"])
    error_message = "A ledger that is away is not seen in every function that meets it."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.counted), values(aws_cloudwatch_metric_alarm.function), values(aws_cloudwatch_metric_alarm.dead_letters)) : alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && length(alarm.alarm_description) > 20])
    error_message = "An alarm tells nobody, or not what it means."
  }

  # Six times the worker's 900 s a bell is hidden whose worker was killed; then it is worked on for 900 s at most.
  assert {
    condition     = aws_cloudwatch_metric_alarm.oldest_message.threshold == 6300
    error_message = "A bell that is hidden, and comes again by itself, calls somebody."
  }

  assert {
    condition     = { for query in aws_cloudwatch_metric_alarm.no_worker.metric_query : query.id => "${one(query.metric).stat} of ${one(query.metric).metric_name}" if length(query.metric) == 1 } == { ready = "Minimum of QueueReady", leased = "Maximum of QueueLeased" }
    error_message = "That work waits and nobody is at it is not seen, or seen where somebody is."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.no_worker.metric_query : query.expression if query.return_data == true] == ["IF(ready > 0 AND leased < 1, 1, 0)"] && aws_cloudwatch_metric_alarm.no_worker.treat_missing_data == "notBreaching"
    error_message = "The alarm rings for something else than work that nobody begins."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.database_storage) == 0
    error_message = "A given database is somebody else's to watch."
  }

  # `Prefer: wait` holds an answer back for up to 26 s (crates/sealpost-api/src/wait.rs); API Gateway ends after 29.
  assert {
    condition     = aws_cloudwatch_metric_alarm.api_latency.threshold > 26000 && aws_cloudwatch_metric_alarm.api_latency.threshold < 29000
    error_message = "Clients that wait for their report ring an alarm."
  }

  assert {
    condition     = can(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[8])
    error_message = "The dashboard has nothing to show."
  }
}

run "an_alarm_for_bells_that_are_hidden" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    functions = {
      api = { name = "sealpost-test-api", timeout = 29 }, worker = { name = "sealpost-test-worker", timeout = 900 }, events = { name = "sealpost-test-events", timeout = 60 }, authorizer = { name = "sealpost-test-authorizer", timeout = 10 }
    }
    log_groups         = { api = "/aws/lambda/sealpost-test-api", worker = "/aws/lambda/sealpost-test-worker", events = "/aws/lambda/sealpost-test-events", authorizer = "/aws/lambda/sealpost-test-authorizer" }
    work_queue         = "sealpost-test-work"
    dead_letter_queues = { work = "sealpost-test-work-dead-letters" }
    table              = "sealpost-test-ledger"
    api                = { name = "sealpost-test", stage = "live" }
    limits             = { oldest_message_seconds = 900 }
  }

  expect_failures = [var.limits]
}
