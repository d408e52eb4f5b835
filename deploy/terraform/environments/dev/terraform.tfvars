account_id = "123456789012"
region     = "eu-central-1"

permissions_boundary_arn = "arn:aws:iam::123456789012:policy/sealpost-boundary"
