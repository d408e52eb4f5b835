# One role per function with what `actions.json` says, on what it is said about, and nothing else.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name    = "sealpost-test"
  account = { id = "123456789012", region = "eu-central-1" }
  engine  = "aws_transfer"
  function_names = {
    api = "sealpost-test-api", worker = "sealpost-test-worker", events = "sealpost-test-events", authorizer = "sealpost-test-authorizer"
  }
  resources = {
    table               = "arn:aws:dynamodb:eu-central-1:123456789012:table/sealpost-test-ledger"
    work_queue          = "arn:aws:sqs:eu-central-1:123456789012:sealpost-test-work"
    failed_events_queue = "arn:aws:sqs:eu-central-1:123456789012:sealpost-test-events-dead-letters"
    bucket              = "arn:aws:s3:::sealpost-test"
    secrets = {
      api    = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf"]
      worker = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf"]
    }
    partner_secrets = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-AbCdEf"]
    connectors      = ["arn:aws:transfer:eu-central-1:123456789012:connector/c-0123456789abcdef0"]
    event_bus       = "arn:aws:events:eu-central-1:123456789012:event-bus/default"
    kms_keys        = { data = "arn:aws:kms:eu-central-1:123456789012:key/data", secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets" }
  }
  network = {
    subnet_arns         = ["arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-1"]
    security_group_arns = ["arn:aws:ec2:eu-central-1:123456789012:security-group/sg-1"]
  }
}

run "what_the_code_calls" {
  command = plan

  module {
    source = "./modules/iam"
  }

  assert {
    condition     = toset(keys(output.policies)) == toset(["api", "worker", "events", "authorizer"])
    error_message = "Not one policy per function."
  }

  assert {
    condition = alltrue([for function, policy in output.policies :
      toset(flatten([for statement in jsondecode(policy).Statement : statement.Action if startswith(statement.Sid, "Code")]))
      == toset(flatten(values(jsondecode(file("./modules/iam/actions.json"))[function])))
    ])
    error_message = "A policy allows other actions than actions.json has."
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : alltrue([for statement in jsondecode(policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")])])])
    error_message = "A policy has an action with *."
  }

  # X-Ray and the network interfaces of Lambda know no resources; modules/iam/main.tf says where that stands.
  assert {
    condition = alltrue([for policy in values(output.policies) : alltrue([for statement in jsondecode(policy).Statement :
      contains(["LambdaTraces", "LambdaNetwork"], statement.Sid) || !contains(try(statement.Resource, []), "*") if statement.Effect == "Allow"
    ])])
    error_message = "A policy has the resource * where one can be named."
  }

  assert {
    condition = alltrue([for policy in values(output.policies) : alltrue([for statement in jsondecode(policy).Statement :
      alltrue([for resource in statement.Resource : !can(regex("[*]", trimsuffix(trimsuffix(resource, "/*"), ":log-stream:*")))]) if statement.Effect == "Allow" && startswith(statement.Sid, "Code")
    ])])
    error_message = "A policy has a resource with * in its name."
  }

  assert {
    condition     = !strcontains(output.policies.api, "handed-in") && !strcontains(output.policies.authorizer, "s3:") && !strcontains(output.policies.authorizer, "PutItem") && !strcontains(output.policies.authorizer, "secretsmanager")
    error_message = "The authorizer reads the ledger, and nothing else."
  }

  assert {
    condition     = !strcontains(output.policies.events, "s3:") && !strcontains(output.policies.events, "transfer:Start") && !strcontains(output.policies.events, "secretsmanager")
    error_message = "The events function only tells the ledger."
  }

  # Who may not list is told 403 of an object that is not there (Amazon S3 API reference, GetObject), which is our own fault, in place
  # of 404. A condition on `s3:prefix` would not do: a read has no prefix.
  assert {
    condition = {
      for function, policy in output.policies : function => anytrue([for statement in jsondecode(policy).Statement : contains(statement.Action, "s3:ListBucket") && try(statement.Resource == ["arn:aws:s3:::sealpost-test"], false) && !can(statement.Condition)])
      if anytrue([for statement in jsondecode(policy).Statement : contains(statement.Action, "s3:GetObject")])
    } == { api = true, worker = true }
    error_message = "To a function that reads files, one that is gone looks like one that S3 refuses."
  }

  assert {
    condition     = strcontains(output.policies.worker, "sqs:ReceiveMessage") && !strcontains(output.policies.api, "sqs:ReceiveMessage")
    error_message = "Only the worker receives messages."
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : alltrue([for statement in jsondecode(policy).Statement : try(statement.Condition.StringEquals["kms:ViaService"], null) != null if startswith(statement.Sid, "CodeKms")])])
    error_message = "A key can be used without the service that it is for."
  }

  assert {
    condition     = !strcontains(output.policies.worker, "secret:acme") && strcontains(output.policies.worker, "connector/c-0123456789abcdef0")
    error_message = "Where connectors deliver, the worker reads no logins of partners."
  }
}

run "our_own_engine_reads_logins" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    engine = "sftp"
  }

  assert {
    condition     = strcontains(output.policies.worker, "secret:acme") && strcontains(output.policies.api, "secret:acme")
    error_message = "Worker (deliveries) and api (tests of destinations) log in themselves."
  }

  assert {
    condition     = !strcontains(output.policies.events, "secret:") && !strcontains(output.policies.authorizer, "secret:")
    error_message = "Others read no secrets."
  }

  assert {
    condition     = !strcontains(output.policies.worker, "transfer:")
    error_message = "Without connectors nothing of Transfer Family is allowed."
  }
}

run "connectors_by_the_program" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    connectors_by_program = {
      access_role_arn  = "arn:aws:iam::123456789012:role/access"
      logging_role_arn = "arn:aws:iam::123456789012:role/logging"
    }
  }

  assert {
    condition     = alltrue([for function in ["api", "worker"] : strcontains(output.policies[function], "transfer:CreateConnector") && strcontains(output.policies[function], "iam:PassRole")])
    error_message = "Who makes connectors hands them their roles."
  }

  assert {
    condition     = !strcontains(output.policies.events, "iam:PassRole") && !strcontains(output.policies.authorizer, "iam:PassRole")
    error_message = "Others hand on nothing."
  }
}

run "logins_that_partners_hand_in" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    handed_in = "sealpost-test/handed-in"
  }

  assert {
    condition     = strcontains(output.policies.api, "secretsmanager:CreateSecret") && strcontains(output.policies.api, "secret:sealpost-test/handed-in/*")
    error_message = "The api can't keep what partners hand in."
  }

  assert {
    condition     = !strcontains(output.policies.worker, "secretsmanager:CreateSecret") && strcontains(output.policies.worker, "secret:sealpost-test/handed-in/*") && !strcontains(output.policies.events, "handed-in") && !strcontains(output.policies.authorizer, "handed-in")
    error_message = "The worker reads them, the others do not."
  }
}

run "logins_handed_in_anywhere" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    handed_in = "*"
  }

  expect_failures = [var.handed_in]
}

run "an_unknown_engine" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    engine = "ftp"
  }

  expect_failures = [var.engine]
}

run "a_missing_function" {
  command = plan

  module {
    source = "./modules/iam"
  }

  variables {
    function_names = { api = "a", worker = "b" }
  }

  expect_failures = [var.function_names]
}
