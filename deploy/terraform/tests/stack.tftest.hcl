# All of it together: what a partner in the map gets, and what the functions are told.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name      = "sealpost-test"
  network   = { availability_zones = ["eu-central-1a", "eu-central-1b"] }
  identity  = { audience = "https://reports.example.com" }
  functions = { package = { s3 = { bucket = "artefacts", key = "sealpost.zip" } } }
  partners = {
    acme     = { connectors = { main = { url = "sftp://sftp.acme.example", host_keys = ["ssh-rsa AAAAB3NzaC1yc2E="] } } }
    nordwind = { scopes = ["reports:read"] }
  }
}

run "connectors_deliver" {
  command = plan

  assert {
    condition     = keys(module.transfer.connectors) == ["acme/main"] && keys(module.secrets.connector_arns) == ["acme/main"]
    error_message = "A partner's destination does not get exactly one connector and one secret."
  }

  assert {
    condition     = toset(keys(module.identity.client_ids)) == toset(["acme", "nordwind"]) && toset(keys(module.api.usage_plans)) == toset(["acme", "nordwind"])
    error_message = "A partner does not get exactly one client, usage plan and key."
  }

  assert {
    condition     = var.partners.acme.scopes == toset(["reports:read", "reports:write", "keys:write", "destinations:write"])
    error_message = "A partner that says nothing gets other scopes than operations need."
  }

  assert {
    condition     = output.partners.acme.connectors.main.aws_connector == "c-0123456789abcdef0" && length(output.partners.acme.identities) == 1 && output.partners.acme.identities[0].issuer == "cognito" && length(output.partners.nordwind.connectors) == 0
    error_message = "The output does not say what the partner's file needs."
  }

  assert {
    condition = alltrue([for variable in [
      "SEALPOST_CONFIG", "SEALPOST__LEDGER__KIND", "SEALPOST__LEDGER__TABLE", "SEALPOST__QUEUE__KIND", "SEALPOST__QUEUE__URL", "SEALPOST__STORE__KIND", "SEALPOST__STORE__BUCKET",
      "SEALPOST__STORE__KMS_KEY_ID", "SEALPOST__SOURCES__MAIN__HOST", "SEALPOST__SOURCES__MAIN__PASSWORD", "SEALPOST__DELIVER__ENGINE", "SEALPOST__IDENTITY__ISSUERS",
    ] : contains(keys(local.environment), variable)])
    error_message = "The functions are not told everything."
  }

  assert {
    condition     = local.environment.SEALPOST__LEDGER__KIND == "dynamodb" && local.environment.SEALPOST__QUEUE__KIND == "sqs" && local.environment.SEALPOST__STORE__KIND == "s3" && local.environment.SEALPOST__DELIVER__ENGINE == "aws_transfer"
    error_message = "The kinds of adapters are not those of this shape."
  }

  # Environments of one account have partners of the same name. tests/edge.tftest.hcl has the keys' values.
  assert {
    condition     = local.environment.SEALPOST_AUTHORIZER_USAGE_KEY == "sealpost-test-usage-of-partner-{partner}"
    error_message = "The authorizer names other keys than API Gateway has for this environment."
  }

  assert {
    condition     = can(regex("^aws-sm:arn:aws:secretsmanager:.*#password$", local.environment.SEALPOST__SOURCES__MAIN__PASSWORD))
    error_message = "The database's password is no reference."
  }

  assert {
    condition     = can(regex("^\\[\\{ name = \"cognito\", profile = \"cognito\", issuer = \"https://[^\"]+\", client_ids = \\[.+\\], scope_prefix = \"https://reports.example.com\" \\}\\]$", local.environment.SEALPOST__IDENTITY__ISSUERS))
    error_message = "The issuer is no inline table of TOML."
  }

  assert {
    condition     = !can(local.environment.SEALPOST__DELIVER__AWS_TRANSFER__ACCESS_ROLE)
    error_message = "The program is told to make connectors."
  }

  assert {
    condition     = var.observability.limits.api_latency_ms > 26000
    error_message = "Clients that wait for their report ring an alarm."
  }

  assert {
    condition     = length(local.heard_connectors) == 1
    error_message = "Events of others' connectors are taken."
  }

  # 100 a second and 200 at once, unless said otherwise.
  assert {
    condition     = alltrue([for settings in values(var.partners) : local.requests_per_address >= 300 * settings.limits.rate]) && local.requests_per_address == 30200
    error_message = "The web ACL keeps out a partner that does what its usage plan allows."
  }
}

