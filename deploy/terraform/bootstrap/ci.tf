# Who deploys. The build server proves by a token of its own issuer which job it runs, and gets keys for an hour.

locals {
  issuer_arn = var.ci.provider_arn != null ? var.ci.provider_arn : aws_iam_openid_connect_provider.ci[0].arn

  roles = merge(
    { deploy = var.ci.subjects },
    length(var.plan_subjects) == 0 ? {} : { plan = var.plan_subjects },
  )

  # Only who deploys writes the state.
  state_access = { for role in keys(local.roles) : role => [
    {
      Sid      = "StateBucket"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [aws_s3_bucket.state.arn]
    },
    {
      Sid      = "State"
      Effect   = "Allow"
      Action   = role == "deploy" ? ["s3:GetObject", "s3:PutObject"] : ["s3:GetObject"]
      Resource = ["${aws_s3_bucket.state.arn}/${var.name}/*.tfstate"]
    },
    {
      # Only locks are removed: a state never is (`KeepState` in deploy.tf).
      Sid      = "Locks"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      Resource = ["${aws_s3_bucket.state.arn}/${var.name}/*.tfstate.tflock"]
    },
    {
      Sid      = "StateKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]
      Resource = [aws_kms_key.state.arn]
    },
  ] }

  # What a refresh reads of what is deployed, and AWS's two policies below leave out.
  plan_reads = [
    {
      Sid    = "Refresh"
      Effect = "Allow"
      Action = [
        "acm:DescribeCertificate", "acm:ListTagsForCertificate",
        "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
        "cognito-idp:Describe*", "cognito-idp:Get*", "cognito-idp:List*",
        "dynamodb:Describe*", "dynamodb:ListTagsOfResource",
        "ec2:Describe*", "ec2:GetManagedPrefixListEntries",
        "events:Describe*", "events:List*",
        "globalaccelerator:Describe*", "globalaccelerator:List*",
        "kms:DescribeKey", "kms:GetKey*", "kms:List*",
        "lambda:GetAlias", "lambda:GetEventSourceMapping", "lambda:GetFunction*", "lambda:GetPolicy", "lambda:List*",
        "logs:Describe*", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:ListTagsForResource",
        "rds:Describe*", "rds:ListTagsForResource",
        "route53:GetHostedZone", "route53:ListResourceRecordSets", "route53:ListTagsForResource",
        "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
        "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource",
        "sqs:GetQueueAttributes", "sqs:ListQueueTags",
        "transfer:Describe*", "transfer:List*",
        "wafv2:Get*", "wafv2:List*",
      ]
      Resource  = "*"
      Condition = { StringEquals = { "aws:RequestedRegion" = distinct([var.region, "us-east-1", "us-west-2"]) } }
    },
    {
      Sid      = "RefreshGateway"
      Effect   = "Allow"
      Action   = ["apigateway:GET"]
      Resource = "arn:${local.partition}:apigateway:${var.region}::/*"
    },
    {
      # Lambda shows the variables of a function only to whom may use their key.
      Sid       = "RefreshVariables"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = "arn:${local.partition}:kms:${local.here}:key/*"
      Condition = { StringEquals = { "kms:ViaService" = "lambda.${var.region}.amazonaws.com" } }
    },
  ]
}

resource "aws_iam_openid_connect_provider" "ci" {
  count = var.ci.provider_arn == null ? 1 : 0

  url            = "https://${var.ci.issuer}"
  client_id_list = [var.ci.audience]
}

resource "aws_iam_role" "ci" {
  for_each = local.roles

  name                 = "${var.name}-ci-${each.key}"
  description          = "Jobs of the build server: ${each.key}"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.issuer_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "${var.ci.issuer}:aud" = var.ci.audience }
        StringLike   = { "${var.ci.issuer}:sub" = each.value }
      }
    }]
  })
}

resource "aws_iam_role_policy" "state" {
  for_each = aws_iam_role.ci

  name   = "state"
  role   = each.value.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.state_access[each.key] })
}

# To plan is to read everything that is deployed, without the contents of buckets, tables, queues and secrets. AWS's own policies have
# most of the long list.
resource "aws_iam_role_policy_attachment" "plan" {
  for_each = contains(keys(local.roles), "plan") ? toset(["ViewOnlyAccess", "SecurityAudit"]) : []

  role       = aws_iam_role.ci["plan"].name
  policy_arn = each.key == "ViewOnlyAccess" ? "arn:${local.partition}:iam::aws:policy/job-function/ViewOnlyAccess" : "arn:${local.partition}:iam::aws:policy/SecurityAudit"
}

resource "aws_iam_role_policy" "plan" {
  for_each = { for role, of in aws_iam_role.ci : role => of if role == "plan" }

  name   = "refresh"
  role   = each.value.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.plan_reads })
}

resource "aws_iam_policy" "deploy" {
  for_each = local.deploy_policies

  name        = "${var.name}-ci-deploy-${each.key}"
  description = "What deploying Sealpost needs: ${each.key}"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "deploy" {
  for_each = aws_iam_policy.deploy

  role       = aws_iam_role.ci["deploy"].name
  policy_arn = each.value.arn
}
