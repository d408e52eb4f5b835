terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # What is of the account stands in backend.hcl: `terraform init -backend-config=backend.hcl`.
  backend "s3" {
    key          = "sealpost/staging.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      application = "sealpost"
      environment = "staging"
      managed_by  = "terraform"
    }
  }
}