run "the_program_makes_connectors" {
  command = plan

  variables {
    connector_roles_for_program = { access_role_arn = "arn:aws:iam::123456789012:role/access" }
  }

  assert {
    condition     = length(module.transfer.connectors) == 1 && length(local.heard_connectors) == 0
    error_message = "Only events of the connectors that were made here are taken: a delivery by the program's own waits for nothing."
  }
}

# The boundary of bootstrap/ allows iam:PassRole for roles of our name only.
run "a_role_of_our_name_for_connectors_of_the_program" {
  command = plan

  variables {
    permissions_boundary_arn    = "arn:aws:iam::123456789012:policy/sealpost-boundary"
    connector_roles_for_program = { access_role_arn = "arn:aws:iam::123456789012:role/sealpost-test-connectors" }
  }

  assert {
    condition     = local.environment.SEALPOST__DELIVER__AWS_TRANSFER__ACCESS_ROLE == "arn:aws:iam::123456789012:role/sealpost-test-connectors"
    error_message = "The program is not told the role to make connectors with."
  }
}

run "a_role_that_the_boundary_lets_nobody_hand_on" {
  command = plan

  variables {
    permissions_boundary_arn    = "arn:aws:iam::123456789012:policy/sealpost-boundary"
    connector_roles_for_program = { access_role_arn = "arn:aws:iam::123456789012:role/access" }
  }

  expect_failures = [var.connector_roles_for_program]
}

run "our_own_engine_delivers" {
  command = plan

  variables {
    engine  = "sftp"
    secrets = { handed_in = true }
    api     = { trust_authorizer = true, waf = { requests_per_address = 100000 } }
  }

  assert {
    condition     = local.environment.SEALPOST__SELF_SERVICE__VAULT == "aws-sm:sealpost-test/handed-in" && local.environment.SEALPOST__LAMBDA__TRUST_AUTHORIZER == "true" && !can(local.environment.SEALPOST__DELIVER__AWS_TRANSFER__FOLLOW_S)
    error_message = "The functions are told something else."
  }

  assert {
    condition     = length(module.transfer.connectors) == 0
    error_message = "Connectors are made that nobody uses."
  }

  assert {
    condition     = local.requests_per_address == 100000
    error_message = "An address may ask less often than was said."
  }
}

run "logins_handed_in_for_connectors_that_can_not_read_them" {
  command = plan

  variables {
    engine  = "aws_transfer"
    secrets = { handed_in = true }
  }

  expect_failures = [var.secrets]
}

run "our_own_engine_behind_a_closed_port" {
  command = plan

  variables {
    engine = "sftp"
    partners = {
      acme = { connectors = { main = { url = "sftp://sftp.acme.example" }, archive = { url = "sftp://archive.acme.example:2222" } } }
    }
  }

  expect_failures = [var.network]
}

run "our_own_engine_without_a_way_out" {
  command = plan

  variables {
    engine  = "sftp"
    network = { availability_zones = ["eu-central-1a", "eu-central-1b"], internet = { enabled = false } }
  }

  expect_failures = [var.network]
}

run "our_own_engine_on_another_port" {
  command = plan

  variables {
    engine  = "sftp"
    network = { availability_zones = ["eu-central-1a", "eu-central-1b"], internet = { ports = [22, 443, 2222] } }
    partners = {
      acme = { connectors = { main = { url = "sftp://sftp.acme.example" }, archive = { url = "sftp://archive.acme.example:2222" } } }
    }
  }

  assert {
    condition     = local.connector_ports == toset([22, 2222])
    error_message = "Other ports are asked for than the servers have."
  }
}

run "connectors_on_a_port_that_only_transfer_family_needs" {
  command = plan

  variables {
    network  = { availability_zones = ["eu-central-1a", "eu-central-1b"], internet = { ports = [443] } }
    partners = { acme = { connectors = { archive = { url = "sftp://archive.acme.example:2222", host_keys = ["ssh-rsa AAAAB3NzaC1yc2E="] } } } }
  }

  assert {
    condition     = keys(module.transfer.connectors) == ["acme/archive"]
    error_message = "A port is asked for that is Transfer Family's affair."
  }
}

