output "vpc_id" {
  description = "The network's id."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "The private subnets, one per zone."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]
}

output "public_subnet_ids" {
  description = "The subnets of the NAT gateways; empty without a way out."
  value       = [for zone in local.gateway_zones : aws_subnet.public[zone].id]
}

output "functions_security_group_id" {
  description = "The security group of functions."
  value       = aws_security_group.functions.id
}

output "database_security_group_id" {
  description = "The security group of the database: the given one, or the one that was made; null for a database that is known by its networks."
  value       = one(values(local.database_groups))
}

output "egress_addresses" {
  description = "The addresses that connections to partners come from, for their allow lists."
  value       = [for zone in local.gateway_zones : aws_eip.nat[zone].public_ip]
}
