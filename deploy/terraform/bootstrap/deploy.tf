# What the deploying role may do: everything with what begins with our name; where a service gives out names itself, everything of
# that service in this region. Roles it may only make with the boundary, so it can't give anybody more than the boundary allows,
# itself included. It reads no files or messages, and of secrets only the host keys that it hands to a server.

locals {
  here = "${var.region}:${var.account_id}"

  in_region = { StringEquals = { "aws:RequestedRegion" = var.region } }

  named = {
    Sid    = "Named"
    Effect = "Allow"
    Action = [
      "cloudwatch:*", "dynamodb:*", "events:*", "lambda:*", "logs:*", "rds:*", "s3:*", "sns:*", "sqs:*", "secretsmanager:*",
    ]
    Resource = [
      "arn:${local.partition}:cloudwatch:${local.here}:alarm:${var.name}-*",
      "arn:${local.partition}:cloudwatch::${var.account_id}:dashboard/${var.name}-*",
      "arn:${local.partition}:dynamodb:${local.here}:table/${var.name}-*",
      "arn:${local.partition}:events:${local.here}:rule/${var.name}-*",
      # On a bus that is not the default one.
      "arn:${local.partition}:events:${local.here}:rule/*/${var.name}-*",
      "arn:${local.partition}:lambda:${local.here}:function:${var.name}-*",
      "arn:${local.partition}:lambda:${local.here}:event-source-mapping:*",
      "arn:${local.partition}:logs:${local.here}:log-group:/aws/apigateway/${var.name}-*",
      "arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name}-*",
      "arn:${local.partition}:logs:${local.here}:log-group:/aws/rds/instance/${var.name}-*",
      "arn:${local.partition}:logs:${local.here}:log-group:/aws/transfer/*",
      "arn:${local.partition}:logs:${local.here}:log-group:/aws/vpc/${var.name}-*",
      "arn:${local.partition}:logs:${local.here}:log-group:API-Gateway-Execution-Logs_*",
      "arn:${local.partition}:logs:${local.here}:log-group:aws-waf-logs-${var.name}-*",
      "arn:${local.partition}:rds:${local.here}:db:${var.name}-*",
      # MySQL's own options, which a database without others gets.
      "arn:${local.partition}:rds:${local.here}:og:default:*",
      "arn:${local.partition}:rds:${local.here}:pg:${var.name}-*",
      "arn:${local.partition}:rds:${local.here}:snapshot:${var.name}-*",
      "arn:${local.partition}:rds:${local.here}:subgrp:${var.name}-*",
      "arn:${local.partition}:s3:::${var.name}-*",
      "arn:${local.partition}:secretsmanager:${local.here}:secret:${var.name}-*",
      # RDS makes the owner's secret with the rights of whoever makes the database.
      "arn:${local.partition}:secretsmanager:${local.here}:secret:rds!db-*",
      "arn:${local.partition}:sns:${local.here}:${var.name}-*",
      "arn:${local.partition}:sqs:${local.here}:${var.name}-*",
    ]
  }

  # Ids that nobody knows before, so that no name can be given; the region can.
  unnamed = {
    Sid    = "Unnamed"
    Effect = "Allow"
    Action = [
      "apigateway:AddCertificateToDomain", "apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:RemoveCertificateFromDomain", "apigateway:SetWebACL", "apigateway:UpdateRestApiPolicy",
      "acm:DescribeCertificate", "acm:ListCertificates",
      "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
      "cognito-idp:Create*", "cognito-idp:Delete*", "cognito-idp:Describe*", "cognito-idp:Get*", "cognito-idp:List*", "cognito-idp:Set*", "cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:Update*",
      "ec2:Allocate*", "ec2:Associate*", "ec2:Attach*", "ec2:Authorize*", "ec2:Create*", "ec2:Delete*", "ec2:Describe*", "ec2:Detach*", "ec2:Disassociate*", "ec2:Get*", "ec2:Modify*", "ec2:Release*", "ec2:Replace*", "ec2:Revoke*",
      "kms:CreateAlias", "kms:CreateGrant", "kms:CreateKey", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKeyRotation", "kms:GetKey*", "kms:List*", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
      "lambda:CreateEventSourceMapping", "lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings",
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
      "rds:Describe*",
      "transfer:*",
      "wafv2:*",
    ]
    Resource  = "*"
    Condition = local.in_region
  }

  # Who gives a service one of our keys must be able to use it himself, through that service: Lambda checks it for the variables of
  # functions, DynamoDB for the table, RDS and Secrets Manager for the owner's secret. Never directly.
  keys_through_services = {
    Sid      = "KeysThroughServices"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    Resource = "arn:${local.partition}:kms:${local.here}:key/*"
    Condition = { StringEquals = {
      "kms:ViaService" = [for service in ["dynamodb", "lambda", "rds", "secretsmanager"] : "${service}.${var.region}.amazonaws.com"]
    } }
  }

  # Services that have one address for the whole world. An interface endpoint with private names is a zone of the network: who makes
  # or removes one needs the right to associate it.
  worldwide = {
    Sid      = "Worldwide"
    Effect   = "Allow"
    Action   = ["globalaccelerator:*", "route53:AssociateVPCWithHostedZone", "route53:ChangeResourceRecordSets", "route53:DisassociateVPCFromHostedZone", "route53:GetChange", "route53:GetHostedZone", "route53:ListHostedZones", "route53:ListResourceRecordSets", "route53:ListTagsForResource"]
    Resource = "*"
  }

  # Every start of Transfer Family but StartServer, by first letters, since a denial has no exceptions: the provider stops a server to give
  # it its addresses, and starts it again.
  contents = {
    Sid    = "NoContents"
    Effect = "Deny"
    Action = [
      "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PartiQL*", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
      "secretsmanager:BatchGetSecretValue",
      "sqs:ReceiveMessage",
      "transfer:StartD*", "transfer:StartF*", "transfer:StartR*",
    ]
    Resource = "*"
  }

  # Our functions do for whoever calls them what he may not do himself, so none is called but those that rotate secrets: Secrets Manager
  # takes such a function only from who may call it (RotateSecret).
  calls = [for statement in [
    {
      Sid      = "NoCalls"
      Effect   = "Deny"
      Action   = ["lambda:InvokeFunction"]
      Resource = ["*"]
    },
    {
      Sid         = "NoOtherCalls"
      Effect      = "Deny"
      Action      = ["lambda:InvokeFunction"]
      NotResource = var.rotation_functions
    },
    {
      Sid      = "Rotate"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = var.rotation_functions
    },
  ] : statement if length(var.rotation_functions) == 0 ? statement.Sid == "NoCalls" : statement.Sid != "NoCalls"]

  # Who applies imports a server's host keys by the AWS CLI (modules/transfer), so that none stands in the state: it has to read them.
  secrets = {
    Sid         = "NoSecrets"
    Effect      = "Deny"
    Action      = ["secretsmanager:GetSecretValue"]
    NotResource = ["arn:${local.partition}:secretsmanager:${local.here}:secret:${var.name}-*/host-keys/*"]
  }

  # There `*` goes over slashes: the login of a partner or a connector that is called host-keys is no host key.
  logins = {
    Sid      = "NoLogins"
    Effect   = "Deny"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = [for folder in ["handed-in", "partners"] : "arn:${local.partition}:secretsmanager:${local.here}:secret:${var.name}-*/${folder}/*"]
  }

  files = {
    Sid         = "NoFiles"
    Effect      = "Deny"
    Action      = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
    NotResource = ["${aws_s3_bucket.state.arn}/*", "arn:${local.partition}:s3:::${var.name}-artefacts-*/*"]
  }

  roles_made = "arn:${local.partition}:iam::${var.account_id}:role/${var.name}-*"

  identities = [
    {
      Sid       = "RolesWithBoundary"
      Effect    = "Allow"
      Action    = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:AttachRolePolicy"]
      Resource  = [local.roles_made]
      Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
    },
    {
      Sid      = "Roles"
      Effect   = "Allow"
      Action   = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"]
      Resource = [local.roles_made]
    },
    {
      Sid      = "Hand"
      Effect   = "Allow"
      Action   = ["iam:PassRole"]
      Resource = [local.roles_made]
      Condition = { StringEquals = { "iam:PassedToService" = [
        "lambda.amazonaws.com", "monitoring.rds.amazonaws.com", "transfer.amazonaws.com", "vpc-flow-logs.amazonaws.com",
      ] } }
    },
    {
      Sid      = "ServiceRoles"
      Effect   = "Allow"
      Action   = ["iam:CreateServiceLinkedRole"]
      Resource = ["arn:${local.partition}:iam::${var.account_id}:role/aws-service-role/*"]
      Condition = { StringEquals = { "iam:AWSServiceName" = [
        "globalaccelerator.amazonaws.com", "ops.apigateway.amazonaws.com", "rds.amazonaws.com", "transitgateway.amazonaws.com", "wafv2.amazonaws.com",
      ] } }
    },
    {
      Sid      = "NotItself"
      Effect   = "Deny"
      Action   = ["iam:*"]
      Resource = ["arn:${local.partition}:iam::${var.account_id}:role/${var.name}-ci-*", "arn:${local.partition}:iam::${var.account_id}:policy/${var.name}-ci-*", aws_iam_policy.boundary.arn, "arn:${local.partition}:iam::${var.account_id}:role/${var.name}-api-gateway-logs"]
    },
    {
      # What begins with our name is ours to remove, but for this: a state is read and written, never removed, and nobody gets at it in
      # another way. Locks (`.tflock`) are removed, so it is about the bucket and the states in it.
      Sid       = "KeepState"
      Effect    = "Deny"
      NotAction = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:Get*", "kms:List*", "s3:AbortMultipartUpload", "s3:Get*", "s3:List*", "s3:PutObject"]
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*.tfstate", aws_kms_key.state.arn]
    },
    {
      Sid      = "KeepBoundaries"
      Effect   = "Deny"
      Action   = ["iam:DeleteRolePermissionsBoundary"]
      Resource = ["*"]
    },
  ]

  deploy_policies = {
    resources  = [local.named, local.unnamed, local.worldwide, local.contents, local.secrets, local.logins, local.files]
    identities = concat(local.identities, [local.keys_through_services], local.calls)
  }
}

