variable "name" {
  description = "Prefix of all names, such as `sealpost-prod`."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that secrets are encrypted with."
  type        = string
}

variable "connectors" {
  description = "The connectors that need a secret, as `partner/connector`. Each gets its own: `{\"Username\", \"PrivateKey\", \"Password\"}`."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.connectors : can(regex("^[a-z0-9-]{1,63}/[a-z0-9-]{1,63}$", id))])
    error_message = "A connector is named `partner/connector`, each 1 to 63 of a-z, 0-9 and -."
  }
}

variable "signing_key" {
  description = "Whether there is a secret for the OpenPGP key that files are signed with: `{\"key\", \"passphrase\"}`."
  type        = bool
  default     = true
}

variable "webhook_signing" {
  description = "Whether there is a secret that the secrets of webhooks are derived from: at least 32 bytes."
  type        = bool
  default     = true
}

variable "rotation" {
  description = "Functions that rotate secrets, by the secret's name (`database`, `webhook-signing`, …): ARN and days. A rotation function of your own, or for `database` AWS's for MySQL with a single user, which wants `engine` and `host` in the secret; none is made here. Who applies has to be allowed to call them."
  type = map(object({
    lambda_arn = string
    after_days = optional(number, 30)
  }))
  default = {}

  validation {
    condition     = alltrue([for rotation in values(var.rotation) : rotation.after_days >= 1 && rotation.after_days <= 1000])
    error_message = "`rotation` is every 1 to 1000 days."
  }

  validation {
    condition     = alltrue([for secret in keys(var.rotation) : contains(["database", "signing-key", "webhook-signing"], secret)])
    error_message = "`rotation` is for `database`, `signing-key` and `webhook-signing`: partners' secrets change when the partner's server does."
  }
}

variable "recovery_window_in_days" {
  description = "Days that a removed secret can be brought back. 0 removes it at once: for tests."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_window_in_days == 0 || (var.recovery_window_in_days >= 7 && var.recovery_window_in_days <= 30)
    error_message = "`recovery_window_in_days` is 0, or 7 to 30."
  }
}
