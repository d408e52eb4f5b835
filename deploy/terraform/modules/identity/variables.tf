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

variable "external" {
  description = "An issuer of access tokens that is there already, in place of a Cognito user pool. `client_ids` are the partners' clients there, by partner."
  type = object({
    name         = string
    profile      = optional(string, "generic")
    issuer       = string
    audiences    = optional(list(string), [])
    client_ids   = optional(map(string), {})
    scope_prefix = optional(string)
  })
  default = null

  validation {
    condition     = var.external == null ? true : startswith(var.external.issuer, "https://")
    error_message = "`external.issuer` begins with https://."
  }

  validation {
    condition     = var.external == null ? true : contains(["generic", "cognito", "okta", "auth0", "entra", "keycloak"], var.external.profile)
    error_message = "`external.profile` is one of generic, cognito, okta, auth0, entra, keycloak."
  }

  validation {
    condition     = var.external == null ? true : length(var.external.audiences) > 0 || length(var.external.client_ids) > 0
    error_message = "`external` needs `audiences` or `client_ids`: otherwise every token of the issuer would do."
  }
}

variable "audience" {
  description = "The identifier of the resource server, which stands before every scope: mostly the API's address."
  type        = string

  validation {
    condition     = can(regex("^https://[^/ ]+[^ ]*[^/ ]$", var.audience))
    error_message = "`audience` is an https address without a slash at its end."
  }
}

variable "domain_prefix" {
  description = "The first label of the pool's address, where partners get their tokens: `<prefix>.auth.<region>.amazoncognito.com`. Unique in the region."
  type        = string
  default     = null

  validation {
    condition     = var.domain_prefix == null ? true : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain_prefix)) && !can(regex("aws|amazon|cognito", var.domain_prefix))
    error_message = "`domain_prefix` is up to 63 of a-z, 0-9 and -, without aws, amazon and cognito."
  }
}

variable "partners" {
  description = "The partners, by id, with the scopes of their client."
  type = map(object({
    scopes = set(string)
  }))
  default = {}

  validation {
    condition = alltrue(flatten([for partner in values(var.partners) : [
      for scope in partner.scopes : contains(["reports:read", "reports:write", "keys:write", "destinations:write", "schedules:write"], scope)
    ]]))
    error_message = "A scope is one of reports:read, reports:write, keys:write and destinations:write."
  }

  validation {
    condition     = alltrue([for partner in values(var.partners) : length(partner.scopes) > 0])
    error_message = "A partner's client needs at least one scope."
  }
}

variable "access_token_minutes" {
  description = "How long an access token works. Nobody asks the issuer whether it was revoked, so: short."
  type        = number
  default     = 30

  validation {
    condition     = var.access_token_minutes >= 5 && var.access_token_minutes <= 1440
    error_message = "`access_token_minutes` is 5 to 1440."
  }
}

variable "deletion_protection" {
  description = "The pool refuses to be deleted: all partners' credentials are in it."
  type        = bool
  default     = true
}
