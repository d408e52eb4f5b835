# Four functions of one binary: `bootstrap` behaves as `sealpost lambda <handler>`.

locals {
  # `timeout` of the api is what API Gateway waits; the worker's is the longest that Lambda has, and it stops taking work before
  # its end. Memory is also processor time: 1,769 MiB is one processor.
  usual = {
    api        = { memory = 512, timeout = 29, reserved_concurrency = 100, ephemeral_storage = 512 }
    worker     = { memory = 1769, timeout = 900, reserved_concurrency = 50, ephemeral_storage = 512 }
    events     = { memory = 256, timeout = 60, reserved_concurrency = 10, ephemeral_storage = 512 }
    authorizer = { memory = 256, timeout = 10, reserved_concurrency = 50, ephemeral_storage = 512 }
  }

  functions = { for function, usual in local.usual : function => {
    memory               = try(coalesce(var.settings[function].memory), usual.memory)
    timeout              = try(coalesce(var.settings[function].timeout), usual.timeout)
    reserved_concurrency = try(coalesce(var.settings[function].reserved_concurrency), usual.reserved_concurrency)
    ephemeral_storage    = try(coalesce(var.settings[function].ephemeral_storage), usual.ephemeral_storage)
    environment          = merge(var.environment, try(var.settings[function].environment, {}))
  } }

  # How many of a function run at once; null where only the account says it.
  most_at_once = { for function, one in local.functions : function => try(
    min([for most in [one.reserved_concurrency, function == "worker" ? var.work_batch.most_workers : null] : most if try(most >= 0, false)]...),
    null,
  ) }

  descriptions = {
    api        = "The partners' API, behind API Gateway"
    worker     = "Produces and delivers reports, woken by the queue"
    events     = "Events of Transfer Family, S3 and the schedule"
    authorizer = "Decides for API Gateway who calls"
  }

  package_hash = var.package.sha256_base64 != null ? var.package.sha256_base64 : var.package.file == null ? null : filebase64sha256(var.package.file)
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.functions

  name              = "/aws/lambda/${var.function_names[each.key]}"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arns.logs
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:A dead-letter queue is for asynchronous calls. The worker has one by its queue, events by its invoke configuration; the others are called synchronously.
  #checkov:skip=CKV_AWS_272:Packages are reproducible and their digest is checked; signing with AWS Signer needs a profile of the company, see package.code_signing_config_arn.
  for_each = local.functions

  function_name = var.function_names[each.key]
  description   = local.descriptions[each.key]
  role          = var.role_arns[each.key]

  runtime       = "provided.al2023"
  handler       = each.key
  architectures = [var.package.architecture]
  publish       = true

  filename          = var.package.file
  s3_bucket         = try(var.package.s3.bucket, null)
  s3_key            = try(var.package.s3.key, null)
  s3_object_version = try(var.package.s3.version, null)
  source_code_hash  = local.package_hash

  code_signing_config_arn = var.package.code_signing_config_arn

  memory_size                    = each.value.memory
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.reserved_concurrency
  kms_key_arn                    = var.kms_key_arns.secrets

  ephemeral_storage {
    size = each.value.ephemeral_storage
  }

  environment {
    variables = each.value.environment
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this[each.key].name
    # The program itself leaves out what its `log.level` does; Lambda would drop everything below INFO, whatever that says.
    application_log_level = "TRACE"
    system_log_level      = "INFO"
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.network == null ? [] : [var.network]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  lifecycle {
    precondition {
      # Lambda's limit for all variables together; the issuer's client ids are what grows.
      condition     = sum(concat([0], [for key, value in each.value.environment : length(key) + length(value)])) <= 3800
      error_message = "The variables are longer than the 4 KiB that Lambda allows. With many partners name the issuer in the packaged sealpost.toml, and set `issuers_in_package`."
    }
  }
}

# Callers name the alias, so that a version can be taken back by moving it.
resource "aws_lambda_alias" "live" {
  for_each = local.functions

  name             = "live"
  description      = "The version that is called"
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}