# The most that any role of Sealpost may ever do, whatever its policy says.
resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-boundary"
  description = "The most that a role of Sealpost may do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Work"
        Effect = "Allow"
        Action = [
          "dynamodb:*Item", "dynamodb:DescribeTable", "dynamodb:Query",
          "events:PutEvents",
          "kms:Decrypt", "kms:GenerateDataKey",
          "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:PutObject",
          "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:RestoreSecret", "secretsmanager:TagResource",
          "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
          "transfer:CreateConnector", "transfer:DescribeConnector", "transfer:List*", "transfer:StartFileTransfer", "transfer:TagResource", "transfer:TestConnection", "transfer:UpdateConnector",
        ]
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceAccount" = var.account_id } }
      },
      {
        # Services that know no resources, or are used by AWS on behalf of the role.
        Sid    = "Platform"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
          "logs:CreateLogGroup", "logs:CreateLogStream", "logs:Describe*", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:PutLogEvents", "logs:PutRetentionPolicy",
          "transfer:CreateConnector", "transfer:ListConnectors",
          "xray:PutTelemetryRecords", "xray:PutTraceSegments",
        ]
        Resource = "*"
      },
      {
        Sid       = "Hand"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = ["arn:${local.partition}:iam::${var.account_id}:role/${var.name}-*"]
        Condition = { StringEquals = { "iam:PassedToService" = "transfer.amazonaws.com" } }
      },
    ]
  })
}
