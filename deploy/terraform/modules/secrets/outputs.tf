output "database_arn" {
  description = "The secret of Sealpost's account of the database."
  value       = aws_secretsmanager_secret.own["database"].arn
}

output "signing_key_arn" {
  description = "The secret of the OpenPGP signing key; null without one."
  value       = try(aws_secretsmanager_secret.own["signing-key"].arn, null)
}

output "webhook_signing_arn" {
  description = "The secret that webhooks' secrets are derived from; null without one."
  value       = try(aws_secretsmanager_secret.own["webhook-signing"].arn, null)
}

output "connector_arns" {
  description = "The secrets of SFTP logins, by `partner/connector`."
  value       = { for id, secret in aws_secretsmanager_secret.connector : id => secret.arn }
}
