output "url" {
  description = "Where partners call the API."
  value       = var.domain == null ? aws_api_gateway_stage.this.invoke_url : "https://${var.domain.name}"
}

output "api" {
  description = "The API's id, name and stage, as metrics name them."
  value = {
    id    = aws_api_gateway_rest_api.this.id
    name  = aws_api_gateway_rest_api.this.name
    stage = aws_api_gateway_stage.this.stage_name
  }
}

output "document" {
  description = "The OpenAPI document that API Gateway was given."
  value       = local.body
}

output "usage_plans" {
  description = "The partners' usage plans, by partner."
  value       = { for partner, plan in aws_api_gateway_usage_plan.partner : partner => plan.id }
}
