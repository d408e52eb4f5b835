# Places for secrets, without their values: those are put there by people or rotation functions, and are neither in variables
# nor in the state.

locals {
  own = merge(
    { database = "Sealpost's account of the database: {\"username\", \"password\"}" },
    var.signing_key ? { signing-key = "OpenPGP key that files are signed with: {\"key\", \"passphrase\"}" } : {},
    var.webhook_signing ? { webhook-signing = "What webhooks' secrets are derived from: at least 32 random bytes" } : {},
  )
}

resource "aws_secretsmanager_secret" "own" {
  for_each = local.own

  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_in_days
}

resource "aws_secretsmanager_secret" "connector" {
  #checkov:skip=CKV2_AWS_57:The other half of the key is on the partner's server: it changes together with the partner, by a new version with both stages alive.
  for_each = var.connectors

  name                    = "${var.name}/partners/${each.key}/sftp"
  description             = "SFTP login of ${each.key}: {\"Username\", \"PrivateKey\", \"Password\"}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_in_days

  tags = { "sealpost:partner" = split("/", each.key)[0] }
}

resource "aws_secretsmanager_secret_rotation" "this" {
  #checkov:skip=CKV_AWS_304:Days are a variable: 30 unless said otherwise.
  for_each = { for secret, rotation in var.rotation : secret => rotation if contains(keys(local.own), secret) }

  secret_id           = aws_secretsmanager_secret.own[each.key].id
  rotation_lambda_arn = each.value.lambda_arn

  rotation_rules {
    automatically_after_days = each.value.after_days
  }
}
