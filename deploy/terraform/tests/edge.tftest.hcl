# How partners come in: identity and API.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name     = "sealpost-test"
  account  = { id = "123456789012", region = "eu-central-1" }
  audience = "https://reports.example.com"
  functions = {
    api        = { name = "sealpost-test-api", alias = "live", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/api/invocations" }
    authorizer = { name = "sealpost-test-authorizer", alias = "live", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/authorizer/invocations" }
  }
  logs = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
}

run "cognito" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    partners = {
      acme     = { scopes = ["reports:read", "reports:write"] }
      nordwind = { scopes = ["reports:read"] }
    }
  }

  assert {
    condition     = toset(keys(aws_cognito_user_pool_client.partner)) == toset(["acme", "nordwind"]) && length(output.issuer.client_ids) == 2
    error_message = "Not one client per partner."
  }

  assert {
    condition     = alltrue([for client in aws_cognito_user_pool_client.partner : client.generate_secret && client.allowed_oauth_flows == toset(["client_credentials"]) && length(client.explicit_auth_flows) == 0])
    error_message = "A client can do more than get tokens with its secret."
  }

  assert {
    condition     = aws_cognito_user_pool_client.partner["nordwind"].allowed_oauth_scopes == toset(["https://reports.example.com/reports:read"])
    error_message = "A client has other scopes than said."
  }

  assert {
    condition     = toset([for scope in aws_cognito_resource_server.this[0].scope : scope.scope_name]) == toset(["reports:read", "reports:write", "keys:write", "destinations:write", "schedules:write"])
    error_message = "The resource server's scopes are not the program's."
  }

  assert {
    condition     = output.issuer.issuer == "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI" && output.issuer.scope_prefix == "https://reports.example.com"
    error_message = "The issuer is not the pool."
  }
}

run "an_issuer_that_is_there" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    partners = { acme = { scopes = ["reports:read"] } }
    external = { name = "okta", profile = "okta", issuer = "https://company.okta.com/oauth2/default", audiences = ["api://reports"], client_ids = { acme = "0oa1" } }
  }

  assert {
    condition     = length(aws_cognito_user_pool.this) + length(aws_cognito_user_pool_client.partner) == 0 && output.token_url == null
    error_message = "A pool is made where an issuer is given."
  }

  assert {
    condition     = output.issuer.profile == "okta" && output.client_ids["acme"] == "0oa1"
    error_message = "The given issuer is not handed on."
  }
}

run "an_issuer_whose_every_token_would_do" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    external = { name = "okta", issuer = "https://company.okta.com" }
  }

  expect_failures = [var.external]
}

run "an_unknown_scope" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    partners = { acme = { scopes = ["admin"] } }
  }

  expect_failures = [var.partners]
}

run "api_without_a_document" {
  command = plan

  module {
    source = "./modules/api"
  }

  assert {
    condition     = toset(keys(output.document.paths)) == toset(["/healthz", "/readyz", "/openapi.json", "/docs", "/docs/{page+}", "/{proxy+}"])
    error_message = "Other paths than the public ones and the greedy one."
  }

  assert {
    condition     = toset(keys(output.document.paths["/{proxy+}"]["x-amazon-apigateway-any-method"].security[0])) == toset(["authorizer", "usage_key"]) && length(output.document.paths["/healthz"].get.security) == 0
    error_message = "What needs credentials is open, or the other way round."
  }

  assert {
    condition     = alltrue([for response in output.document["x-amazon-apigateway-gateway-responses"] : strcontains(response.responseTemplates["application/json"], "\"type\":\"/live/docs/errors#SP-")])
    error_message = "An answer of the gateway leads past the stage."
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 1 && length(aws_api_gateway_domain_name.this) == 0
    error_message = "A web ACL is usual, a domain is not."
  }

  # A 403 would be final.
  assert {
    condition = [for rule in aws_wafv2_web_acl.this[0].rule : [for answer in rule.action[0].block[0].custom_response : "${answer.response_code} ${answer.custom_response_body_key}, ${one(answer.response_header).name}: ${one(answer.response_header).value}"]
      if rule.name == "requests-per-address"
    ] == [["429 too-many-requests, Retry-After: 60"]]
    error_message = "Who asks too often is not told to come again."
  }

  assert {
    condition = [for body in aws_wafv2_web_acl.this[0].custom_response_body : "${body.key}: ${jsondecode(body.content).status} ${jsondecode(body.content).type} ${jsondecode(body.content).code} ${jsondecode(body.content).retryable}"] == [
      "too-many-requests: 429 /live/docs/errors#SP-REQUEST-029 SP-REQUEST-029 true",
    ]
    error_message = "Who asks too often gets another answer than by the throttle."
  }

  assert {
    condition     = !one(aws_api_gateway_method_settings.all.settings).data_trace_enabled
    error_message = "Bodies stand in the log."
  }

  assert {
    condition     = local.policy == null
    error_message = "Somebody is kept out where no networks are named."
  }
}

