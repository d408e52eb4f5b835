# As production is, with less of everything: what is tried here is what will run there.

module "sealpost" {
  source = "../.."

  name                     = "sealpost-staging"
  engine                   = "aws_transfer"
  partners                 = var.partners
  permissions_boundary_arn = var.permissions_boundary_arn

  network = {
    cidr               = "10.41.0.0/20"
    availability_zones = ["${var.region}a", "${var.region}b"]
    # Deliveries go through Transfer Family: only webhooks call out. The engine `sftp` needs the ports of partners' servers here.
    internet = { per_zone = false, ports = [443] }
  }

  database = {
    instance_class           = "db.t4g.small"
    storage                  = { initial = 20, most = 100 }
    multi_az                 = true
    backup_retention_in_days = 14
  }

  store = { expire_after_days = 180 }

  identity = { audience = "https://reports.staging.example.com" }

  functions = {
    package = {
      architecture = var.architecture
      file         = coalesce(var.package_file, "${path.root}/../../../../target/package/sealpost-${var.architecture}.zip")
    }
    settings = {
      api    = { reserved_concurrency = 50 }
      worker = { reserved_concurrency = 20 }
    }
  }

  api = {
    openapi_file = var.openapi_file
    throttling   = { rate = 200, burst = 400 }
  }

  observability = {
    subscribers = [{ protocol = "email", endpoint = "sealpost-staging@example.com" }]
    limits      = { delivery_expected_hours = 0 }
  }

  protection = { recovery_in_days = 7 }
}
