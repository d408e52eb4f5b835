variable "account_id" {
  description = "The AWS account: nothing is touched in another one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "`account_id` has 12 digits."
  }
}

variable "region" {
  description = "The region of the state and of what is deployed."
  type        = string
  default     = "eu-central-1"
}

variable "name" {
  description = "Prefix of what is made here, and of everything that may be deployed: names begin with `<name>-`."
  type        = string
  default     = "sealpost"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.name))
    error_message = "`name` is 3 to 16 of a-z, 0-9 and -, and begins with a letter."
  }
}

variable "ci" {
  description = <<-EOT
    Who deploys, by OIDC: no access keys anywhere. `issuer` without https://, such as `jenkins.example.com/oidc`. `subjects` are the jobs that may, exactly, or with `*` within
    a path segment. `provider_arn` names the issuer where the account knows it already.
  EOT
  type = object({
    issuer       = string
    audience     = optional(string, "sts.amazonaws.com")
    subjects     = list(string)
    provider_arn = optional(string)
  })

  validation {
    condition     = !startswith(var.ci.issuer, "http") && !endswith(var.ci.issuer, "/")
    error_message = "`ci.issuer` is without https:// and without a slash at its end."
  }

  validation {
    condition     = length(var.ci.subjects) > 0 && alltrue([for subject in var.ci.subjects : length(trim(subject, "*:/ ")) > 0])
    error_message = "`ci.subjects` names at least one job, and not everything."
  }
}

variable "plan_subjects" {
  description = "Jobs that may plan only: they read, and lock the state. None when empty."
  type        = list(string)
  default     = []
}

variable "rotation_functions" {
  description = "The functions that environments name in `secrets.rotation`, by ARN: who deploys may call them, as Secrets Manager wants it, and no others."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.rotation_functions : can(regex("^arn:[^:*?]+:lambda:[^:*?]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$", arn))])
    error_message = "`rotation_functions` are whole ARNs of functions, without *."
  }
}
