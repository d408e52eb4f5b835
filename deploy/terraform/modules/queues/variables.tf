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
  description = "The key that messages are encrypted with."
  type        = string
}

variable "visibility_timeout_in_seconds" {
  description = "How long a received message is hidden: six times the worker's timeout, as Lambda wants it."
  type        = number
  default     = 5400

  validation {
    condition     = var.visibility_timeout_in_seconds >= 30 && var.visibility_timeout_in_seconds <= 43200
    error_message = "`visibility_timeout_in_seconds` is 30 to 43200."
  }
}

variable "receives" {
  description = "Times that a message is received before it is a dead letter."
  type        = number
  default     = 5

  validation {
    condition     = var.receives >= 1 && var.receives <= 1000
    error_message = "`receives` is 1 to 1000."
  }
}

variable "closed_dead_letters" {
  description = "Whether only the queue of work may have its dead letters here. The emulator that tests use knows no such policy."
  type        = bool
  default     = true
}
