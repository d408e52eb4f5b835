locals {
  # A row of widgets each: title and metrics.
  widgets = [
    { title = "Reports and deliveries", metrics = [for metric in ["reports_stored", "deliveries", "deliveries_retried", "reports_failed", "deliveries_failed", "deliveries_overdue"] : [local.namespace, metric, { stat = "Sum" }]] },
    { title = "API: answers", metrics = [for metric in ["Count", "4XXError", "5XXError"] : ["AWS/ApiGateway", metric, "ApiName", var.api.name, "Stage", var.api.stage, { stat = "Sum" }]] },
    { title = "API: milliseconds", metrics = [for stat in ["p50", "p99"] : ["AWS/ApiGateway", "Latency", "ApiName", var.api.name, "Stage", var.api.stage, { stat = stat, label = stat }]] },
    { title = "Functions: errors", metrics = [for function in sort(keys(var.functions)) : ["AWS/Lambda", "Errors", "FunctionName", var.functions[function].name, { stat = "Sum", label = function }]] },
    { title = "Functions: at once", metrics = [for function in sort(keys(var.functions)) : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", var.functions[function].name, { stat = "Maximum", label = function }]] },
    { title = "Functions: milliseconds", metrics = [for function in sort(keys(var.functions)) : ["AWS/Lambda", "Duration", "FunctionName", var.functions[function].name, { stat = "p99", label = function }]] },
    { title = "Queue: messages", metrics = concat([["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.work_queue, { stat = "Maximum", label = "work" }]], [for of in sort(keys(var.dead_letter_queues)) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.dead_letter_queues[of], { stat = "Maximum", label = "dead letters of ${of}" }]]) },
    { title = "Queue: seconds of the oldest", metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.work_queue, { stat = "Maximum" }]] },
    { title = "Tasks", metrics = [for metric in ["QueueReady", "QueueDelayed", "QueueLeased", "QueueDead", "QueueRungAgain"] : ["Sealpost", metric, "FunctionName", var.functions["events"].name, { stat = "Maximum" }]] },
    { title = "Ledger: units", metrics = [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"] : ["AWS/DynamoDB", metric, "TableName", var.table, { stat = "Sum" }]] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [for index, widget in local.widgets : {
        type   = "metric"
        x      = (index % 3) * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = var.account.region
          view    = "timeSeries"
          period  = 300
          metrics = widget.metrics
        }
      }],
      length(var.connector_arns) == 0 ? [] : [{
        type   = "text"
        x      = 0
        y      = 6 * ceil(length(local.widgets) / 3)
        width  = 24
        height = 3
        properties = {
          markdown = join("\n", concat(["**Connectors**", ""], [for id in sort(keys(var.connector_arns)) : "- ${id}: `${var.connector_arns[id]}`"]))
        }
      }],
    )
  })
}
