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

variable "connectors" {
  description = <<-EOT
    The connectors, as `partner/connector`: the server's address, its approved host keys (`<type> <base64>`, without a comment; RSA or ECDSA, since
    Transfer Family knows no Ed25519 here), the secret of the login, and the security policy. Without a host key a connector only
    shows the key that the server has; nothing is sent to it.
  EOT
  type = map(object({
    url             = string
    host_keys       = optional(list(string), [])
    secret_arn      = string
    security_policy = optional(string, "TransferSFTPConnectorSecurityPolicy-2024-03")
  }))
  default = {}

  validation {
    condition     = alltrue([for connector in values(var.connectors) : can(regex("^sftp://[^/@: ]+(:[0-9]{1,5})?$", connector.url))])
    error_message = "A connector's `url` is sftp://host or sftp://host:port."
  }

  validation {
    condition = alltrue(flatten([for connector in values(var.connectors) : [
      for key in connector.host_keys : can(regex("^(ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*$", key))
    ]]))
    error_message = "A host key is `ssh-rsa …` or `ecdsa-sha2-nistp256 …` (384, 521) in base64, without a comment. Ed25519 is not supported by connectors of Transfer Family."
  }

  validation {
    condition     = alltrue([for connector in values(var.connectors) : length(connector.host_keys) <= 10])
    error_message = "A connector has at most 10 host keys."
  }

  validation {
    condition     = alltrue([for connector in values(var.connectors) : startswith(connector.security_policy, "TransferSFTPConnectorSecurityPolicy-")])
    error_message = "A connector's `security_policy` begins with TransferSFTPConnectorSecurityPolicy-."
  }
}

variable "store" {
  description = "The bucket of sealed files: name and ARN."
  type = object({
    bucket     = string
    bucket_arn = string
  })
}

variable "kms_key_arns" {
  description = "The keys of files (`data`), secrets (`secrets`) and logs (`logs`)."
  type = object({
    data    = string
    secrets = string
    logs    = string
  })
}

variable "log_retention_in_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 365
}

variable "server" {
  description = <<-EOT
    A server where partners fetch their files by SFTP. None when null.
    `allowed_networks` may connect. `users` are partners with their public keys. `host_keys` are secrets (by ARN) with private keys in PEM or OpenSSH's form, by
    name; the server then proves itself with the oldest key of each type, so give it one RSA, one ECDSA and one Ed25519 key. They are imported by the AWS CLI:
    a private key never stands in the state. `accelerated` puts Global Accelerator in front, for partners on other continents; it hides their addresses from the
    server, so `allowed_networks` has 0.0.0.0/0 then, and their keys alone let them in.
  EOT
  type = object({
    vpc_id           = string
    subnet_ids       = list(string)
    allowed_networks = set(string)
    users = optional(map(object({
      public_keys = set(string)
    })), {})
    host_keys       = optional(map(string), {})
    accelerated     = optional(bool, false)
    security_policy = optional(string, "TransferSecurityPolicy-2025-03")
  })
  default = null

  validation {
    condition     = var.server == null ? true : length(var.server.allowed_networks) > 0 && alltrue([for network in var.server.allowed_networks : can(cidrhost(network, 0))])
    error_message = "`server.allowed_networks` are networks such as 192.0.2.0/24; 0.0.0.0/0 has to be said."
  }

  validation {
    condition     = var.server == null ? true : !var.server.accelerated || contains(var.server.allowed_networks, "0.0.0.0/0")
    error_message = "With `accelerated` the `allowed_networks` need 0.0.0.0/0: what comes by Global Accelerator to an Elastic IP has an address of AWS, not the partner's, so a named network would keep every partner out."
  }

  validation {
    condition     = var.server == null ? true : length(var.server.host_keys) <= 10
    error_message = "A server has at most 10 host keys."
  }

  validation {
    condition     = var.server == null ? true : alltrue([for user in values(var.server.users) : length(user.public_keys) >= 1 && length(user.public_keys) <= 5])
    error_message = "A user has 1 to 5 public keys."
  }
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary for the roles that are made here."
  type        = string
  default     = null
}
