# One connector per destination of a partner, each with a role of its own: the connector of one partner can read neither files nor
# the login of another.

locals {
  partition = var.account.partition
  here      = "${var.account.region}:${var.account.id}"

  partner = { for id in keys(var.connectors) : id => split("/", id)[0] }

  # Names of roles have 64 characters at most; the digest keeps shortened ones apart.
  role_names = { for id in keys(var.connectors) : id => "${substr("${var.name}-to-${replace(id, "/", "-")}", 0, 55)}-${substr(sha256(id), 0, 8)}" }

  # The service acts for this account's connectors only.
  by_transfer = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "transfer.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account.id }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:transfer:${local.here}:*" }
      }
    }]
  })
}

resource "aws_iam_role" "access" {
  for_each = var.connectors

  name                 = local.role_names[each.key]
  description          = "Connector ${each.key}: its partner's files and its login"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = local.by_transfer
}

resource "aws_iam_role_policy" "access" {
  for_each = var.connectors

  name = "access"
  role = aws_iam_role.access[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Bucket"
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation"]
        Resource = [var.store.bucket_arn]
      },
      {
        Sid       = "List"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [var.store.bucket_arn]
        Condition = { StringLike = { "s3:prefix" = ["${local.partner[each.key]}/*"] } }
      },
      {
        Sid      = "Files"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = ["${var.store.bucket_arn}/${local.partner[each.key]}/*"]
      },
      {
        Sid      = "Login"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [each.value.secret_arn]
      },
      {
        Sid       = "FileKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.kms_key_arns.data]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.account.region}.amazonaws.com" } }
      },
      {
        Sid       = "LoginKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.kms_key_arns.secrets]
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.account.region}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_iam_role" "logging" {
  name                 = "${var.name}-transfer-logging"
  description          = "Transfer Family to CloudWatch Logs"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = local.by_transfer
}

resource "aws_iam_role_policy" "logging" {
  name = "logs"
  role = aws_iam_role.logging.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      # The groups are made below, so that they have our key and retention.
      Resource = [
        "arn:${local.partition}:logs:${local.here}:log-group:/aws/transfer/*",
        "arn:${local.partition}:logs:${local.here}:log-group:/aws/transfer/*:log-stream:*",
      ]
    }]
  })
}

resource "aws_transfer_connector" "this" {
  for_each = var.connectors

  url                  = each.value.url
  access_role          = aws_iam_role.access[each.key].arn
  logging_role         = aws_iam_role.logging.arn
  security_policy_name = each.value.security_policy

  sftp_config {
    user_secret_id = each.value.secret_arn
    # The provider takes no empty list. Without a key nothing is sent; the connector only shows the key that the server has.
    trusted_host_keys = length(each.value.host_keys) == 0 ? null : each.value.host_keys
  }

  tags = {
    Name               = "${var.name}/${each.key}"
    "sealpost:partner" = local.partner[each.key]
  }

  # The service tries the role when a connector is made.
  depends_on = [aws_iam_role_policy.access, aws_iam_role_policy.logging]
}

resource "aws_cloudwatch_log_group" "connector" {
  for_each = aws_transfer_connector.this

  name              = "/aws/transfer/${each.value.connector_id}"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arns.logs
}
