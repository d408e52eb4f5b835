output "work" {
  description = "The queue of work: URL, ARN and name."
  value = {
    url  = aws_sqs_queue.work.url
    arn  = aws_sqs_queue.work.arn
    name = aws_sqs_queue.work.name
  }
}

output "dead_letters" {
  description = "The dead-letter queues, by what they are of (`work`, `events`): URL, ARN and name."
  value = {
    work = {
      url  = aws_sqs_queue.work_dead_letters.url
      arn  = aws_sqs_queue.work_dead_letters.arn
      name = aws_sqs_queue.work_dead_letters.name
    }
    events = {
      url  = aws_sqs_queue.events_dead_letters.url
      arn  = aws_sqs_queue.events_dead_letters.arn
      name = aws_sqs_queue.events_dead_letters.name
    }
  }
}
