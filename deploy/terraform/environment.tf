# The configuration as variables of the functions: `SEALPOST__` and the path of the key. What does not depend on what is made here
# stands in the sealpost.toml of the package. Secrets are references; values that TOML would read as something else are in quotes.

locals {
  issuer = module.identity.issuer

  # An inline table of TOML; strings of JSON are strings of TOML.
  issuers = format("[{ %s }]", join(", ", concat(
    [for key in ["name", "profile", "issuer"] : "${key} = ${jsonencode(local.issuer[key])}"],
    length(local.issuer.audiences) == 0 ? [] : ["audiences = ${jsonencode(local.issuer.audiences)}"],
    length(local.issuer.client_ids) == 0 ? [] : ["client_ids = ${jsonencode(local.issuer.client_ids)}"],
    local.issuer.scope_prefix == null ? [] : ["scope_prefix = ${jsonencode(local.issuer.scope_prefix)}"],
  )))

  environment = merge(
    {
      SEALPOST_CONFIG                    = "/var/task/sealpost.toml"
      SEALPOST_AUTHORIZER_USAGE_KEY      = "${var.name}-usage-of-partner-{partner}"
      SEALPOST__LOG__FORMAT              = "json"
      SEALPOST__LOG__LEVEL               = var.functions.log_level
      SEALPOST__LEDGER__KIND             = "dynamodb"
      SEALPOST__LEDGER__TABLE            = module.ledger.table
      SEALPOST__QUEUE__KIND              = "sqs"
      SEALPOST__QUEUE__URL               = module.queues.work.url
      SEALPOST__STORE__KIND              = "s3"
      SEALPOST__STORE__BUCKET            = module.store.bucket
      SEALPOST__STORE__KMS_KEY_ID        = module.keys.arns.data
      SEALPOST__SOURCES__MAIN__KIND      = "mysql"
      SEALPOST__SOURCES__MAIN__HOST      = module.database.address.host
      SEALPOST__SOURCES__MAIN__PORT      = tostring(module.database.address.port)
      SEALPOST__SOURCES__MAIN__DATABASE  = module.database.address.database
      SEALPOST__SOURCES__MAIN__USER      = var.database.user
      SEALPOST__SOURCES__MAIN__PASSWORD  = coalesce(var.database.password_reference, "aws-sm:${module.secrets.database_arn}#password")
      SEALPOST__SOURCES__MAIN__TLS__MODE = "required"
      # Messages of a batch at once; a report holds a connection to its database meanwhile.
      SEALPOST__WORKER__CONCURRENCY = tostring(var.functions.work_batch.size)
      SEALPOST__DELIVER__ENGINE     = var.engine
      # An answer of a function is 6 MB at most (4.4 MB of a file); larger ones are fetched from the bucket by a signed address.
      SEALPOST__API__DOWNLOADS = "redirect"
    },
    var.database.ca_file == null ? {} : { SEALPOST__SOURCES__MAIN__TLS__CA_FILE = var.database.ca_file },
    var.identity.issuers_in_package ? {} : { SEALPOST__IDENTITY__ISSUERS = local.issuers },
    var.secrets.webhook_signing ? { SEALPOST__WEBHOOKS__SIGNING_SECRET = "aws-sm:${module.secrets.webhook_signing_arn}" } : {},
    var.secrets.signing_key ? { SEALPOST__SEAL__SIGNING_KEY = "{ key = \"aws-sm:${module.secrets.signing_key_arn}#key\", passphrase = \"aws-sm:${module.secrets.signing_key_arn}#passphrase\" }" } : {},
    var.engine == "aws_transfer" ? {
      # An event brings the news: nobody needs to wait for it in a function that costs by the second.
      SEALPOST__DELIVER__AWS_TRANSFER__FOLLOW_S = "10"
    } : {},
    var.api.trust_authorizer ? { SEALPOST__LAMBDA__TRUST_AUTHORIZER = "true" } : {},
    var.secrets.handed_in ? {
      SEALPOST__SELF_SERVICE__VAULT         = "aws-sm:${local.handed_in}"
      SEALPOST__SECRETS__AWS_SM__KMS_KEY_ID = module.keys.arns.secrets
    } : {},
    local.connectors_by_program ? {
      SEALPOST__DELIVER__AWS_TRANSFER__ACCESS_ROLE  = var.connector_roles_for_program.access_role_arn
      SEALPOST__DELIVER__AWS_TRANSFER__LOGGING_ROLE = module.transfer.logging_role_arn
    } : {},
    try(var.vault.environment, {}),
    var.functions.environment,
  )
}
