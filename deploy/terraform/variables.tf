variable "name" {
  description = "Prefix of all names: program and environment, such as `sealpost-prod`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "`name` is 3 to 24 of a-z, 0-9 and -, and begins with a letter: buckets have account and region behind it."
  }
}

variable "engine" {
  description = "Who delivers: `aws_transfer` (connectors of AWS Transfer Family, made here) or `sftp` (the worker itself, from the network's fixed addresses)."
  type        = string
  default     = "aws_transfer"

  validation {
    condition     = contains(["sftp", "aws_transfer"], var.engine)
    error_message = "`engine` is sftp or aws_transfer."
  }
}

variable "partners" {
  description = <<-EOT
    The partners, by id. Data, not code: mostly `partners.auto.tfvars`.
    `scopes`: what their machine client may ask for. `limits`: what their usage plan allows, per second, at once and in a period (DAY, WEEK, MONTH).
    `connectors`: their SFTP servers, by name, with approved host keys. `sftp_public_keys`: with which they may fetch files from `sftp_server`.
  EOT
  type = map(object({
    scopes = optional(set(string), ["reports:read", "reports:write", "keys:write", "destinations:write"])
    limits = optional(object({
      rate  = optional(number, 100)
      burst = optional(number, 200)
      quota = optional(object({
        limit  = number
        period = string
      }))
    }), {})
    connectors = optional(map(object({
      url             = string
      host_keys       = optional(list(string), [])
      security_policy = optional(string, "TransferSFTPConnectorSecurityPolicy-2024-03")
    })), {})
    sftp_public_keys = optional(set(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for partner in keys(var.partners) : can(regex("^[a-z0-9-]{1,63}$", partner))])
    error_message = "A partner's id is 1 to 63 of a-z, 0-9 and -, as in the program."
  }

  validation {
    condition     = alltrue(flatten([for settings in values(var.partners) : [for connector in keys(settings.connectors) : can(regex("^[a-z0-9-]{1,63}$", connector))]]))
    error_message = "A connector's name is 1 to 63 of a-z, 0-9 and -, as in the program."
  }

  validation {
    condition     = sum(concat([0], [for settings in values(var.partners) : length(settings.connectors)])) <= 1000
    error_message = "So many connectors need another account: Transfer Family has 100, or on request some more."
  }
}

variable "network" {
  description = "The network: addresses, zones, the way out (`internet.ports`: with the engine sftp those of all partners' servers are among them), which services have interface endpoints, and the company's networks behind a transit gateway."
  type = object({
    cidr               = optional(string, "10.40.0.0/20")
    availability_zones = list(string)
    internet = optional(object({
      enabled  = optional(bool, true)
      per_zone = optional(bool, true)
      ports    = optional(set(number), [22, 443])
    }), {})
    interface_endpoints = optional(set(string), ["secretsmanager", "sqs", "transfer", "events", "kms", "logs", "sts"])
    transit = optional(object({
      gateway_id = string
      cidrs      = set(string)
    }))
  })

  validation {
    condition     = var.engine != "sftp" || length(setsubtract(local.connector_ports, var.network.internet.enabled ? var.network.internet.ports : toset([]))) == 0
    error_message = "With the engine sftp the worker connects to partners' servers itself: `network.internet` has to be enabled, and its `ports` need those of all connectors: ${join(", ", local.connector_ports)}."
  }
}

variable "database" {
  description = <<-EOT
    The database that reports read: a given one, or a new RDS MySQL. `user` is Sealpost's account (SELECT only); its password is in the secret
    `<name>/database`, unless `password_reference` names another place, such as `vault:database/creds/sealpost#password`. `ca_file` is the authority of
    its certificate in the package.
  EOT
  type = object({
    given = optional(object({
      host              = string
      port              = optional(number, 3306)
      database          = string
      security_group_id = optional(string)
      cidrs             = optional(set(string), [])
    }))
    engine_version           = optional(string, "8.4")
    instance_class           = optional(string, "db.t4g.medium")
    storage                  = optional(object({ initial = optional(number, 50), most = optional(number, 500) }), {})
    multi_az                 = optional(bool, true)
    backup_retention_in_days = optional(number, 35)
    user                     = optional(string, "sealpost")
    password_reference       = optional(string)
    ca_file                  = optional(string, "/var/task/rds-ca.pem")
  })
  default = {}

  validation {
    condition     = var.database.given == null ? true : (var.database.given.security_group_id != null) != (length(var.database.given.cidrs) > 0)
    error_message = "`database.given` has either `security_group_id` (reachable from this network) or `cidrs` (beyond the transit gateway)."
  }

  validation {
    condition     = var.database.password_reference == null ? true : can(regex("^(aws-sm|vault):.+", var.database.password_reference))
    error_message = "`database.password_reference` is a reference to a secret: aws-sm:… or vault:…, never a value."
  }
}

variable "vault" {
  description = "HashiCorp Vault: where it is in the network, and the program's variables for it (address, authentication; no tokens). None when null."
  type = object({
    network = object({
      cidrs             = optional(set(string), [])
      security_group_id = optional(string)
      port              = optional(number, 8200)
    })
    environment = map(string)
  })
  default = null

  validation {
    condition     = var.vault == null ? true : !anytrue([for key in keys(var.vault.environment) : can(regex("(?i)token$|secret_id$|password$", key))])
    error_message = "`vault.environment` has no credentials: authenticate with the function's role (AWS IAM auth)."
  }
}

variable "store" {
  description = "Sealed files: when they move to cheaper storage (0 for never), when they go for good, and whether they are locked."
  type = object({
    archive_after_days = optional(number, 90)
    archive_class      = optional(string, "GLACIER_IR")
    expire_after_days  = optional(number)
    noncurrent_days    = optional(number, 30)
    object_lock = optional(object({
      mode = optional(string, "GOVERNANCE")
      days = number
    }))
  })
  default = {}
}

variable "ledger" {
  description = "The ledger's table: how far back it can be restored, and a limit of its units per second."
  type = object({
    recovery_period_in_days = optional(number, 35)
    most_request_units      = optional(object({ read = number, write = number }))
  })
  default = {}
}

variable "secrets" {
  description = "Which secrets there are beside those of database and connectors, which functions rotate them (`rotation`; they stand in `rotation_functions` of `bootstrap/` too), and ARNs of others that api and worker may read. `handed_in`: partners may hand in logins of their servers by the API; they are kept below `<name>/handed-in`, and used by the engine sftp only."
  type = object({
    signing_key     = optional(bool, true)
    webhook_signing = optional(bool, true)
    rotation = optional(map(object({
      lambda_arn = string
      after_days = optional(number, 30)
    })), {})
    further_arns = optional(list(string), [])
    handed_in    = optional(bool, false)
  })
  default = {}

  validation {
    condition     = alltrue([for arn in var.secrets.further_arns : can(regex("^arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:[^*]+$", arn))])
    error_message = "`secrets.further_arns` are whole ARNs of secrets, without *."
  }

  validation {
    condition     = !(var.secrets.handed_in && var.engine == "aws_transfer")
    error_message = "`secrets.handed_in` needs the engine sftp: a destination that a partner enters has its login in `login`, which connectors of Transfer Family can't read (they have `user_secret`), so nothing would ever be delivered to it."
  }
}

variable "identity" {
  description = "Access tokens: a Cognito user pool with the scopes of `audience`, or an external issuer. `issuers_in_package`: the packaged sealpost.toml names the issuer, since with some hundred partners it is longer than a function's variables may be."
  type = object({
    audience = string
    external = optional(object({
      name         = string
      profile      = optional(string, "generic")
      issuer       = string
      audiences    = optional(list(string), [])
      client_ids   = optional(map(string), {})
      scope_prefix = optional(string)
    }))
    domain_prefix        = optional(string)
    access_token_minutes = optional(number, 30)
    issuers_in_package   = optional(bool, false)
  })
}

variable "functions" {
  description = "The package, what each function gets, and further variables (never secrets). `work_batch`: messages per call of the worker, seconds to wait for more of them, and the most workers at once. Each report holds a connection to its database while it is made: `size` times `most_workers` at most, which a database that is made here has to have twice."
  type = object({
    package = object({
      architecture = optional(string, "arm64")
      file         = optional(string)
      s3 = optional(object({
        bucket  = string
        key     = string
        version = optional(string)
      }))
      sha256_base64           = optional(string)
      code_signing_config_arn = optional(string)
    })
    settings = optional(map(object({
      memory               = optional(number)
      timeout              = optional(number)
      reserved_concurrency = optional(number)
      ephemeral_storage    = optional(number)
      environment          = optional(map(string), {})
    })), {})
    work_batch = optional(object({
      size         = optional(number, 3)
      window       = optional(number, 0)
      most_workers = optional(number)
    }), {})
    log_level   = optional(string, "info")
    environment = optional(map(string), {})
  })
}

variable "api" {
  description = "API Gateway: stage, OpenAPI document, authorizer, throttling, domain, networks that may call (`allowed_networks`: nobody else, whatever credentials; anywhere when empty), and web ACL (`waf = { enabled = false }`: none; `requests_per_address` in five minutes: more where a partner's `limits` let more through, and shared by partners who call from one address, so raise it for those). `trust_authorizer`: the api believes the authorizer about the caller instead of looking at the credentials once more; only where nobody may invoke it directly."
  type = object({
    stage        = optional(string, "live")
    openapi_file = optional(string)
    authorizer = optional(object({
      ttl_in_seconds   = optional(number, 60)
      identity_sources = optional(list(string), ["method.request.header.Authorization"])
    }), {})
    throttling = optional(object({ rate = optional(number, 500), burst = optional(number, 1000) }), {})
    domain = optional(object({
      name            = string
      certificate_arn = string
      zone_id         = optional(string)
      truststore_uri  = optional(string)
    }))
    allowed_networks = optional(set(string), [])
    trust_authorizer = optional(bool, false)
    waf              = optional(object({ enabled = optional(bool, true), requests_per_address = optional(number, 6000) }), {})
  })
  default = {}
}

variable "sftp_server" {
  description = "A Transfer Family server where partners fetch their files: who may connect, secrets with its host keys (called `<name>/host-keys/…`, the only ones that who deploys may read), Global Accelerator (`accelerated`: only with `allowed_networks = [\"0.0.0.0/0\"]`, since the server does not see partners' addresses behind it). None when null."
  type = object({
    allowed_networks = set(string)
    host_keys        = optional(map(string), {})
    accelerated      = optional(bool, false)
    security_policy  = optional(string, "TransferSecurityPolicy-2025-03")
  })
  default = null
}

variable "connector_roles_for_program" {
  description = "With it the program makes and changes connectors itself (`sealpost apply`), with this access role, instead of, or beside, the ones made here. No other environment of the same account and region may have it too: they would change each other's connectors. With a permissions boundary the role is called `<name>-…`, as the others of the environment: the boundary of `bootstrap/` lets functions hand only roles of our name to Transfer Family."
  type = object({
    access_role_arn = string
  })
  default = null

  validation {
    condition     = var.connector_roles_for_program == null || var.permissions_boundary_arn == null ? true : strcontains(var.connector_roles_for_program.access_role_arn, ":role/${var.name}-")
    error_message = "With `permissions_boundary_arn` the role of `connector_roles_for_program.access_role_arn` is called `${var.name}-…`, without a path: the boundary of `bootstrap/` lets functions hand only roles of our name to Transfer Family, and with another they could make no connector."
  }
}

variable "event_bus" {
  description = "The bus that events of our own transfer API go to and come from. It has to be there; those of AWS always come from the default one."
  type        = string
  default     = "default"
}

variable "observability" {
  description = "Logs, traces and alarms: days, subscribers (`protocol`, `endpoint`), and when alarms ring."
  type = object({
    retention_in_days = optional(number, 365)
    tracing           = optional(bool, true)
    subscribers       = optional(list(object({ protocol = string, endpoint = string })), [])
    limits = optional(object({
      oldest_message_seconds  = optional(number)
      api_5xx_percent         = optional(number, 1)
      api_latency_ms          = optional(number, 27500)
      certificate_days        = optional(number, 30)
      delivery_expected_hours = optional(number, 24)
      database_free_gib       = optional(number, 10)
    }), {})
  })
  default = {}
}

variable "protection" {
  description = "Whether what holds data refuses to be deleted; whether a database that is deleted all the same leaves a snapshot and its backups; and days that removed secrets and keys can be brought back (0: secrets at once, keys after 7)."
  type = object({
    deletion         = optional(bool, true)
    final_snapshot   = optional(bool, true)
    recovery_in_days = optional(number, 30)
  })
  default = {}
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary for every role that is made: the one of `bootstrap/`, so that who deploys can't give more than it allows."
  type        = string
  default     = null
}
