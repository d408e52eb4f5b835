# The database that reports are read from: a new one, or a given one, of which only the address is passed on.
#
# The master password is made, kept and rotated by RDS itself; it is neither in variables nor in the state. Sealpost has an
# account of its own, with SELECT only, whose secret is of the module `secrets`.

locals {
  made = var.given == null ? 1 : 0

  # RDS refuses to make MySQL with Performance Insights on its smallest instances.
  insights = !can(regex("^db\\.t(2|3|4g)\\.(micro|small)$", var.instance_class))

  # GiB of memory, which a class's name says: those of memory-optimised families have twice as much. Null for a class that is not here.
  class      = try(regex("^db\\.([tmr])[0-9a-z]+\\.([0-9a-z]+)$", var.instance_class), ["", ""])
  sizes      = merge({ micro = 1, small = 2, medium = 4, large = 8, xlarge = 16 }, { for times in [2, 4, 8, 12, 16, 24, 32] : "${times}xlarge" => times * 16 })
  memory_gib = try(local.sizes[local.class[1]] * (local.class[0] == "r" ? 2 : 1), null)
  # What RDS's parameter groups for MySQL say of `max_connections`: {DBInstanceClassMemory/12582880}.
  most_connections = local.memory_gib == null ? null : floor(local.memory_gib * 1073741824 / 12582880)
}

resource "aws_db_subnet_group" "this" {
  count = local.made

  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  count = local.made

  name_prefix = "${var.name}-"
  family      = "mysql${var.engine_version}"
  description = "TLS only, Unicode, and a record of slow statements"

  parameter {
    name  = "require_secure_transport"
    value = "1"
  }

  parameter {
    name  = "tls_version"
    value = "TLSv1.2,TLSv1.3"
    # Static in MySQL: counts from the next start.
    apply_method = "pending-reboot"
  }

  parameter {
    name  = "character_set_server"
    value = "utf8mb4"
  }

  parameter {
    name  = "local_infile"
    value = "0"
  }

  parameter {
    name  = "slow_query_log"
    value = "1"
  }

  parameter {
    name  = "long_query_time"
    value = "10"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.made == 1 ? toset(["error", "slowquery"]) : []

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arns.logs
}

resource "aws_iam_role" "monitoring" {
  count = local.made

  name                 = "${var.name}-database-monitoring"
  description          = "RDS enhanced monitoring"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account.id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  count = local.made

  role       = aws_iam_role.monitoring[0].name
  policy_arn = "arn:${var.account.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_133:Days are a variable, 35 unless said otherwise and never under 7; this check does not follow it through two modules.
  #checkov:skip=CKV_AWS_157:A second zone is a variable, on unless said otherwise; off in the environment of developers.
  #checkov:skip=CKV_AWS_353:Performance Insights is on where RDS has it: not on micro and small, which developers and staging have.
  #checkov:skip=CKV_AWS_293:Protection is a variable, on unless said otherwise; off in the environment of developers.
  count = local.made

  identifier            = var.name
  engine                = "mysql"
  engine_version        = var.engine_version
  instance_class        = var.instance_class
  db_name               = var.database
  port                  = var.port
  allocated_storage     = var.storage.initial
  max_allocated_storage = var.storage.most
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arns.data
  parameter_group_name  = aws_db_parameter_group.this[0].name

  username                            = "sealpost_owner"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arns.secrets
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.this[0].name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false
  multi_az               = var.multi_az
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period    = var.backup_retention_in_days
  copy_tags_to_snapshot      = true
  deletion_protection        = var.deletion_protection
  skip_final_snapshot        = !var.final_snapshot
  final_snapshot_identifier  = "${var.name}-final"
  delete_automated_backups   = !var.final_snapshot
  auto_minor_version_upgrade = true
  apply_immediately          = false

  enabled_cloudwatch_logs_exports = ["error", "slowquery"]
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring[0].arn
  performance_insights_enabled    = local.insights
  performance_insights_kms_key_id = local.insights ? var.kms_key_arns.data : null

  lifecycle {
    precondition {
      condition     = length(var.subnet_ids) >= 2 && var.security_group_id != null
      error_message = "A new database needs `subnet_ids` in two zones and a `security_group_id`."
    }
  }

  depends_on = [aws_cloudwatch_log_group.this]
}
