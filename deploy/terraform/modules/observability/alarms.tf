locals {
  minute = 60
  hour   = 3600

  # A bell whose worker was killed is hidden for as long, and counts as waiting; then it comes again, and whoever hears it may take a
  # worker's whole time. Only what is older than that is not heard.
  oldest_message_seconds = coalesce(var.limits.oldest_message_seconds, var.visibility_timeout_in_seconds + var.functions["worker"].timeout)

  # What each alarm means and what to do stands in its description, and longer in docs/operate.md.
  counted = {
    deliveries_failed   = { threshold = 1, period = 300, text = "A delivery ended as failed: the partner does not have its file. See the line's `advice`; repair, then redeliver." }
    reports_failed      = { threshold = 1, period = 300, text = "A report ended as failed. See the line's `error.code` and `advice`." }
    tasks_buried        = { threshold = 1, period = 300, text = "A task failed in a way nobody foresaw and is a dead letter of the ledger: look at it, repair, revive. Or it waits for a version that can read its record." }
    deliveries_overdue  = { threshold = 1, period = 300, text = "A file is missing: a transfer had no result in time, neither by its event nor when it was asked for, and its delivery failed. Ask the partner whether the file is there before it is sent again." }
    certificates_ending = { threshold = 1, period = local.hour, text = "A partner's OpenPGP certificate ends within ${var.limits.certificate_days} days; then its reports are refused. Ask the partner for a new one." }
    certificates_broken = { threshold = 1, period = local.hour, text = "A partner's OpenPGP certificate can't be used: its reports are refused." }
    # A report that waits is tried every five minutes at the latest, so each ten minutes of an outage have a line.
    database_away = { threshold = 1, period = 600, periods = 2, text = "Reports wait for the database: it can't be reached, or is busy. After 12 hours they fail." }
    # One look of the events function that meets no ledger is up to three lines; two such looks ring.
    ledger_trouble  = { threshold = 5, period = 300, text = "The ledger does not answer again and again: DynamoDB throttles or is down." }
    callers_refused = { threshold = 200, period = 300, text = "Very many refused callers: a partner with old credentials, or someone who tries." }
  }

  # Metrics of AWS, one row per alarm.
  functions = merge(
    { for function, one in var.functions : "${function}-errors" => {
      function = one.name, metric = "Errors", statistic = "Sum", threshold = function == "authorizer" ? 50 : 1
      # The authorizer fails on purpose: that is how API Gateway is told of a 401.
      text = "The function `${function}` failed: crashed, ran out of time or memory, or could not start. See its log."
    } },
    { for function, one in var.functions : "${function}-throttles" => {
      function = one.name, metric = "Throttles", statistic = "Sum", threshold = 1
      text     = "The function `${function}` was refused by its concurrency limit. Raise `reserved_concurrency`, or see who calls so often."
    } },
    { for function, one in var.functions : "${function}-duration" => {
      function = one.name, metric = "Duration", statistic = "Maximum", threshold = floor(one.timeout * 1000 * 0.9)
      text     = "The function `${function}` comes close to its time limit."
    } if function != "worker" },
  )
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.account.id } }
      },
      {
        Sid    = "TlsOnly"
        Effect = "Deny"
        # A denial has to hold for everybody.
        Principal = { AWS = "*" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = { for one in var.subscribers : "${one.protocol} ${one.endpoint}" => one }

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = each.value.protocol
  endpoint  = each.value.endpoint
}

resource "aws_cloudwatch_metric_alarm" "counted" {
  for_each = local.counted

  alarm_name          = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.text
  namespace           = local.namespace
  metric_name         = aws_cloudwatch_log_metric_filter.this[each.key].metric_transformation[0].name
  statistic           = "Sum"
  period              = each.value.period
  evaluation_periods  = try(each.value.periods, 1)
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "function" {
  for_each = local.functions

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = each.value.function }
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = var.dead_letter_queues

  alarm_name          = "${var.name}-dead-letters-${each.key}"
  alarm_description   = "Messages of `${each.key}` were given up. See why in the function's log, repair, then do what docs/operate.md says of this alarm."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value }
  statistic           = "Maximum"
  period              = local.minute
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "oldest_message" {
  alarm_name          = "${var.name}-oldest-message"
  alarm_description   = "A bell is older than ${local.oldest_message_seconds} s: workers are too few, are killed, or are throttled."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = var.work_queue }
  statistic           = "Maximum"
  period              = local.minute
  evaluation_periods  = 3
  threshold           = local.oldest_message_seconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Work that may begin, and nobody at it, at each look of ten minutes (the sweep looks once a minute): found long before a bell is old.
# Without a look there is nothing to say; that it is missing is what the alarm no-sweep is for.
resource "aws_cloudwatch_metric_alarm" "no_worker" {
  alarm_name          = "${var.name}-no-worker"
  alarm_description   = "Work has waited for ten minutes, and no worker has any: the queue's mapping is off, or workers can't start."
  evaluation_periods  = 2
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "idle"
    label       = "Work waits, and none is begun"
    expression  = "IF(ready > 0 AND leased < 1, 1, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { ready = { metric = "QueueReady", stat = "Minimum" }, leased = { metric = "QueueLeased", stat = "Maximum" } }

    content {
      id = metric_query.key

      metric {
        namespace   = "Sealpost"
        metric_name = metric_query.value.metric
        dimensions  = { FunctionName = var.functions["events"].name }
        stat        = metric_query.value.stat
        period      = 300
      }
    }
  }
}

