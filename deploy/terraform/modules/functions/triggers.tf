# What wakes the worker and the events function.

resource "aws_lambda_event_source_mapping" "work" {
  event_source_arn = var.work_queue_arn
  function_name    = aws_lambda_alias.live["worker"].arn

  batch_size                         = var.work_batch.size
  maximum_batching_window_in_seconds = var.work_batch.window
  # Only the bells that nobody had time for ring again.
  function_response_types = ["ReportBatchItemFailures"]

  # A mapping does not look at what is reserved: it would call more workers than may run, and each refused call counts as a throttle
  # and as a receipt of its messages. Lambda takes 2 to 1,000 here.
  dynamic "scaling_config" {
    for_each = try(local.most_at_once.worker >= 2 && local.most_at_once.worker <= 1000, false) ? [local.most_at_once.worker] : []

    content {
      maximum_concurrency = scaling_config.value
    }
  }

  metrics_config {
    metrics = ["EventCount"]
  }

  lifecycle {
    precondition {
      # The other half is for previews of the api, for people, and for what RDS itself needs of the memory.
      condition     = var.most_connections == null ? true : try(2 * local.most_at_once.worker * var.work_batch.size <= var.most_connections, false)
      error_message = "The database takes ${coalesce(var.most_connections, 0)} connections, of which workers may have half; ${local.most_at_once.worker == null ? "any number of" : tostring(local.most_at_once.worker)} workers with ${var.work_batch.size} reports each may want more. Take a larger `database.instance_class`, or a smaller `work_batch.size` or `work_batch.most_workers`."
    }
  }
}

locals {
  # Ends of single files: what a delivery waits for.
  file_ends = ["SFTP Connector File Send Completed", "SFTP Connector File Send Failed"]

  connector_events = merge(
    { source = ["aws.transfer"], detail-type = local.file_ends },
    # Other connectors of the account are not ours. A pattern has 2,048 characters at most: with more of ours all come, and the
    # function leaves alone what no delivery waits for.
    length(var.connector_arns) == 0 || length(var.connector_arns) > 20 ? {} : { resources = sort(var.connector_arns) },
  )

  rules = {
    sweep = {
      description = "Rings for work that waits and may have been forgotten"
      bus         = "default"
      schedule    = var.sweep
      pattern     = null
    }
    transfers = {
      description = "Files that were sent, or could not be, by connectors"
      bus         = "default"
      schedule    = null
      pattern     = jsonencode(local.connector_events)
    }
    # Our own transfer API says the same under a name of its own, since Amazon keeps `aws.` for itself; of its own connectors, and on
    # the bus that the program was told.
    own-transfers = {
      description = "Files that were sent, or could not be, by our own transfer API"
      bus         = var.event_bus
      schedule    = null
      pattern     = jsonencode({ source = ["sealpost.transfer"], detail-type = local.file_ends })
    }
    objects = {
      description = "Sealed files that are stored"
      bus         = "default"
      schedule    = null
      pattern = jsonencode({
        source      = ["aws.s3"]
        detail-type = ["Object Created"]
        detail      = { bucket = { name = [var.bucket] } }
      })
    }
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name                = "${var.name}-${each.key}"
  description         = each.value.description
  event_bus_name      = each.value.bus
  schedule_expression = each.value.schedule
  event_pattern       = each.value.pattern
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rules

  rule           = aws_cloudwatch_event_rule.this[each.key].name
  event_bus_name = each.value.bus
  target_id      = "events"
  arn            = aws_lambda_alias.live["events"].arn

  # What can't be handed over for an hour is kept for people. A sweep that can't is dropped, since the next one makes it needless; one that
  # is handed over and fails is kept all the same (below).
  retry_policy {
    maximum_event_age_in_seconds = each.key == "sweep" ? 60 : 3600
    maximum_retry_attempts       = each.key == "sweep" ? 0 : 20
  }

  dynamic "dead_letter_config" {
    for_each = each.key == "sweep" ? [] : [var.failed_events_queue_arn]

    content {
      arn = dead_letter_config.value
    }
  }
}

resource "aws_lambda_permission" "events" {
  for_each = local.rules

  statement_id  = "EventBridge-${each.key}"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  function_name = aws_lambda_function.this["events"].function_name
  qualifier     = aws_lambda_alias.live["events"].name
  source_arn    = aws_cloudwatch_event_rule.this[each.key].arn
}

# Handed over, and then failed in the function, three times. Sweeps as well, for which nobody has to do anything: Lambda has one destination
# for all events of a function. docs/operate.md tells them apart.
resource "aws_lambda_function_event_invoke_config" "events" {
  function_name                = aws_lambda_function.this["events"].function_name
  qualifier                    = aws_lambda_alias.live["events"].name
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = var.failed_events_queue_arn
    }
  }
}
