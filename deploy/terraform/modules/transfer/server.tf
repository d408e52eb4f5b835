# Optional: a server where partners fetch what is in their folder.

locals {
  served = var.server == null ? 0 : 1
  users  = var.server == null ? {} : var.server.users

  user_keys = merge([for user, settings in local.users : { for key in settings.public_keys : "${user} ${sha256(key)}" => { user = user, key = key } }]...)
}

resource "aws_eip" "server" {
  for_each = var.server == null ? {} : { for index, subnet in var.server.subnet_ids : tostring(index) => subnet }

  domain = "vpc"

  tags = { Name = "${var.name}-sftp-${each.key}" }
}

resource "aws_security_group" "server" {
  count = local.served

  name        = "${var.name}-sftp-server"
  description = "Partners that fetch files by SFTP"
  vpc_id      = var.server.vpc_id

  tags = { Name = "${var.name}-sftp-server" }
}

resource "aws_vpc_security_group_ingress_rule" "server" {
  for_each = toset(try(var.server.allowed_networks, []))

  security_group_id = aws_security_group.server[0].id
  description       = "Partners"
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_ipv4         = each.value
}

resource "aws_cloudwatch_log_group" "server" {
  count = local.served

  name              = "/aws/transfer/${var.name}-server"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arns.logs
}

resource "aws_transfer_server" "this" {
  count = local.served

  protocols              = ["SFTP"]
  domain                 = "S3"
  endpoint_type          = "VPC"
  identity_provider_type = "SERVICE_MANAGED"
  security_policy_name   = var.server.security_policy
  logging_role           = aws_iam_role.logging.arn

  structured_log_destinations = ["${aws_cloudwatch_log_group.server[0].arn}:*"]

  endpoint_details {
    vpc_id                 = var.server.vpc_id
    subnet_ids             = var.server.subnet_ids
    address_allocation_ids = [for address in aws_eip.server : address.id]
    security_group_ids     = [aws_security_group.server[0].id]
  }

  protocol_details {
    # Clients that set times fail otherwise.
    set_stat_option = "ENABLE_NO_OP"
  }

  tags = { Name = var.name }
}

# The key goes from Secrets Manager to Transfer Family through the machine that applies, and neither into the state nor onto a
# command line. Another secret, or another name, imports again; old keys are removed by hand, after partners know the new one.
resource "terraform_data" "host_key" {
  for_each = var.server == null ? {} : var.server.host_keys

  triggers_replace = [aws_transfer_server.this[0].id, each.key, each.value]

  provisioner "local-exec" {
    command = "${path.module}/import-host-key.sh"
    environment = {
      SERVER_ID   = aws_transfer_server.this[0].id
      SECRET_ARN  = each.value
      DESCRIPTION = each.key
      REGION      = var.account.region
    }
  }
}

resource "aws_iam_role" "user" {
  for_each = local.users

  name                 = "${substr("${var.name}-user-${each.key}", 0, 55)}-${substr(sha256(each.key), 0, 8)}"
  description          = "SFTP user ${each.key}: its own files, to read"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = local.by_transfer
}

resource "aws_iam_role_policy" "user" {
  for_each = local.users

  name = "files"
  role = aws_iam_role.user[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "List"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [var.store.bucket_arn]
        Condition = { StringLike = { "s3:prefix" = ["${each.key}", "${each.key}/*"] } }
      },
      {
        Sid      = "Files"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = ["${var.store.bucket_arn}/${each.key}/*"]
      },
      {
        Sid       = "FileKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.kms_key_arns.data]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.account.region}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_transfer_user" "this" {
  for_each = local.users

  server_id           = aws_transfer_server.this[0].id
  user_name           = each.key
  role                = aws_iam_role.user[each.key].arn
  home_directory_type = "LOGICAL"

  home_directory_mappings {
    entry  = "/"
    target = "/${var.store.bucket}/${each.key}"
  }
}

resource "aws_transfer_ssh_key" "this" {
  for_each = local.user_keys

  server_id = aws_transfer_server.this[0].id
  user_name = aws_transfer_user.this[each.value.user].user_name
  body      = each.value.key
}

resource "aws_globalaccelerator_accelerator" "this" {
  #checkov:skip=CKV_AWS_75:Flow logs want a bucket of their own, and nobody is let in by address here: the server's structured log has every session with its user. Only they would have clients' addresses, though: what comes to an Elastic IP this way has one of AWS.
  count = try(var.server.accelerated, false) ? 1 : 0

  name            = var.name
  ip_address_type = "IPV4"
  enabled         = true
}

resource "aws_globalaccelerator_listener" "this" {
  count = try(var.server.accelerated, false) ? 1 : 0

  accelerator_arn = aws_globalaccelerator_accelerator.this[0].id
  protocol        = "TCP"
  # One address of a partner always meets the same zone: sessions of one login stay together.
  client_affinity = "SOURCE_IP"

  port_range {
    from_port = 22
    to_port   = 22
  }
}

resource "aws_globalaccelerator_endpoint_group" "this" {
  count = try(var.server.accelerated, false) ? 1 : 0

  listener_arn          = aws_globalaccelerator_listener.this[0].id
  endpoint_group_region = var.account.region
  health_check_protocol = "TCP"
  health_check_port     = 22

  dynamic "endpoint_configuration" {
    for_each = aws_eip.server

    content {
      endpoint_id = endpoint_configuration.value.id
      weight      = 128
    }
  }
}
