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

  validation {
    condition     = toset(keys(var.function_names)) == toset(["api", "worker", "events", "authorizer"])
    error_message = "`function_names` names api, worker, events and authorizer."
  }
}

variable "engine" {
  description = "Who delivers: `sftp` (the functions themselves, which then read partners' secrets) or `aws_transfer` (connectors, which then do)."
  type        = string

  validation {
    condition     = contains(["sftp", "aws_transfer"], var.engine)
    error_message = "`engine` is sftp or aws_transfer."
  }
}

variable "resources" {
  description = "What the functions work with, by ARN. `secrets` are Sealpost's own, by function; `partner_secrets` those of SFTP logins; `event_bus` where the worker puts events of its own transfers."
  type = object({
    table               = string
    work_queue          = string
    failed_events_queue = string
    bucket              = string
    secrets             = map(set(string))
    partner_secrets     = optional(set(string), [])
    connectors          = optional(set(string), [])
    event_bus           = optional(string)
    kms_keys = object({
      data    = string
      secrets = string
    })
  })
}

variable "connectors_by_program" {
  description = "Lets worker and api make and change connectors with this access role and logging role, in place of Terraform. None when null."
  type = object({
    access_role_arn  = string
    logging_role_arn = string
  })
  default = null
}

variable "handed_in" {
  description = "The folder of secrets that partners hand in by the API, such as `sealpost-prod/handed-in`: the api keeps them there, the worker reads them. None when null."
  type        = string
  default     = null

  validation {
    condition     = var.handed_in == null ? true : can(regex("^[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)+$", var.handed_in))
    error_message = "`handed_in` is a folder of at least two parts, without * and without a slash at its end."
  }
}

variable "network" {
  description = "Whether the functions are in a network of ours, and need interfaces in its subnets (by ARN)."
  type = object({
    subnet_arns         = set(string)
    security_group_arns = set(string)
  })
  default = null
}

variable "tracing" {
  description = "Whether Lambda sends traces to X-Ray."
  type        = bool
  default     = true
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary for the roles that are made here."
  type        = string
  default     = null
}
