output "topic_arn" {
  description = "The topic of all alarms."
  value       = aws_sns_topic.alarms.arn
}

output "alarms" {
  description = "The names of all alarms."
  value = sort(concat(
    [for alarm in aws_cloudwatch_metric_alarm.counted : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.function : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.dead_letters : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.ledger_throttled : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.no_deliveries : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.database_storage : alarm.alarm_name],
    [
      aws_cloudwatch_metric_alarm.oldest_message.alarm_name,
      aws_cloudwatch_metric_alarm.no_worker.alarm_name,
      aws_cloudwatch_metric_alarm.no_sweep.alarm_name,
      aws_cloudwatch_metric_alarm.dead_tasks.alarm_name,
      aws_cloudwatch_metric_alarm.api_5xx.alarm_name,
      aws_cloudwatch_metric_alarm.api_latency.alarm_name,
    ],
  ))
}

output "dashboard" {
  description = "The dashboard's name."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
