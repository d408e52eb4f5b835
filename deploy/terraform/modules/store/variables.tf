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

variable "kms_key_arn" {
  description = "The key that objects are encrypted with."
  type        = string
}

variable "archive_after_days" {
  description = "Days after which sealed files move to `archive_class`. The program removes files when their retention ends, so this is for long retentions. Never when null."
  type        = number
  default     = 90

  validation {
    condition     = var.archive_after_days == null ? true : var.archive_after_days >= 1
    error_message = "`archive_after_days` is at least 1."
  }
}

variable "archive_class" {
  description = "The storage class of old files. Partners can fetch and redeliver them at once from GLACIER_IR; from the others only after they were restored."
  type        = string
  default     = "GLACIER_IR"

  validation {
    condition     = contains(["STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"], var.archive_class)
    error_message = "`archive_class` is one of STANDARD_IA, ONEZONE_IA, GLACIER_IR, GLACIER, DEEP_ARCHIVE, INTELLIGENT_TIERING."
  }

  validation {
    condition     = var.archive_after_days == null || !contains(["STANDARD_IA", "ONEZONE_IA"], var.archive_class) || try(var.archive_after_days >= 30, false)
    error_message = "S3 moves objects to STANDARD_IA and ONEZONE_IA after 30 days at the earliest."
  }
}

variable "expire_after_days" {
  description = "Days after which every object is removed, whatever the program thinks: a backstop behind the longest retention of a report. Never when null."
  type        = number
  default     = null

  validation {
    condition     = var.expire_after_days == null ? true : var.expire_after_days > coalesce(var.archive_after_days, 0)
    error_message = "`expire_after_days` is more than `archive_after_days`."
  }
}

variable "noncurrent_days" {
  description = "Days that removed and replaced objects can still be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "`noncurrent_days` is at least 1."
  }
}

variable "object_lock" {
  description = "Write once: objects can't be removed for so many days. GOVERNANCE lets some roles do it, COMPLIANCE nobody. It can't be switched off for a bucket that has it."
  type = object({
    mode = optional(string, "GOVERNANCE")
    days = number
  })
  default = null

  validation {
    condition     = var.object_lock == null ? true : contains(["GOVERNANCE", "COMPLIANCE"], var.object_lock.mode) && var.object_lock.days >= 1
    error_message = "`object_lock.mode` is GOVERNANCE or COMPLIANCE, `days` at least 1."
  }
}

variable "force_destroy" {
  description = "Removes the buckets with everything in them. For tests and short-lived environments."
  type        = bool
  default     = false
}
