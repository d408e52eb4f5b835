output "address" {
  description = "Where the database is: host, port and schema."
  value = var.given == null ? {
    host     = aws_db_instance.this[0].address
    port     = var.port
    database = var.database
    } : {
    host     = var.given.host
    port     = var.given.port
    database = var.given.database
  }
}

output "instance_identifier" {
  description = "The new database's identifier; null for a given one."
  value       = var.given == null ? aws_db_instance.this[0].identifier : null
}

output "owner_secret_arn" {
  description = "The secret with the owner's password that RDS manages, for making Sealpost's own account; null for a given database."
  value       = var.given == null ? try(aws_db_instance.this[0].master_user_secret[0].secret_arn, null) : null
}

output "most_connections" {
  description = "About how many connections the new database takes at once, by the memory of its class; null for a given one, and for a class of unknown memory."
  value       = var.given == null ? local.most_connections : null
}
