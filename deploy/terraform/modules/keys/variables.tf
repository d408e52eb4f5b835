variable "name" {
  description = "Prefix of all names, such as `sealpost-prod`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "`name` is 3 to 32 of a-z, 0-9 and -, and begins with a letter."
  }
}

variable "account" {
  description = "Where everything is: account id, region and partition."
  type = object({
    id        = string
    region    = string
    partition = optional(string, "aws")
  })

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account.id))
    error_message = "`account.id` has 12 digits."
  }
}

variable "deletion_window_in_days" {
  description = "How long a key that was scheduled for deletion can still be saved. Everything that it encrypts is lost with it."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_in_days >= 7 && var.deletion_window_in_days <= 30
    error_message = "`deletion_window_in_days` is 7 to 30."
  }
}
