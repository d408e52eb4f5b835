# One role per function, and nothing that it does not call.
#
# `actions.json` is the list of what the program calls, by function and service. The end-to-end test compares it with the calls
# that the services recorded, so an action that is missing there fails, and one too many does as well. `options.json` is what
# Lambda itself does with the role, and what an option adds.

locals {
  actions   = jsondecode(file("${path.module}/actions.json"))
  options   = jsondecode(file("${path.module}/options.json"))
  functions = toset(keys(local.actions))

  partition = var.account.partition
  here      = "${var.account.region}:${var.account.id}"
  dns       = "${var.account.region}.amazonaws.com"

  # Of which resources a function may do the actions of a service. A service without resources gets no statement.
  secrets = { for function in local.functions : function => setunion(
    lookup(var.resources.secrets, function, []),
    var.engine == "sftp" && contains(["api", "worker"], function) ? var.resources.partner_secrets : [],
  ) }
  connectors = var.engine == "aws_transfer" ? var.resources.connectors : []

  # An action of S3 is about a bucket or about objects, and means nothing for the other.
  bucket_actions = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]

  statements = { for function, services in local.actions : function => concat(
    [for service, resources in {
      dynamodb       = [var.resources.table]
      sqs            = [var.resources.work_queue]
      secretsmanager = sort(local.secrets[function])
      transfer       = sort(local.connectors)
      events         = var.resources.event_bus == null ? [] : [var.resources.event_bus]
      } : {
      Sid      = "Code${title(service)}"
      Effect   = "Allow"
      Action   = sort(services[service])
      Resource = resources
    } if contains(keys(services), service) && length(resources) > 0],

    [for part in [
      { sid = "CodeS3Bucket", resource = var.resources.bucket, actions = [for action in lookup(services, "s3", []) : action if contains(local.bucket_actions, action)] },
      { sid = "CodeS3Objects", resource = "${var.resources.bucket}/*", actions = [for action in lookup(services, "s3", []) : action if !contains(local.bucket_actions, action)] },
      ] : {
      Sid      = part.sid
      Effect   = "Allow"
      Action   = sort(part.actions)
      Resource = [part.resource]
    } if length(part.actions) > 0],

    # Keys are used through the services only: a stolen ciphertext can't be decrypted with the role alone.
    [for use in [
      { sid = "CodeKmsData", key = var.resources.kms_keys.data, services = [for service in ["dynamodb", "sqs", "s3"] : "${service}.${local.dns}" if contains(keys(services), service)] },
      { sid = "CodeKmsSecrets", key = var.resources.kms_keys.secrets, services = length(local.secrets[function]) == 0 ? [] : ["secretsmanager.${local.dns}"] },
      ] : {
      Sid       = use.sid
      Effect    = "Allow"
      Action    = sort(services.kms)
      Resource  = [use.key]
      Condition = { StringEquals = { "kms:ViaService" = use.services } }
    } if length(use.services) > 0],

    [{
      Sid      = "LambdaLogs"
      Effect   = "Allow"
      Action   = local.options.platform.logs
      Resource = ["arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/${var.function_names[function]}:log-stream:*"]
    }],

    # The function's variables are encrypted; with it they stay readable when the role is made anew.
    [{
      Sid       = "LambdaVariables"
      Effect    = "Allow"
      Action    = local.options.platform.variables
      Resource  = [var.resources.kms_keys.secrets]
      Condition = { StringEquals = { "kms:ViaService" = ["lambda.${local.dns}"] } }
    }],

    # X-Ray has no resources that could be named (service authorization reference of X-Ray).
    var.tracing ? [{
      Sid      = "LambdaTraces"
      Effect   = "Allow"
      Action   = local.options.platform.xray
      Resource = ["*"]
    }] : [],

    # Lambda makes and removes the function's network interfaces. Describing has no resources that could be named, and which
    # interface it will be nobody knows before (Lambda developer guide, "Giving Lambda functions access to resources in a VPC").
    [for statement in [
      {
        Sid      = "LambdaNetwork"
        Effect   = "Allow"
        Action   = local.options.platform.ec2
        Resource = ["*"]
      },
      {
        # That is for Lambda: code in the function can't do it, whatever gets into it.
        Sid       = "NotCodeNetwork"
        Effect    = "Deny"
        Action    = local.options.platform.ec2
        Resource  = ["*"]
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = "arn:${local.partition}:lambda:${local.here}:function:${var.function_names[function]}" } }
      },
      {
        # And interfaces are made in our subnets with our groups only.
        Sid         = "OwnSubnetsOnly"
        Effect      = "Deny"
        Action      = ["ec2:CreateNetworkInterface"]
        NotResource = concat(sort(try(var.network.subnet_arns, [])), sort(try(var.network.security_group_arns, [])), ["arn:${local.partition}:ec2:${local.here}:network-interface/*"])
      },
    ] : statement if var.network != null],

    function != "worker" ? [] : [{
      Sid      = "LambdaQueue"
      Effect   = "Allow"
      Action   = local.options.platform.sqs_source
      Resource = [var.resources.work_queue]
    }],

    function != "events" ? [] : [{
      Sid      = "LambdaFailedEvents"
      Effect   = "Allow"
      Action   = local.options.platform.sqs_failed_events
      Resource = [var.resources.failed_events_queue]
    }],

    [for statement in [
      {
        # Neither making nor listing has a resource that could be named (service authorization reference of Transfer Family).
        Sid      = "ConnectorsMake"
        Effect   = "Allow"
        Action   = local.options.connectors_by_program.create
        Resource = ["*"]
      },
      {
        # Every connector of the account: the program finds its own by their tags, and has to look at them.
        Sid      = "ConnectorsChange"
        Effect   = "Allow"
        Action   = distinct(concat(local.options.connectors_by_program.change, lookup(services, "transfer", [])))
        Resource = ["arn:${local.partition}:transfer:${local.here}:connector/*"]
      },
      {
        Sid       = "ConnectorsPass"
        Effect    = "Allow"
        Action    = local.options.connectors_by_program.pass
        Resource  = [try(var.connectors_by_program.access_role_arn, ""), try(var.connectors_by_program.logging_role_arn, "")]
        Condition = { StringEquals = { "iam:PassedToService" = "transfer.amazonaws.com" } }
      },
    ] : statement if var.connectors_by_program != null && contains(["api", "worker"], function)],

    [for statement in [
      {
        # Their names are the partners' and are not known before: everything in the folder, and nothing beside it.
        Sid      = "HandedIn"
        Effect   = "Allow"
        Action   = concat(local.options.handed_in.read, function == "api" ? local.options.handed_in.keep : [])
        Resource = ["arn:${local.partition}:secretsmanager:${local.here}:secret:${coalesce(var.handed_in, "none")}/*"]
      },
    ] : statement if var.handed_in != null && contains(["api", "worker"], function)],
  ) }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name                 = var.function_names[each.key]
  description          = "Sealpost's function ${each.key}"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name = "sealpost"
  role = aws_iam_role.function[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements[each.key]
  })
}
