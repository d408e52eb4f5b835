output "functions" {
  description = "The functions by what they do: name, ARN of the live alias, how API Gateway calls it, time limit, and reserved concurrency (-1: none)."
  value = { for function, alias in aws_lambda_alias.live : function => {
    name                 = aws_lambda_function.this[function].function_name
    alias                = alias.name
    alias_arn            = alias.arn
    invoke_arn           = alias.invoke_arn
    timeout              = local.functions[function].timeout
    reserved_concurrency = local.functions[function].reserved_concurrency
  } }
}

output "log_groups" {
  description = "The functions' log groups, by what the functions do."
  value       = { for function, group in aws_cloudwatch_log_group.this : function => group.name }
}
