# Production: three zones, the company's database and Vault, files locked against removal, our own domain.

module "sealpost" {
  source = "../.."

  name                     = "sealpost-prod"
  engine                   = "aws_transfer"
  partners                 = var.partners
  permissions_boundary_arn = var.permissions_boundary_arn

  network = {
    cidr               = "10.42.0.0/18"
    availability_zones = ["${var.region}a", "${var.region}b", "${var.region}c"]
    # Deliveries go through Transfer Family: only webhooks call out. The engine `sftp` needs the ports of partners' servers here.
    internet = { ports = [443] }
    transit  = { gateway_id = "tgw-0123456789abcdef0", cidrs = ["10.10.0.0/16"] }
  }

  # The leasing database that is there already; credentials come from Vault's database engine.
  database = {
    given = {
      host     = "leasing.cluster-ro-abcdefghijkl.eu-central-1.rds.amazonaws.com"
      database = "leasing"
      cidrs    = ["10.10.8.0/24"]
    }
    user               = "sealpost"
    password_reference = "vault:database/static-creds/sealpost#password"
  }

  vault = {
    network = { cidrs = ["10.10.4.0/24"] }
    environment = {
      VAULT_ADDR      = "https://vault.example.com:8200"
      VAULT_NAMESPACE = "reporting"
      # Each function proves by its own role who it is; Vault's role `sealpost` is bound to them.
      SEALPOST__SECRETS__VAULT__AUTH = "{ method = \"aws\", role = \"sealpost\" }"
    }
  }

  store = {
    archive_after_days = 90
    archive_class      = "GLACIER_IR"
    expire_after_days  = 3650
    object_lock        = { mode = "GOVERNANCE", days = 30 }
  }

  identity = {
    audience      = "https://reports.example.com"
    domain_prefix = "sealpost-reports-example"
  }

  functions = {
    package = {
      architecture = var.architecture
      file         = coalesce(var.package_file, "${path.root}/../../../../target/package/sealpost-${var.architecture}.zip")
    }
    # At most 150 connections to the leasing database.
    work_batch = { size = 3, most_workers = 50 }
  }

  api = {
    openapi_file = var.openapi_file
    domain = {
      name            = "reports.example.com"
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
      zone_id         = "Z0123456789ABCDEFGHIJ"
    }
  }

  # Partners who would rather fetch than be sent: three host keys, one of each type. Their networks are known, which Global Accelerator
  # would hide.
  sftp_server = {
    allowed_networks = ["192.0.2.0/24", "198.51.100.0/24"]
    accelerated      = false
    host_keys = {
      rsa     = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sealpost-prod/host-keys/rsa-AbCdEf"
      ecdsa   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sealpost-prod/host-keys/ecdsa-AbCdEf"
      ed25519 = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sealpost-prod/host-keys/ed25519-AbCdEf"
    }
  }

  observability = {
    retention_in_days = 400
    subscribers = [
      { protocol = "email", endpoint = "reporting-on-call@example.com" },
      { protocol = "https", endpoint = "https://events.example.com/integrations/sealpost" },
    ]
    limits = { delivery_expected_hours = 26 }
  }
}
