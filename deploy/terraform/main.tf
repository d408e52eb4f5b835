# Sealpost on AWS: the modules, wired. An environment calls this with its settings and its partners; see environments/.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_partition" "current" {}

locals {
  account = {
    id        = data.aws_caller_identity.current.account_id
    region    = data.aws_region.current.name
    partition = data.aws_partition.current.partition
  }

  # Named here, since roles, functions and alarms all need the names, and none may wait for the others.
  function_names = { for function in ["api", "worker", "events", "authorizer"] : function => "${var.name}-${function}" }

  # Partners' connectors, as `partner/connector`.
  connectors = merge([for partner, settings in var.partners : {
    for connector, server in settings.connectors : "${partner}/${connector}" => server
  }]...)

  # The TCP ports of their servers.
  connector_ports = toset([for server in values(local.connectors) : coalesce(try(tonumber(regex("^sftp://[^/@: ]+(?::([0-9]{1,5}))?$", server.url)[0]), null), 22)])

  # Where logins are kept that partners hand in.
  handed_in = "${var.name}/handed-in"

  # What an address may ask for in five minutes of the web ACL: never less than the usage plan of any one partner lets through, `burst` at
  # once and `rate` from then on. Partners behind one address share it.
  requests_per_address = max(var.api.waf.requests_per_address, [for settings in values(var.partners) : ceil(300 * settings.limits.rate + settings.limits.burst)]...)

  worker_timeout = try(coalesce(var.functions.settings.worker.timeout), 900)
  # Lambda's advice: six times the function's limit, so that a message is not seen twice while it is worked on.
  visibility_timeout_in_seconds = 6 * local.worker_timeout

  # With whose rights connectors are made where the program does it.
  connectors_by_program = var.engine == "aws_transfer" && var.connector_roles_for_program != null

  # Whose events are taken. What the program makes nobody knows here, so that then those of all connectors come: none, to the module.
  heard_connectors = [for connector in values(module.transfer.connectors) : connector.arn if !local.connectors_by_program]
}

module "keys" {
  source = "./modules/keys"

  name                    = var.name
  account                 = local.account
  deletion_window_in_days = var.protection.recovery_in_days == 0 ? 7 : var.protection.recovery_in_days
}

module "network" {
  source = "./modules/network"

