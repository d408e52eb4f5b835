output "role_arns" {
  description = "The functions' roles, by what the functions do."
  value       = { for function, role in aws_iam_role.function : function => role.arn }

  # A function that starts before its policy is there fails.
  depends_on = [aws_iam_role_policy.function]
}

output "policies" {
  description = "The functions' policies as JSON, for comparing them with the calls that were made."
  value       = { for function, policy in aws_iam_role_policy.function : function => policy.policy }
}

output "actions" {
  description = "What the program calls, by function and service: `actions.json`."
  value       = local.actions
}
