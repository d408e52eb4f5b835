# The partners' API: a regional REST API of API Gateway in front of the functions `api` and `authorizer`.

locals {
  # The resource policy names this API by its path only: API Gateway completes it.
  network_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Callers"
        Effect = "Allow"
        # The authorizer decides who it is; API Gateway knows no principals of partners.
        Principal = { AWS = "*" }
        Action    = "execute-api:Invoke"
        Resource  = "execute-api:/*"
        Condition = { IpAddress = { "aws:SourceIp" = sort(var.allowed_networks) } }
      },
      {
        # What is above opens the pages without credentials, and closes nothing to whom the authorizer lets in: before it API Gateway
        # looks for denials only, and after it an allowance by either of the two is enough (API Gateway developer guide, "How API
        # Gateway resource policies affect authorization workflow").
        Sid    = "NobodyElse"
        Effect = "Deny"
        # A denial has to hold for everybody.
        Principal = { AWS = "*" }
        Action    = "execute-api:Invoke"
        Resource  = "execute-api:/*"
        Condition = { NotIpAddress = { "aws:SourceIp" = sort(var.allowed_networks) } }
      },
    ]
  })
  policy = length(var.allowed_networks) == 0 ? null : local.network_policy
}

resource "aws_api_gateway_rest_api" "this" {
  name        = var.name
  description = "Sealpost's partner API"
  body        = jsonencode(local.body)
  policy      = local.policy
  # What is not in the document any more is taken away.
  put_rest_api_mode            = "overwrite"
  disable_execute_api_endpoint = var.domain != null

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  triggers = {
    redeployment = sha1(join("\n", [jsonencode(local.body), local.policy == null ? "" : local.policy]))
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name}/access"
  retention_in_days = var.logs.retention_in_days
  kms_key_id        = var.logs.kms_key_arn
}

resource "aws_cloudwatch_log_group" "execution" {
  # API Gateway makes this name itself; made before it, it has our key and retention.
  name              = "API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.this.id}/${var.stage}"
  retention_in_days = var.logs.retention_in_days
  kms_key_id        = var.logs.kms_key_arn
}

resource "aws_api_gateway_stage" "this" {
  #checkov:skip=CKV_AWS_120:Answers are of one caller and change by the second; the program has entity tags for who polls.
  #checkov:skip=CKV2_AWS_51:A client certificate is for HTTP backends. The integration is Lambda, called by IAM and a resource policy.
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = var.stage
  description          = "What partners call"
  xray_tracing_enabled = var.tracing

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # Who, what, how it went and how long it took; never a credential, never a body.
    format = jsonencode({
      request_id          = "$context.requestId"
      time                = "$context.requestTime"
      source_ip           = "$context.identity.sourceIp"
      partner             = "$context.authorizer.partner"
      actor               = "$context.authorizer.actor"
      method              = "$context.httpMethod"
      path                = "$context.path"
      resource            = "$context.resourcePath"
      status              = "$context.status"
      response_bytes      = "$context.responseLength"
      latency_ms          = "$context.responseLatency"
      integration_ms      = "$context.integrationLatency"
      integration_status  = "$context.integrationStatus"
      authorizer_status   = "$context.authorizer.status"
      authorizer_ms       = "$context.authorizer.latency"
      waf_status          = "$context.waf.status"
      error_type          = "$context.error.responseType"
      error_message       = "$context.error.message"
      client_certificate  = "$context.identity.clientCert.serialNumber"
      tls_version         = "$context.tlsVersion"
      domain              = "$context.domainName"
      user_agent          = "$context.identity.userAgent"
      extended_request_id = "$context.extendedRequestId"
    })
  }

  depends_on = [aws_cloudwatch_log_group.execution]
}

resource "aws_api_gateway_method_settings" "all" {
  #checkov:skip=CKV_AWS_225:Answers are of one caller and change by the second; the program has entity tags for who polls.
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled = true
    logging_level   = "ERROR"
    # Bodies and headers would stand in the log: credentials and parameters of reports among them.
    data_trace_enabled     = false
    throttling_rate_limit  = var.throttling.rate
    throttling_burst_limit = var.throttling.burst
  }
}

resource "aws_lambda_permission" "this" {
  for_each = {
    api        = "${aws_api_gateway_rest_api.this.execution_arn}/*/*/*"
    authorizer = "${aws_api_gateway_rest_api.this.execution_arn}/authorizers/*"
  }

  statement_id  = "ApiGateway-${aws_api_gateway_rest_api.this.id}"
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  function_name = var.functions[each.key].name
  qualifier     = var.functions[each.key].alias
  source_arn    = each.value

  lifecycle {
    create_before_destroy = true
  }
}
