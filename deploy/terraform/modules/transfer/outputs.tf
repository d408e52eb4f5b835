output "connectors" {
  description = "The connectors, by `partner/connector`: id (`aws_connector` in the partner's file), ARN and access role."
  value = { for id, connector in aws_transfer_connector.this : id => {
    id              = connector.connector_id
    arn             = connector.arn
    access_role_arn = aws_iam_role.access[id].arn
    log_group       = aws_cloudwatch_log_group.connector[id].name
  } }
}

output "logging_role_arn" {
  description = "The role that connectors and server write logs with."
  value       = aws_iam_role.logging.arn
}

output "server" {
  description = "The server: id, address, and the addresses of Global Accelerator. Null without one."
  value = var.server == null ? null : {
    id                    = aws_transfer_server.this[0].id
    endpoint              = aws_transfer_server.this[0].endpoint
    addresses             = [for address in aws_eip.server : address.public_ip]
    accelerator_addresses = try(flatten(aws_globalaccelerator_accelerator.this[0].ip_sets[*].ip_addresses), [])
  }
}
