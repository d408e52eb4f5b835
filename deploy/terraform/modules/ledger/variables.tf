variable "name" {
  description = "Prefix of all names, such as `sealpost-prod`."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that the table is encrypted with."
  type        = string
}

variable "recovery_period_in_days" {
  description = "Days to any second of which the table can be restored."
  type        = number
  default     = 35

  validation {
    condition     = var.recovery_period_in_days >= 1 && var.recovery_period_in_days <= 35
    error_message = "`recovery_period_in_days` is 1 to 35."
  }
}

variable "deletion_protection" {
  description = "Refuses to be deleted. The table is the record of every report and delivery."
  type        = bool
  default     = true
}

variable "most_request_units" {
  description = "Most read and write units per second, as a limit of costs. No limit when null."
  type = object({
    read  = number
    write = number
  })
  default = null

  validation {
    condition     = var.most_request_units == null ? true : var.most_request_units.read >= 1 && var.most_request_units.write >= 1
    error_message = "`most_request_units` are at least 1."
  }
}
