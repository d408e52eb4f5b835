terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Its own state begins on the machine of whoever bootstraps, and moves into the bucket that it made: see README.md.
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      application = "sealpost"
      managed_by  = "terraform"
    }
  }
}
