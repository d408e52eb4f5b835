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
  description = "The key that alarms are encrypted with on their way."
  type        = string
}

variable "subscribers" {
  description = "Who is told of alarms: addresses by protocol (`email`, `https`, `sqs`, `lambda`). People confirm by a link."
  type = list(object({
    protocol = string
    endpoint = string
  }))
  default = []

  validation {
    condition     = alltrue([for one in var.subscribers : contains(["email", "https", "sqs", "lambda"], one.protocol)])
    error_message = "`protocol` is email, https, sqs or lambda."
  }
}

variable "functions" {
  description = "The functions, by what they do: name and time limit in seconds."
  type = map(object({
    name    = string
    timeout = number
  }))
}

variable "log_groups" {
  description = "The functions' log groups, by what the functions do."
  type        = map(string)
}

variable "work_queue" {
  description = "The name of the queue of work."
  type        = string
}

variable "visibility_timeout_in_seconds" {
  description = "How long the queue of work hides a message that was received."
  type        = number
  default     = 5400
}

variable "dead_letter_queues" {
  description = "The names of the dead-letter queues, by what they are of."
  type        = map(string)

  validation {
    condition     = length(var.dead_letter_queues) > 0
    error_message = "There is at least one dead-letter queue."
  }
}

variable "table" {
  description = "The ledger's table."
  type        = string
}

variable "api" {
  description = "The API's name and stage."
  type = object({
    name  = string
    stage = string
  })
}

variable "connector_arns" {
  description = "The connectors of Transfer Family, by `partner/connector`; for the dashboard."
  type        = map(string)
  default     = {}
}

variable "database_instance" {
  description = "The database's identifier, for its alarms; none for a given database."
  type        = string
  default     = null
}

variable "limits" {
  description = <<-EOT
    When alarms ring.
    `oldest_message_seconds`: the oldest bell; longer than the queue hides one, and so much and a worker's time limit when null. `api_5xx_percent`: answers that are our fault.
    `api_latency_ms`: the 99th percentile. A client may have an answer held back for up to 26 s (`Prefer: wait`), so a lower limit rings whenever clients do; API Gateway
    gives up after 29. `certificate_days`: days before a partner's certificate ends.
    `delivery_expected_hours`: an alarm when nothing was delivered for so long; 0 where that is usual. `database_free_gib`: storage that is left.
  EOT
  type = object({
    oldest_message_seconds  = optional(number)
    api_5xx_percent         = optional(number, 1)
    api_latency_ms          = optional(number, 27500)
    certificate_days        = optional(number, 30)
    delivery_expected_hours = optional(number, 24)
    database_free_gib       = optional(number, 10)
  })
  default = {}

  validation {
    condition     = var.limits.delivery_expected_hours == 0 || (var.limits.delivery_expected_hours >= 1 && var.limits.delivery_expected_hours <= 168)
    error_message = "`limits.delivery_expected_hours` is 1 to 168, or 0 for no alarm: CloudWatch looks back a week."
  }

  validation {
    condition     = var.limits.oldest_message_seconds == null ? true : var.limits.oldest_message_seconds > var.visibility_timeout_in_seconds
    error_message = "`limits.oldest_message_seconds` is more than the queue hides a message (six times the worker's time limit): a bell whose worker was killed is as old, with nothing wrong."
  }

  validation {
    condition     = contains([90, 30, 7, 1], var.limits.certificate_days)
    error_message = "`limits.certificate_days` is 90, 30, 7 or 1: that is when the program warns."
  }
}