  name                = var.name
  account             = local.account
  cidr                = var.network.cidr
  availability_zones  = var.network.availability_zones
  internet            = var.network.internet
  interface_endpoints = var.network.interface_endpoints
  vault               = var.vault == null ? null : var.vault.network
  database = {
    port              = try(var.database.given.port, 3306)
    security_group_id = try(var.database.given.security_group_id, null)
    cidrs             = try(var.database.given.cidrs, [])
  }
  transit = var.network.transit
  flow_logs = {
    retention_in_days = var.observability.retention_in_days
    kms_key_arn       = module.keys.arns.logs
  }
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "database" {
  source = "./modules/database"

  name                     = var.name
  account                  = local.account
  given                    = var.database.given == null ? null : { host = var.database.given.host, port = var.database.given.port, database = var.database.given.database }
  engine_version           = var.database.engine_version
  instance_class           = var.database.instance_class
  storage                  = var.database.storage
  multi_az                 = var.database.multi_az
  backup_retention_in_days = var.database.backup_retention_in_days
  deletion_protection      = var.protection.deletion
  final_snapshot           = var.protection.final_snapshot
  subnet_ids               = module.network.private_subnet_ids
  security_group_id        = module.network.database_security_group_id
  kms_key_arns             = { data = module.keys.arns.data, secrets = module.keys.arns.secrets, logs = module.keys.arns.logs }
  log_retention_in_days    = var.observability.retention_in_days
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "store" {
  source = "./modules/store"

  name               = var.name
  account            = local.account
  kms_key_arn        = module.keys.arns.data
  archive_after_days = var.store.archive_after_days == 0 ? null : var.store.archive_after_days
  archive_class      = var.store.archive_class
  expire_after_days  = var.store.expire_after_days
  noncurrent_days    = var.store.noncurrent_days
  object_lock        = var.store.object_lock
  force_destroy      = !var.protection.deletion
}

module "ledger" {
  source = "./modules/ledger"

  name                    = var.name
  kms_key_arn             = module.keys.arns.data
  deletion_protection     = var.protection.deletion
  recovery_period_in_days = var.ledger.recovery_period_in_days
  most_request_units      = var.ledger.most_request_units
}

module "queues" {
  source = "./modules/queues"

  name        = var.name
  account     = local.account
  kms_key_arn = module.keys.arns.data

  visibility_timeout_in_seconds = local.visibility_timeout_in_seconds
}

module "secrets" {
  source = "./modules/secrets"

  name                    = var.name
  kms_key_arn             = module.keys.arns.secrets
  connectors              = keys(local.connectors)
  signing_key             = var.secrets.signing_key
  webhook_signing         = var.secrets.webhook_signing
  rotation                = var.secrets.rotation
  recovery_window_in_days = var.protection.recovery_in_days
}

module "identity" {
  source = "./modules/identity"

  name                 = var.name
  account              = local.account
  external             = var.identity.external
  audience             = var.identity.audience
  domain_prefix        = var.identity.domain_prefix
  access_token_minutes = var.identity.access_token_minutes
  deletion_protection  = var.protection.deletion
  partners             = { for partner, settings in var.partners : partner => { scopes = settings.scopes } }
}

module "transfer" {
  source = "./modules/transfer"

  name    = var.name
  account = local.account
  connectors = var.engine != "aws_transfer" ? {} : { for id, connector in local.connectors : id => {
    url             = connector.url
    host_keys       = connector.host_keys
    security_policy = connector.security_policy
    secret_arn      = module.secrets.connector_arns[id]
  } }
  store                    = { bucket = module.store.bucket, bucket_arn = module.store.bucket_arn }
  kms_key_arns             = { data = module.keys.arns.data, secrets = module.keys.arns.secrets, logs = module.keys.arns.logs }
  log_retention_in_days    = var.observability.retention_in_days
  permissions_boundary_arn = var.permissions_boundary_arn
  server = var.sftp_server == null ? null : {
    vpc_id           = module.network.vpc_id
    subnet_ids       = module.network.public_subnet_ids
    allowed_networks = var.sftp_server.allowed_networks
    host_keys        = var.sftp_server.host_keys
    accelerated      = var.sftp_server.accelerated
    security_policy  = var.sftp_server.security_policy
    users            = { for partner, settings in var.partners : partner => { public_keys = settings.sftp_public_keys } if length(settings.sftp_public_keys) > 0 }
  }
}

module "iam" {
  source = "./modules/iam"

  name           = var.name
  account        = local.account
  function_names = local.function_names
  engine         = var.engine
  resources = {
    table               = module.ledger.table_arn
    work_queue          = module.queues.work.arn
    failed_events_queue = module.queues.dead_letters.events.arn
    bucket              = module.store.bucket_arn
    secrets = {
      api    = toset(concat([module.secrets.database_arn], var.secrets.webhook_signing ? [module.secrets.webhook_signing_arn] : [], var.secrets.further_arns))
      worker = toset(concat([module.secrets.database_arn], var.secrets.webhook_signing ? [module.secrets.webhook_signing_arn] : [], var.secrets.signing_key ? [module.secrets.signing_key_arn] : [], var.secrets.further_arns))
    }
    partner_secrets = toset(values(module.secrets.connector_arns))
    connectors      = toset([for connector in values(module.transfer.connectors) : connector.arn])
    event_bus       = "arn:${local.account.partition}:events:${local.account.region}:${local.account.id}:event-bus/${var.event_bus}"
    kms_keys        = { data = module.keys.arns.data, secrets = module.keys.arns.secrets }
  }
  connectors_by_program = local.connectors_by_program ? {
    access_role_arn  = var.connector_roles_for_program.access_role_arn
    logging_role_arn = module.transfer.logging_role_arn
  } : null
  network = {
    subnet_arns         = toset([for id in module.network.private_subnet_ids : "arn:${local.account.partition}:ec2:${local.account.region}:${local.account.id}:subnet/${id}"])
    security_group_arns = toset(["arn:${local.account.partition}:ec2:${local.account.region}:${local.account.id}:security-group/${module.network.functions_security_group_id}"])
  }
  handed_in                = var.secrets.handed_in ? local.handed_in : null
  tracing                  = var.observability.tracing
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "functions" {
  source = "./modules/functions"

  name           = var.name
  account        = local.account
  function_names = local.function_names
  role_arns      = module.iam.role_arns
  package        = var.functions.package
  settings       = var.functions.settings
  environment    = local.environment
  kms_key_arns   = { secrets = module.keys.arns.secrets, logs = module.keys.arns.logs }
  network = {
    subnet_ids         = module.network.private_subnet_ids
    security_group_ids = [module.network.functions_security_group_id]
  }
  log_retention_in_days   = var.observability.retention_in_days
  tracing                 = var.observability.tracing
  work_queue_arn          = module.queues.work.arn
  failed_events_queue_arn = module.queues.dead_letters.events.arn
  work_batch              = var.functions.work_batch
  most_connections        = module.database.most_connections
  bucket                  = module.store.bucket
  event_bus               = var.event_bus
  connector_arns          = toset(local.heard_connectors)
}

module "api" {
  source = "./modules/api"

  name             = var.name
  account          = local.account
  stage            = var.api.stage
  openapi_file     = var.api.openapi_file
  functions        = { for function in ["api", "authorizer"] : function => { name = module.functions.functions[function].name, alias = module.functions.functions[function].alias, invoke_arn = module.functions.functions[function].invoke_arn } }
  authorizer       = var.api.authorizer
  throttling       = var.api.throttling
  domain           = var.api.domain
  allowed_networks = var.api.allowed_networks
  waf              = var.api.waf.enabled ? { requests_per_address = local.requests_per_address } : null
  tracing          = var.observability.tracing
  partners         = { for partner, settings in var.partners : partner => settings.limits }
  logs = {
    retention_in_days = var.observability.retention_in_days
    kms_key_arn       = module.keys.arns.logs
  }
}

module "observability" {
  source = "./modules/observability"

  name        = var.name
  account     = local.account
  kms_key_arn = module.keys.arns.logs
  subscribers = var.observability.subscribers
  functions   = { for function, one in module.functions.functions : function => { name = one.name, timeout = one.timeout } }
  log_groups  = module.functions.log_groups
  work_queue  = module.queues.work.name
  dead_letter_queues = {
    work   = module.queues.dead_letters.work.name
    events = module.queues.dead_letters.events.name
  }
  table             = module.ledger.table
  api               = { name = module.api.api.name, stage = module.api.api.stage }
  connector_arns    = { for id, connector in module.transfer.connectors : id => connector.arn }
  database_instance = module.database.instance_identifier
  limits            = var.observability.limits

  visibility_timeout_in_seconds = local.visibility_timeout_in_seconds
}