# An account that is new may run so few functions at once that none of them can be reserved.
run "developers_have_a_new_account" {
  command = plan

  module {
    source = "./environments/dev"
  }

  variables {
    account_id = "123456789012"
    # Any file: it is read for its digest only.
    package_file = "./tests/documents/partner.json"
  }

  assert {
    condition     = length(module.sealpost.functions) == 4 && alltrue([for one in values(module.sealpost.functions) : one.reserved_concurrency == -1])
    error_message = "Lambda would refuse the functions of an account that may run ten at once."
  }

  # `null` stands for a default there: what is not wanted is said in another way.
  assert {
    condition = length(module.sealpost.functions) == 4 && alltrue([for environment in ["dev", "staging", "prod"] :
      length(regexall("(?m)^ .*= *null", file("./environments/${environment}/main.tf"))) == 0
    ])
    error_message = "An environment leaves something out by null, and gets the default."
  }
}

# The environment with connectors and a database that is made.
run "staging" {
  command = plan

  module {
    source = "./environments/staging"
  }

  variables {
    account_id   = "123456789012"
    package_file = "./tests/documents/partner.json"
  }

  assert {
    condition     = length(module.sealpost.functions) == 4 && module.sealpost.functions.worker.most_at_once == 20
    error_message = "The queue calls more workers than are reserved."
  }
}

run "a_partner_with_a_bad_id" {
  command = plan

  variables {
    partners = { "Acme GmbH" = {} }
  }

  expect_failures = [var.partners]
}

run "a_password_in_place_of_a_reference" {
  command = plan

  variables {
    database = { password_reference = "hunter2" }
  }

  expect_failures = [var.database]
}

run "a_token_for_vault_in_a_variable" {
  command = plan

  variables {
    vault = { network = { cidrs = ["10.0.0.0/24"] }, environment = { VAULT_TOKEN = "s.x" } }
  }

  expect_failures = [var.vault]
}

