output "functions" {
  description = "The functions by what they do: name, ARN of the live alias, how API Gateway calls it, time limit, reserved concurrency (-1: none), and how many run at once at most (null: as many as the account lets)."
  value = { for function, alias in aws_lambda_alias.live : function => {
    name                 = aws_lambda_function.this[function].function_name
    alias                = alias.name
    alias_arn            = alias.arn
    invoke_arn           = alias.invoke_arn
    timeout              = local.functions[function].timeout
    reserved_concurrency = local.functions[function].reserved_concurrency
    most_at_once         = local.most_at_once[function]
  } }
}

output "log_groups" {
  description = "The functions' log groups, by what the functions do."
  value       = { for function, group in aws_cloudwatch_log_group.this : function => group.name }
}