# Nothing arrived anywhere: also seen when nothing runs at all, and so no line is logged. The sum of the last hours, since one
# period of an alarm is a day at most.
resource "aws_cloudwatch_metric_alarm" "no_deliveries" {
  count = var.limits.delivery_expected_hours == 0 ? 0 : 1

  alarm_name          = "${var.name}-no-deliveries"
  alarm_description   = "Missing files: nothing was delivered for ${var.limits.delivery_expected_hours} hours."
  namespace           = local.namespace
  metric_name         = aws_cloudwatch_log_metric_filter.this["deliveries"].metric_transformation[0].name
  statistic           = "Sum"
  period              = local.hour
  evaluation_periods  = var.limits.delivery_expected_hours
  datapoints_to_alarm = var.limits.delivery_expected_hours
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# What the events function measures at each sweep.
resource "aws_cloudwatch_metric_alarm" "dead_tasks" {
  alarm_name          = "${var.name}-dead-tasks"
  alarm_description   = "The ledger has dead letters: tasks that failed in a way nobody foresaw. Look at them, repair, revive."
  namespace           = "Sealpost"
  metric_name         = "QueueDead"
  dimensions          = { FunctionName = var.functions["events"].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# The sweep is what finds everything that was lost; that it stopped must not go unseen.
resource "aws_cloudwatch_metric_alarm" "no_sweep" {
  alarm_name          = "${var.name}-no-sweep"
  alarm_description   = "The events function was not called for a quarter of an hour: the schedule's rule is off, or the function can't be called."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = var.functions["events"].name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "api_5xx" {
  alarm_name          = "${var.name}-api-5xx"
  alarm_description   = "More than ${var.limits.api_5xx_percent} % of the API's answers are our fault."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5XXError"
  dimensions          = { ApiName = var.api.name, Stage = var.api.stage }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 2
  threshold           = var.limits.api_5xx_percent / 100
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "api_latency" {
  alarm_name          = "${var.name}-api-latency"
  alarm_description   = "One answer in a hundred takes longer than ${var.limits.api_latency_ms} ms. Answers that clients have held back (`Prefer: wait`) take up to 26 s."
  namespace           = "AWS/ApiGateway"
  metric_name         = "Latency"
  dimensions          = { ApiName = var.api.name, Stage = var.api.stage }
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 3
  threshold           = var.limits.api_latency_ms
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "ledger_throttled" {
  for_each = toset(["ReadThrottleEvents", "WriteThrottleEvents"])

  alarm_name          = "${var.name}-ledger-${lower(replace(each.key, "ThrottleEvents", ""))}-throttled"
  alarm_description   = "DynamoDB throttles the ledger: a hot partition, or a table that grew faster than it doubles."
  namespace           = "AWS/DynamoDB"
  metric_name         = each.key
  dimensions          = { TableName = var.table }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 10
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "database_storage" {
  count = var.database_instance == null ? 0 : 1

  alarm_name          = "${var.name}-database-storage"
  alarm_description   = "The database has less than ${var.limits.database_free_gib} GiB left."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = var.database_instance }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 1
  threshold           = var.limits.database_free_gib * 1024 * 1024 * 1024
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