run "api_with_a_document" {
  command = plan

  module {
    source = "./modules/api"
  }

  variables {
    openapi_file     = "./tests/documents/partner.json"
    allowed_networks = ["192.0.2.0/24"]
    waf              = null
    domain           = { name = "reports.example.com", certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1", truststore_uri = "s3://trust/ca.pem" }
    partners = {
      acme     = { rate = 10, burst = 20, quota = { limit = 1000, period = "DAY" } }
      nordwind = { rate = 1, burst = 2 }
    }
  }

  assert {
    condition     = !contains(keys(output.document.paths), "/{proxy+}") && alltrue([for path in keys(output.document.paths) : !strcontains(path, "}:")])
    error_message = "A path that API Gateway refuses."
  }

  # `{id}:ping` and `{id}:rotate-secret` are one method there, whose body nobody can check.
  assert {
    condition     = toset(keys(output.document.paths["/v1/webhooks/{id}"])) == toset(["patch", "post"]) && !can(output.document.paths["/v1/webhooks/{id}"].post.requestBody) && can(output.document.paths["/v1/webhooks/{id}"].patch.requestBody)
    error_message = "Methods of verbs are not joined."
  }

  assert {
    condition     = can(output.document.paths["/v1/reports"].head) && can(output.document.paths["/v1/reports:preview"].post)
    error_message = "An operation is missing."
  }

  assert {
    condition     = toset([for parameter in output.document.paths["/v1/destinations/{id}/host-keys"].delete.parameters : parameter.name if parameter.required]) == toset(["id", "fingerprint"])
    error_message = "A parameter that is needed is not asked for."
  }

  assert {
    condition     = output.document.components.schemas.ReportRequest.required == ["report_type"] && output.document.components.schemas.ReportRequest.properties.report_type == { maxLength = 100, type = "string" } && length(output.document.components.schemas.ReportRequest.properties.format) == 0
    error_message = "The model of a report's request is not the first level of its schema."
  }

  assert {
    condition     = alltrue([for path, methods in output.document.paths : alltrue([for method, operation in methods : length(operation.security) == 1 || contains(["/healthz", "/openapi.json", "/docs", "/docs/{page+}"], path)])])
    error_message = "An operation needs no credentials."
  }

  assert {
    condition     = alltrue([for response in output.document["x-amazon-apigateway-gateway-responses"] : can(jsondecode(replace(response.responseTemplates["application/json"], "$context.error.messageString", "\"Forbidden\"")))])
    error_message = "An answer of the gateway is no JSON."
  }

  assert {
    condition     = alltrue([for response in output.document["x-amazon-apigateway-gateway-responses"] : strcontains(response.responseTemplates["application/json"], "\"type\":\"/docs/errors#SP-")])
    error_message = "An answer of the gateway names the stage, which a domain does not have."
  }

  assert {
    condition     = aws_api_gateway_api_key.partner["acme"].value == "sealpost-test-usage-of-partner-acme" && length(aws_api_gateway_usage_plan.partner) == 2 && length(aws_api_gateway_usage_plan_key.partner) == 2
    error_message = "Not one plan and key per partner, as the authorizer of this environment names it."
  }

  assert {
    condition     = length(aws_api_gateway_usage_plan.partner["acme"].quota_settings) == 1 && length(aws_api_gateway_usage_plan.partner["nordwind"].quota_settings) == 0
    error_message = "Quotas are not as said."
  }

  assert {
    condition     = aws_api_gateway_rest_api.this.disable_execute_api_endpoint && aws_api_gateway_domain_name.this[0].mutual_tls_authentication[0].truststore_uri == "s3://trust/ca.pem" && output.url == "https://reports.example.com"
    error_message = "The domain can be gone around."
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0
    error_message = "A web ACL is made that nobody wants."
  }

  assert {
    condition     = [for statement in jsondecode(aws_api_gateway_rest_api.this.policy).Statement : statement.Condition if statement.Effect == "Allow"] == [{ IpAddress = { "aws:SourceIp" = ["192.0.2.0/24"] } }]
    error_message = "The named networks may not call, or others may call what needs no credentials."
  }

  # With an authorizer only a denial keeps anybody out: its own allowance is enough where the policy says nothing.
  assert {
    condition = [for statement in jsondecode(aws_api_gateway_rest_api.this.policy).Statement : statement if statement.Effect == "Deny"] == [{
      Sid       = "NobodyElse"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "execute-api:Invoke"
      Resource  = "execute-api:/*"
      Condition = { NotIpAddress = { "aws:SourceIp" = ["192.0.2.0/24"] } }
    }]
    error_message = "Whom the authorizer lets in may call from anywhere."
  }
}

run "api_that_keeps_answers_of_the_authorizer_for_nobody" {
  command = plan

  module {
    source = "./modules/api"
  }

  variables {
    authorizer = { identity_sources = [] }
  }

  assert {
    condition     = output.document.components.securitySchemes.authorizer["x-amazon-apigateway-authorizer"].authorizerResultTtlInSeconds == 0 && !can(output.document.components.securitySchemes.authorizer["x-amazon-apigateway-authorizer"].identitySource)
    error_message = "An answer would be used for everybody."
  }
}

run "api_with_a_quota_per_hour" {
  command = plan

  module {
    source = "./modules/api"
  }

  variables {
    partners = { acme = { rate = 1, burst = 1, quota = { limit = 1, period = "HOUR" } } }
  }

  expect_failures = [var.partners]
}
