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

variable "given" {
  description = "A database that is there already, in place of a new one. Its certificate must be for `host`."
  type = object({
    host     = string
    port     = optional(number, 3306)
    database = string
  })
  default = null
}

variable "database" {
  description = "The name of the schema that the new database begins with."
  type        = string
  default     = "reports"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_]{0,63}$", var.database))
    error_message = "`database` is a letter, then up to 63 letters, digits and underscores."
  }
}

variable "engine_version" {
  description = "The version of MySQL: major and minor. Patches are taken automatically."
  type        = string
  default     = "8.4"

  validation {
    condition     = contains(["8.0", "8.4"], var.engine_version)
    error_message = "`engine_version` is 8.0 or 8.4."
  }
}

variable "instance_class" {
  description = "The size of the instance. Performance Insights is on, but for micro and small: RDS has none there."
  type        = string
  default     = "db.t4g.medium"
}

variable "storage" {
  description = "Gibibytes at the beginning, and up to which it grows by itself."
  type = object({
    initial = optional(number, 50)
    most    = optional(number, 500)
  })
  default = {}

  validation {
    condition     = var.storage.initial >= 20 && var.storage.most > var.storage.initial
    error_message = "`storage.initial` is at least 20, and `storage.most` is more."
  }
}

variable "multi_az" {
  description = "A second instance in another zone that takes over within a minute or two."
  type        = bool
  default     = true
}

variable "backup_retention_in_days" {
  description = "Days that backups are kept, and to any second of which the database can be restored."
  type        = number
  default     = 35

  validation {
    condition     = var.backup_retention_in_days >= 7 && var.backup_retention_in_days <= 35
    error_message = "`backup_retention_in_days` is 7 to 35."
  }
}

variable "deletion_protection" {
  description = "Refuses to be deleted."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "When it is deleted, a last snapshot `<name>-final` is made, and the automated backups stay for their days. Said apart from `deletion_protection`, which has to be off by then."
  type        = bool
  default     = true
}

variable "port" {
  description = "The TCP port of the new database."
  type        = number
  default     = 3306
}

variable "subnet_ids" {
  description = "Subnets in at least two zones."
  type        = list(string)
  default     = []
}

variable "security_group_id" {
  description = "The database's security group."
  type        = string
  default     = null
}

variable "kms_key_arns" {
  description = "The keys that encrypt the storage (`data`), the managed password (`secrets`) and the logs (`logs`)."
  type = object({
    data    = string
    secrets = string
    logs    = string
  })
}

variable "log_retention_in_days" {
  description = "Days that the database's logs are kept."
  type        = number
  default     = 365
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary for the roles that are made here."
  type        = string
  default     = null
}
