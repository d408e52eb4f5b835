# Doorbells: a message says that there is work of a kind, and names no task. The ledger has the tasks, so a lost message costs a
# minute and a doubled one nothing.

locals {
  # Names are needed before the queues are there, for policies that name them.
  names = {
    work                = "${var.name}-work"
    work_dead_letters   = "${var.name}-work-dead-letters"
    events_dead_letters = "${var.name}-events-dead-letters"
  }
  arns = { for key, name in local.names : key => "arn:${var.account.partition}:sqs:${var.account.region}:${var.account.id}:${name}" }

  fourteen_days = 1209600
}

resource "aws_sqs_queue" "work_dead_letters" {
  name                      = local.names.work_dead_letters
  message_retention_seconds = local.fourteen_days
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue_redrive_allow_policy" "work_dead_letters" {
  count = var.closed_dead_letters ? 1 : 0

  queue_url = aws_sqs_queue.work_dead_letters.url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.arns.work]
  })
}

resource "aws_sqs_queue" "work" {
  name                       = local.names.work
  visibility_timeout_seconds = var.visibility_timeout_in_seconds
  # A bell that nobody heard for a day is of no use: the sweep has rung again many times.
  message_retention_seconds         = 86400
  receive_wait_time_seconds         = 20
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.work_dead_letters.arn
    maxReceiveCount     = var.receives
  })
}

# Events that the events function could not take: EventBridge's and Lambda's.
resource "aws_sqs_queue" "events_dead_letters" {
  name                      = local.names.events_dead_letters
  message_retention_seconds = local.fourteen_days
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue_policy" "this" {
  for_each = {
    work                = aws_sqs_queue.work.url
    work_dead_letters   = aws_sqs_queue.work_dead_letters.url
    events_dead_letters = aws_sqs_queue.events_dead_letters.url
  }

  queue_url = each.value
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid    = "TlsOnly"
        Effect = "Deny"
        # A denial has to hold for everybody.
        Principal = { AWS = "*" }
        Action    = "sqs:*"
        Resource  = local.arns[each.key]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      each.key != "events_dead_letters" ? [] : [{
        Sid       = "EventBridge"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.arns[each.key]
        Condition = {
          # On a bus of its own a rule has the bus before its name.
          ArnLike      = { "aws:SourceArn" = [for rule in ["rule/${var.name}-*", "rule/*/${var.name}-*"] : "arn:${var.account.partition}:events:${var.account.region}:${var.account.id}:${rule}"] }
          StringEquals = { "aws:SourceAccount" = var.account.id }
        }
      }],
    )
  })
}
