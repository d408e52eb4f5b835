variable "name" {
  description = "Prefix of all names, such as `sealpost-prod`."
  type        = string
}

variable "account" {
  description = "Where everything is: account id, region and partition."
  type = object({
    id        = string
    region    = string
    partition = optional(string, "aws")
  })
}

variable "function_names" {
  description = "The functions' names, by what they do: `api`, `worker`, `events`, `authorizer`."
  type        = map(string)
}

variable "role_arns" {
  description = "The functions' roles, by what the functions do."
  type        = map(string)
}

variable "package" {
  description = "The zip with `bootstrap`, `sealpost.toml` and the catalogue: as a file of this machine, or in a bucket for artefacts. One of the two. `code_signing_config_arn` refuses packages that AWS Signer has not signed (those are in a bucket)."
  type = object({
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

  validation {
    condition     = contains(["x86_64", "arm64"], var.package.architecture)
    error_message = "`package.architecture` is x86_64 or arm64."
  }

  validation {
    condition     = (var.package.file == null) != (var.package.s3 == null)
    error_message = "`package` is either a `file` or in `s3`."
  }
}

variable "settings" {
  description = "Memory in MiB, time limit in seconds, reserved concurrency (-1: of the account's pool) and temporary space in MiB, by function. What is not given is usual."
  type = map(object({
    memory               = optional(number)
    timeout              = optional(number)
    reserved_concurrency = optional(number)
    ephemeral_storage    = optional(number)
    environment          = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.settings), ["api", "worker", "events", "authorizer"])) == 0
    error_message = "`settings` are for api, worker, events and authorizer."
  }

  validation {
    condition     = alltrue([for one in values(var.settings) : one.memory == null ? true : one.memory >= 128 && one.memory <= 10240])
    error_message = "`memory` is 128 to 10240."
  }

  validation {
    condition     = alltrue([for one in values(var.settings) : one.timeout == null ? true : one.timeout >= 1 && one.timeout <= 900])
    error_message = "`timeout` is 1 to 900."
  }

  validation {
    condition     = try(coalesce(var.settings.api.timeout, 29) <= 29, true) && try(coalesce(var.settings.authorizer.timeout, 10) <= 29, true)
    error_message = "API Gateway waits 29 seconds for `api` and `authorizer`, no longer."
  }
}

variable "environment" {
  description = "Variables of all functions: the configuration. References to secrets, never their values."
  type        = map(string)
}

variable "kms_key_arns" {
  description = "The keys of the variables (`secrets`) and of the logs (`logs`)."
  type = object({
    secrets = string
    logs    = string
  })
}

variable "network" {
  description = "Subnets and security groups that the functions are in; in none of ours when null."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "log_retention_in_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_in_days)
    error_message = "`log_retention_in_days` is one that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, …"
  }
}

variable "tracing" {
  description = "Whether requests are traced by X-Ray."
  type        = bool
  default     = true
}

variable "work_queue_arn" {
  description = "The queue of work, which the worker is woken by."
  type        = string
}

variable "failed_events_queue_arn" {
  description = "Where events go that the events function did not take."
  type        = string
}

variable "work_batch" {
  description = "Messages per call of the worker (each report holds a connection to its database while it is made), seconds to wait for more of them, and the most workers at once (2 to 1000; null: as many as are reserved)."
  type = object({
    size         = optional(number, 3)
    window       = optional(number, 0)
    most_workers = optional(number)
  })
  default = {}

  validation {
    condition     = var.work_batch.size >= 1 && var.work_batch.size <= 10 && var.work_batch.window >= 0 && var.work_batch.window <= 300
    error_message = "`work_batch.size` is 1 to 10, `window` 0 to 300."
  }

  validation {
    condition     = var.work_batch.most_workers == null ? true : var.work_batch.most_workers >= 2 && var.work_batch.most_workers <= 1000
    error_message = "`work_batch.most_workers` is 2 to 1000."
  }
}

variable "most_connections" {
  description = "Connections that the reports' database takes: workers may have half of them. Not looked at when null."
  type        = number
  default     = null
}

variable "sweep" {
  description = "How often the events function rings for work that may have been forgotten, as EventBridge writes it."
  type        = string
  default     = "rate(1 minute)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.sweep))
    error_message = "`sweep` is `rate(…)` or `cron(…)`."
  }
}

variable "bucket" {
  description = "The bucket whose `Object Created` events are taken."
  type        = string
}

variable "event_bus" {
  description = "The bus that events of our own transfer API come from. Those of AWS always come from the default one."
  type        = string
  default     = "default"
}

variable "connector_arns" {
  description = "The connectors of Transfer Family whose events are taken; those of the whole account when there are none or more than 20."
  type        = set(string)
  default     = []
}
