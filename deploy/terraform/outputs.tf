output "api_url" {
  description = "Where partners call the API."
  value       = module.api.url
}

output "token_url" {
  description = "Where partners get access tokens; null for an external issuer."
  value       = module.identity.token_url
}

output "egress_addresses" {
  description = "Where connections of our own SFTP engine and webhooks come from, for partners' allow lists."
  value       = module.network.egress_addresses
}

output "partners" {
  description = "What the program's partner files need: the caller's identity, and for each connector its id and secret."
  value = { for partner, settings in var.partners : partner => {
    identities = [for id in [lookup(module.identity.client_ids, partner, null)] : { issuer = module.identity.issuer.name, subject = id } if id != null]
    usage_plan = module.api.usage_plans[partner]
    connectors = { for connector in keys(settings.connectors) : connector => {
      aws_connector = try(module.transfer.connectors["${partner}/${connector}"].id, null)
      user_secret   = "aws-sm:${module.secrets.connector_arns["${partner}/${connector}"]}"
    } }
  } }
}

output "issuer" {
  description = "The `[[identity.issuers]]` of the configuration, for packages that name it themselves."
  value       = module.identity.issuer
}

output "secrets" {
  description = "The secrets that want a value: see README.md for what belongs into each."
  value = {
    database        = module.secrets.database_arn
    database_owner  = module.database.owner_secret_arn
    signing_key     = module.secrets.signing_key_arn
    webhook_signing = module.secrets.webhook_signing_arn
    connectors      = module.secrets.connector_arns
  }
}

output "functions" {
  description = "The functions, by what they do."
  value       = module.functions.functions
}

output "store" {
  description = "The bucket of sealed files."
  value       = module.store.bucket
}

output "ledger" {
  description = "The ledger's table."
  value       = module.ledger.table
}

output "queues" {
  description = "The queue of work, and the dead-letter queues."
  value = {
    work         = module.queues.work
    dead_letters = module.queues.dead_letters
  }
}

output "sftp_server" {
  description = "The server where partners fetch files; null without one."
  value       = module.transfer.server
}

output "alarms" {
  description = "The topic of alarms, and their names."
  value = {
    topic = module.observability.topic_arn
    names = module.observability.alarms
  }
}
