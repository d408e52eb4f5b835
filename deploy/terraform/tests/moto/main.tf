# What the emulator (moto) holds of the modules, made for real and destroyed again: what data is kept in, who may call, and the roles.
# `cargo xtask infra` runs it; AWS_ENDPOINT_URL and made-up credentials come from there.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region                      = "eu-central-1"
  s3_use_path_style           = true
  skip_metadata_api_check     = true
  skip_credentials_validation = true
  allowed_account_ids         = ["123456789012"]
  # What the emulator does not know it answers with a server's error: asking 25 times takes minutes.
  max_retries = 2
}

data "aws_caller_identity" "current" {}

locals {
  name    = "sealpost-moto"
  account = { id = data.aws_caller_identity.current.account_id, region = "eu-central-1" }
}

module "keys" {
  source = "../../modules/keys"

  name                    = local.name
  account                 = local.account
  deletion_window_in_days = 7
}

module "store" {
  source = "../../modules/store"

  name          = local.name
  account       = local.account
  kms_key_arn   = module.keys.arns.data
  force_destroy = true
}

module "ledger" {
  source = "../../modules/ledger"

  name                = local.name
  kms_key_arn         = module.keys.arns.data
  deletion_protection = false
}

module "queues" {
  source = "../../modules/queues"

  name                = local.name
  account             = local.account
  kms_key_arn         = module.keys.arns.data
  closed_dead_letters = false
}

module "secrets" {
  source = "../../modules/secrets"

  name                    = local.name
  kms_key_arn             = module.keys.arns.secrets
  connectors              = ["acme/main"]
  recovery_window_in_days = 0
}

module "identity" {
  source = "../../modules/identity"

  name                = local.name
  account             = local.account
  audience            = "https://reports.example.com"
  partners            = { acme = { scopes = ["reports:read", "reports:write"] } }
  deletion_protection = false
}

module "iam" {
  source = "../../modules/iam"

  name           = local.name
  account        = local.account
  engine         = "sftp"
  function_names = { for function in ["api", "worker", "events", "authorizer"] : function => "${local.name}-${function}" }
  resources = {
    table               = module.ledger.table_arn
    work_queue          = module.queues.work.arn
    failed_events_queue = module.queues.dead_letters.events.arn
    bucket              = module.store.bucket_arn
    secrets = {
      api    = toset([module.secrets.database_arn])
      worker = toset([module.secrets.database_arn, module.secrets.signing_key_arn])
    }
    partner_secrets = toset(values(module.secrets.connector_arns))
    event_bus       = "arn:aws:events:eu-central-1:${local.account.id}:event-bus/default"
    kms_keys        = { data = module.keys.arns.data, secrets = module.keys.arns.secrets }
  }
}

output "made" {
  description = "What was made, for looking at it."
  value = {
    bucket   = module.store.bucket
    table    = module.ledger.table
    queue    = module.queues.work.url
    issuer   = module.identity.issuer
    roles    = module.iam.role_arns
    policies = module.iam.policies
    secrets  = module.secrets.connector_arns
  }
}
