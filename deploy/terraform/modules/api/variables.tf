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

variable "stage" {
  description = "The stage's name, the first part of the path where there is no domain of our own."
  type        = string
  default     = "live"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.stage))
    error_message = "`stage` is 1 to 64 letters, digits, - and _."
  }
}

variable "openapi_file" {
  description = <<-EOT
    The program's OpenAPI document of the partner plane as a JSON file: what `GET /openapi.json` of the same version answers. With it
    API Gateway has each operation as a method of its own, and refuses requests that can't be right before a function runs. Without
    it everything below `/` goes to the function, which checks the same.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.openapi_file == null ? true : can(jsondecode(file(var.openapi_file)).paths)
    error_message = "`openapi_file` is a JSON file with `paths`."
  }
}

variable "functions" {
  description = "The functions `api` and `authorizer`: name, alias, and how API Gateway calls them."
  type = map(object({
    name       = string
    alias      = string
    invoke_arn = string
  }))

  validation {
    condition     = contains(keys(var.functions), "api") && contains(keys(var.functions), "authorizer")
    error_message = "`functions` has api and authorizer."
  }
}

variable "authorizer" {
  description = <<-EOT
    How long an answer of the authorizer is kept, in seconds, and by which parts of the request. A request without one of them is
    refused without asking. Revoked credentials work for so long. Without identity sources nothing is kept, and callers may also use `x-api-key`
    or client certificates alone.
  EOT
  type = object({
    ttl_in_seconds   = optional(number, 60)
    identity_sources = optional(list(string), ["method.request.header.Authorization"])
  })
  default = {}

  validation {
    condition     = var.authorizer.ttl_in_seconds >= 0 && var.authorizer.ttl_in_seconds <= 3600
    error_message = "`authorizer.ttl_in_seconds` is 0 to 3600."
  }
}

variable "partners" {
  description = "The partners, by id, with what their usage plan allows: requests per second, at once, and in a period."
  type = map(object({
    rate  = number
    burst = number
    quota = optional(object({
      limit  = number
      period = string
    }))
  }))
  default = {}

  validation {
    condition     = alltrue([for partner in values(var.partners) : partner.rate > 0 && partner.burst >= 1])
    error_message = "`rate` is more than 0, `burst` at least 1."
  }

  validation {
    condition     = alltrue([for partner in values(var.partners) : partner.quota == null ? true : contains(["DAY", "WEEK", "MONTH"], partner.quota.period) && partner.quota.limit >= 1])
    error_message = "`quota.period` is DAY, WEEK or MONTH, `quota.limit` at least 1."
  }
}

variable "throttling" {
  description = "Requests per second and at once, of all callers together."
  type = object({
    rate  = optional(number, 500)
    burst = optional(number, 1000)
  })
  default = {}
}

variable "domain" {
  description = "A domain of our own: name, certificate (of ACM, in this region), the hosted zone for its record, and for client certificates the S3 address of the accepted authorities. With it, the stage's own address is switched off."
  type = object({
    name            = string
    certificate_arn = string
    zone_id         = optional(string)
    truststore_uri  = optional(string)
  })
  default = null

  validation {
    condition     = try(var.domain.truststore_uri, null) == null ? true : startswith(var.domain.truststore_uri, "s3://")
    error_message = "`domain.truststore_uri` begins with s3://."
  }
}

variable "allowed_networks" {
  description = "Networks that calls may come from, with credentials or without; anywhere when empty. To open it again name `0.0.0.0/0`: emptied, the policy that is there stays."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for network in var.allowed_networks : can(cidrhost(network, 0))])
    error_message = "`allowed_networks` are networks such as 192.0.2.0/24."
  }
}

variable "waf" {
  description = "A web ACL in front: AWS's rules against known attacks and bad addresses, and a limit of requests per address in five minutes, past which it answers 429. All who call from one address share it: give it 300 times the highest `rate` of `partners` at least. None when null."
  type = object({
    requests_per_address = optional(number, 6000)
  })
  default = {}

  validation {
    condition     = var.waf == null ? true : var.waf.requests_per_address >= 100
    error_message = "`waf.requests_per_address` is at least 100."
  }
}

variable "logs" {
  description = "Days that logs are kept, and the key that they are encrypted with."
  type = object({
    retention_in_days = optional(number, 365)
    kms_key_arn       = string
  })
}

variable "tracing" {
  description = "Whether requests are traced by X-Ray."
  type        = bool
  default     = true
}
