# One usage plan and one key per partner. The key is no credential: partners neither know nor send it, the authorizer names it
# after it has found out who calls (`usageIdentifierKey`). Its value is what the program makes of the partner's id. The environment
# stands in it, since API Gateway takes a value once per account and region.

resource "aws_api_gateway_usage_plan" "partner" {
  for_each = var.partners

  name        = "${var.name}-${each.key}"
  description = "What ${each.key} may use"

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = each.value.rate
    burst_limit = each.value.burst
  }

  dynamic "quota_settings" {
    for_each = each.value.quota == null ? [] : [each.value.quota]

    content {
      limit  = quota_settings.value.limit
      period = quota_settings.value.period
    }
  }
}

resource "aws_api_gateway_api_key" "partner" {
  for_each = var.partners

  name        = "${var.name}-${each.key}"
  description = "Counts the usage of ${each.key}; no credential"
  # `SEALPOST_AUTHORIZER_USAGE_KEY` in environment.tf has the same template. API Gateway takes 20 to 128 characters.
  value = "${var.name}-usage-of-partner-${each.key}"
}

resource "aws_api_gateway_usage_plan_key" "partner" {
  for_each = var.partners

  usage_plan_id = aws_api_gateway_usage_plan.partner[each.key].id
  key_id        = aws_api_gateway_api_key.partner[each.key].id
  key_type      = "API_KEY"
}
