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

variable "cidr" {
  description = "The network's addresses; a /16 to /24. Each availability zone gets a sixteenth for functions and one for a way out."
  type        = string
  default     = "10.40.0.0/20"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 24, false)
    error_message = "`cidr` is an IPv4 network with a prefix length of 16 to 24."
  }
}

variable "availability_zones" {
  description = "The zones, by name. At least two, or the database has nowhere to fail over to."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) >= 2 && length(var.availability_zones) <= 4 && length(distinct(var.availability_zones)) == length(var.availability_zones)
    error_message = "`availability_zones` are 2 to 4 different zones."
  }
}

variable "internet" {
  description = <<-EOT
    Whether functions may call out, through NAT gateways with fixed addresses that partners can put on their allow lists. Needed for
    deliveries by our own SFTP engine, for webhooks, and for issuers and Vaults on the Internet; not for deliveries by AWS Transfer Family.
    `ports` are the TCP ports that are let out.
  EOT
  type = object({
    enabled  = optional(bool, true)
    per_zone = optional(bool, true)
    ports    = optional(set(number), [22, 443])
  })
  default = {}

  validation {
    condition     = alltrue([for port in var.internet.ports : port >= 1 && port <= 65535])
    error_message = "`internet.ports` are TCP ports, 1 to 65535."
  }
}

variable "interface_endpoints" {
  description = "The services that are reached by interface endpoints, by their short names. Each costs by the hour and zone."
  type        = set(string)
  default     = ["secretsmanager", "sqs", "transfer", "events", "kms", "logs", "sts"]

  validation {
    condition     = length(setsubtract(var.interface_endpoints, ["secretsmanager", "sqs", "transfer", "events", "kms", "logs", "sts", "xray", "monitoring"])) == 0
    error_message = "`interface_endpoints` may have secretsmanager, sqs, transfer, events, kms, logs, sts, xray and monitoring."
  }
}

variable "database" {
  description = "The database's TCP port; and of a given database its security group, or its networks where it is beyond the transit gateway. A group is made when there is neither."
  type = object({
    port              = optional(number, 3306)
    security_group_id = optional(string)
    cidrs             = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = alltrue([for cidr in var.database.cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "`database.cidrs` are networks, and not everything."
  }

  validation {
    condition     = var.database.security_group_id == null || length(var.database.cidrs) == 0
    error_message = "A given database has `security_group_id` or `cidrs`."
  }
}

variable "transit" {
  description = "The company's transit gateway, and the networks behind it: a given database or Vault in another network. None when null."
  type = object({
    gateway_id = string
    cidrs      = set(string)
  })
  default = null

  validation {
    condition     = var.transit == null ? true : length(var.transit.cidrs) > 0 && alltrue([for cidr in var.transit.cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "`transit.cidrs` are networks, and not everything: the Internet is reached by NAT gateways."
  }
}

variable "vault" {
  description = "Where HashiCorp Vault is: networks or a security group, and its TCP port. None when not given."
  type = object({
    cidrs             = optional(set(string), [])
    security_group_id = optional(string)
    port              = optional(number, 8200)
  })
  default = null

  validation {
    condition     = var.vault == null ? true : length(var.vault.cidrs) > 0 || var.vault.security_group_id != null
    error_message = "`vault` needs `cidrs` or `security_group_id`."
  }

  validation {
    condition     = var.vault == null ? true : alltrue([for cidr in var.vault.cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "`vault.cidrs` are networks, and not everything."
  }
}

variable "flow_logs" {
  description = "Records of all connections in CloudWatch Logs: days that they are kept, and the KMS key's ARN."
  type = object({
    retention_in_days = optional(number, 365)
    kms_key_arn       = string
  })
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary for the role that writes flow logs."
  type        = string
  default     = null
}
