# For developers: small, cheap, and gone without a trace. Our own SFTP engine, one zone's way out, no web ACL.

module "sealpost" {
  source = "../.."

  name                     = "sealpost-dev"
  engine                   = "sftp"
  partners                 = var.partners
  permissions_boundary_arn = var.permissions_boundary_arn

  network = {
    cidr               = "10.40.0.0/20"
    availability_zones = ["${var.region}a", "${var.region}b"]
    internet           = { per_zone = false }
    # The rest goes by the NAT gateway: an endpoint costs by the hour.
    interface_endpoints = ["secretsmanager", "sqs"]
  }

  database = {
    instance_class           = "db.t4g.micro"
    storage                  = { initial = 20, most = 50 }
    multi_az                 = false
    backup_retention_in_days = 7
  }

  store = {
    archive_after_days = 0
    expire_after_days  = 30
    noncurrent_days    = 1
  }

  identity = { audience = "https://reports.dev.example.com" }

  functions = {
    package = {
      architecture = var.architecture
      file         = coalesce(var.package_file, "${path.root}/../../../../target/package/sealpost-${var.architecture}.zip")
    }
    log_level = "debug"
    # Nothing is reserved: a new account often may run 10 functions at once, and Lambda lets nobody reserve the last ones.
    settings = { for function in ["api", "worker", "events", "authorizer"] : function => { reserved_concurrency = -1 } }
    # So that they do not take all connections of so small a database.
    work_batch = { most_workers = 10 }
  }

  api = {
    openapi_file = var.openapi_file
    throttling   = { rate = 50, burst = 100 }
    waf          = { enabled = false }
  }

  observability = {
    limits = { delivery_expected_hours = 0 }
  }

  protection = {
    deletion         = false
    final_snapshot   = false
    recovery_in_days = 0
  }
}