run "a_secret_with_a_star" {
  command = plan

  variables {
    secrets = { further_arns = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:*"] }
  }

  expect_failures = [var.secrets]
}

run "a_name_that_is_too_long" {
  command = plan

  variables {
    name = "sealpost-of-the-whole-company-production"
  }

  expect_failures = [var.name]
}

run "bootstrap" {
  command = plan

  module {
    source = "./bootstrap"
  }

  variables {
    name       = "sealpost"
    account_id = "123456789012"
    ci         = { issuer = "jenkins.example.com/oidc", subjects = ["https://jenkins.example.com/job/sealpost/job/main/"] }
  }

  assert {
    condition     = output.backend.bucket != "" && aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "A spoilt state could not be taken back."
  }

  assert {
    condition     = keys(aws_iam_role.ci) == ["deploy"] && jsondecode(aws_iam_role.ci["deploy"].assume_role_policy).Statement[0].Condition.StringEquals["jenkins.example.com/oidc:aud"] == "sts.amazonaws.com"
    error_message = "Others than the named jobs may deploy."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_policy.deploy : length(policy.policy) <= 6144])
    error_message = "A managed policy is longer than IAM allows."
  }

  # One for the account: an environment that owned it would take it from the others when it goes.
  assert {
    condition     = aws_api_gateway_account.this.cloudwatch_role_arn == aws_iam_role.gateway_logs.arn && aws_iam_role.gateway_logs.permissions_boundary == aws_iam_policy.boundary.arn
    error_message = "API Gateway has no role to write the logs of any environment with."
  }

  # What AWS asks for besides, when a network gets endpoints with private names and is attached to a transit gateway.
  assert {
    condition     = length(setsubtract(["route53:AssociateVPCWithHostedZone", "route53:DisassociateVPCFromHostedZone"], local.worldwide.Action)) == 0 && contains(flatten([for statement in local.identities : statement.Condition.StringEquals["iam:AWSServiceName"] if statement.Sid == "ServiceRoles"]), "transitgateway.amazonaws.com")
    error_message = "Who deploys may not make the network that modules/network describes."
  }

  # The provider stops a new server to give it its addresses, and starts it again. Transfers are not who deploys' to start.
  assert {
    condition = [for action in ["StartServer", "StartFileTransfer", "StartDirectoryListing", "StartRemoteDelete", "StartRemoteMove"] : anytrue([
      for pattern in flatten([for statement in concat(local.deploy_policies.resources, local.deploy_policies.identities) : try(statement.Action, []) if statement.Effect == "Deny"]) :
      can(regex("^${replace(pattern, "*", ".*")}$", "transfer:${action}"))
    ])] == [false, true, true, true, true]
    error_message = "Who deploys can't start the server where partners fetch files, or may start a transfer."
  }

  # Functions do for whoever calls them what he may not do himself.
  assert {
    condition     = [for statement in local.deploy_policies.identities : statement.Resource if statement.Effect == "Deny" && contains(try(statement.Action, []), "lambda:InvokeFunction")] == [["*"]]
    error_message = "Who deploys may call a function that nobody named."
  }

  # What prod names has to be read by who applies, or its server never gets its keys.
  assert {
    condition = length(regexall("arn:aws:secretsmanager:[^\"]+", file("./environments/prod/main.tf"))) == 3 && !anytrue(flatten([
      for secret in regexall("arn:aws:secretsmanager:[^\"]+", file("./environments/prod/main.tf")) : [
        for statement in local.deploy_policies.resources : try(
          !anytrue([for spared in statement.NotResource : can(regex("^${replace(spared, "*", ".*")}$", secret))]),
          anytrue([for resource in flatten([statement.Resource]) : can(regex("^${replace(resource, "*", ".*")}$", secret))]),
        ) if statement.Effect == "Deny" && contains(statement.Action, "secretsmanager:GetSecretValue")
      ]
    ]))
    error_message = "Who deploys may not read a host key that it has to hand to a server."
  }

  # The state's bucket begins with our name, and its key is one of the region's: neither is who deploys' to remove.
  assert {
    condition = alltrue([for call in [
      "s3:DeleteBucket arn:aws:s3:::mock", "s3:PutBucketPolicy arn:aws:s3:::mock", "s3:PutBucketVersioning arn:aws:s3:::mock", "s3:PutLifecycleConfiguration arn:aws:s3:::mock",
      "s3:DeleteObject arn:aws:s3:::mock/sealpost/prod.tfstate", "s3:DeleteObjectVersion arn:aws:s3:::mock/sealpost/prod.tfstate", "s3:BypassGovernanceRetention arn:aws:s3:::mock/sealpost/prod.tfstate",
      "kms:ScheduleKeyDeletion ${aws_kms_key.state.arn}", "kms:DisableKey ${aws_kms_key.state.arn}", "kms:PutKeyPolicy ${aws_kms_key.state.arn}", "kms:CreateGrant ${aws_kms_key.state.arn}",
      ] : anytrue([for statement in local.identities :
        anytrue([for resource in statement.Resource : can(regex("^${replace(resource, "*", ".*")}$", split(" ", call)[1]))]) && !anytrue([for action in statement.NotAction : can(regex("^${replace(action, "*", ".*")}$", split(" ", call)[0]))])
        if statement.Effect == "Deny" && can(statement.NotAction)
    ])])
    error_message = "Who deploys may remove a state, or what keeps it."
  }

  # And Terraform works: it reads and writes states, and takes and removes their locks.
  assert {
    condition = !anytrue([for call in [
      "s3:ListBucket arn:aws:s3:::mock", "s3:GetObject arn:aws:s3:::mock/sealpost/prod.tfstate", "s3:PutObject arn:aws:s3:::mock/sealpost/prod.tfstate",
      "s3:PutObject arn:aws:s3:::mock/sealpost/prod.tfstate.tflock", "s3:DeleteObject arn:aws:s3:::mock/sealpost/prod.tfstate.tflock", "s3:DeleteBucket arn:aws:s3:::sealpost-dev-files",
      "kms:Decrypt ${aws_kms_key.state.arn}", "kms:GenerateDataKey ${aws_kms_key.state.arn}", "kms:ScheduleKeyDeletion arn:aws:kms:eu-central-1:123456789012:key/data",
      ] : anytrue([for statement in local.identities :
        anytrue([for resource in statement.Resource : can(regex("^${replace(resource, "*", ".*")}$", split(" ", call)[1]))]) && !anytrue([for action in statement.NotAction : can(regex("^${replace(action, "*", ".*")}$", split(" ", call)[0]))])
        if statement.Effect == "Deny" && can(statement.NotAction)
    ])])
    error_message = "Who deploys can't work with the state, or not remove what is its own."
  }

  assert {
    condition = alltrue([for secret in ["database", "signing-key", "partners/acme/main/sftp", "partners/host-keys/main/sftp", "handed-in/acme/host-keys/sftp"] : anytrue([
      for statement in local.deploy_policies.resources : try(
        !anytrue([for spared in statement.NotResource : can(regex("^${replace(spared, "*", ".*")}$", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sealpost-prod/${secret}-AbCdEf"))]),
        anytrue([for resource in flatten([statement.Resource]) : can(regex("^${replace(resource, "*", ".*")}$", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sealpost-prod/${secret}-AbCdEf"))]),
      ) if statement.Effect == "Deny" && contains(statement.Action, "secretsmanager:GetSecretValue")
    ])])
    error_message = "Who deploys may read a secret that is no host key."
  }
}

# Secrets Manager takes a rotation function only from who may call it.
run "bootstrap_with_a_rotation_function" {
  command = plan

  module {
    source = "./bootstrap"
  }

  variables {
    name               = "sealpost"
    account_id         = "123456789012"
    ci                 = { issuer = "jenkins.example.com/oidc", subjects = ["https://jenkins.example.com/job/sealpost/job/main/"] }
    rotation_functions = ["arn:aws:lambda:eu-central-1:123456789012:function:rotate-mysql"]
  }

  assert {
    condition = [for effect in ["Allow", "Deny"] : [for function in ["rotate-mysql", "rotate-mysql-2", "sealpost-prod-worker"] : anytrue([
      for statement in concat(local.deploy_policies.resources, local.deploy_policies.identities) : try(
        !anytrue([for spared in statement.NotResource : can(regex("^${replace(spared, "*", ".*")}$", "arn:aws:lambda:eu-central-1:123456789012:function:${function}"))]),
        anytrue([for resource in flatten([statement.Resource]) : can(regex("^${replace(resource, "*", ".*")}$", "arn:aws:lambda:eu-central-1:123456789012:function:${function}"))]),
      ) if statement.Effect == effect && anytrue([for pattern in try(statement.Action, []) : can(regex("^${replace(pattern, "*", ".*")}$", "lambda:InvokeFunction"))])
    ])]] == [[true, false, true], [false, true, true]]
    error_message = "Who deploys can't name the rotation function for a secret, or may call another."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_policy.deploy : length(policy.policy) <= 6144])
    error_message = "A managed policy is longer than IAM allows."
  }
}

run "bootstrap_with_any_rotation_function" {
  command = plan

  module {
    source = "./bootstrap"
  }

  variables {
    name               = "sealpost"
    account_id         = "123456789012"
    ci                 = { issuer = "jenkins.example.com/oidc", subjects = ["https://jenkins.example.com/job/sealpost/job/main/"] }
    rotation_functions = ["arn:aws:lambda:eu-central-1:123456789012:function:*"]
  }

  expect_failures = [var.rotation_functions]
}

run "the_boundary_lets_the_functions_work" {
  command = plan

  module {
    source = "./bootstrap"
  }

  variables {
    name       = "sealpost"
    account_id = "123456789012"
    ci         = { issuer = "jenkins.example.com/oidc", subjects = ["https://jenkins.example.com/job/sealpost/job/main/"] }
  }

  assert {
    condition = alltrue([for action in flatten(concat(
      [for services in values(jsondecode(file("./modules/iam/actions.json"))) : values(services)],
      [for options in values(jsondecode(file("./modules/iam/options.json"))) : values(options)],
      )) : anytrue([for allowed in flatten([for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Action]) :
      can(regex("^${replace(allowed, "*", ".*")}$", action))
    ])])
    error_message = "A role is given what the boundary takes away."
  }
}

run "who_plans_reads_only" {
  command = plan

  module {
    source = "./bootstrap"
  }

  variables {
    name          = "sealpost"
    account_id    = "123456789012"
    region        = "eu-central-1"
    ci            = { issuer = "jenkins.example.com/oidc", subjects = ["deploy"] }
    plan_subjects = ["plan-*"]
  }

  assert {
    condition     = !strcontains(jsonencode(one([for statement in local.state_access.plan : statement.Action if statement.Sid == "State"])), "Put") && strcontains(jsonencode(one([for statement in local.state_access.deploy : statement.Action if statement.Sid == "State"])), "Put")
    error_message = "Who only plans may write the state."
  }

  assert {
    condition     = alltrue(flatten([for statement in local.plan_reads : [for action in statement.Action : can(regex(":(Get|Describe|List|GET$|Decrypt$)", action))]]))
    error_message = "Who only plans may change something."
  }

  assert {
    condition     = alltrue([for statement in local.plan_reads : can(statement.Condition.StringEquals["kms:ViaService"]) if contains(statement.Action, "kms:Decrypt")])
    error_message = "Who only plans may use keys directly."
  }
}

run "bootstrap_for_every_job" {
  command = plan

  module {
    source = "./bootstrap"
  }

  variables {
    name       = "sealpost"
    account_id = "123456789012"
    ci         = { issuer = "jenkins.example.com/oidc", subjects = ["*"] }
  }

  expect_failures = [var.ci]
}
