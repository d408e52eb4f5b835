variable "account_id" {
  description = "The AWS account: nothing is touched in another one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "`account_id` has 12 digits."
  }
}

variable "region" {
  description = "The region."
  type        = string
  default     = "eu-central-1"
}

variable "architecture" {
  description = "The processor of the functions: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "`architecture` is arm64 or x86_64."
  }
}

variable "package_file" {
  description = "The package; of this architecture in target/package when null."
  type        = string
  default     = null
}

variable "openapi_file" {
  description = "The OpenAPI document of the same version, for methods and request validation in API Gateway. Without it everything goes to the function."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary that bootstrap/ made."
  type        = string
  default     = null
}

variable "partners" {
  description = "The partners, by id; types and meaning stand in ../../variables.tf, which checks them."
  type        = any
  default     = {}
}
