output "backend" {
  description = "What backend.hcl of an environment has to say."
  value = {
    bucket     = aws_s3_bucket.state.id
    region     = var.region
    kms_key_id = aws_kms_alias.state.name
  }
}

output "role_arns" {
  description = "The roles of the build server: `deploy`, and `plan` where there are jobs that only plan."
  value       = { for name, role in aws_iam_role.ci : name => role.arn }
}

output "permissions_boundary_arn" {
  description = "The boundary of every role: `permissions_boundary_arn` of the environments."
  value       = aws_iam_policy.boundary.arn
}
