# Who may connect to whom. Every group says both ends; nothing is reachable from outside of the network.

resource "aws_security_group" "functions" {
  #checkov:skip=CKV2_AWS_5:It is attached in another module, which this check does not follow.
  name        = "${var.name}-functions"
  description = "Lambda functions: nobody connects to them"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-functions" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints of AWS services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:It is attached in another module, which this check does not follow.
  count = local.makes_database_group ? 1 : 0

  name        = "${var.name}-database"
  description = "The database: functions connect to it, it connects to nobody"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-database" }
}

locals {
  makes_database_group = var.database.security_group_id == null && length(var.database.cidrs) == 0

  # One, but for a database that is known by its networks.
  database_groups = local.makes_database_group ? { made = aws_security_group.database[0].id } : var.database.security_group_id == null ? {} : { given = var.database.security_group_id }
}

resource "aws_vpc_security_group_egress_rule" "functions_to_endpoints" {
  security_group_id            = aws_security_group.functions.id
  description                  = "AWS services by interface endpoints"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.endpoints.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_functions" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "Functions"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.functions.id
}

resource "aws_vpc_security_group_egress_rule" "functions_to_gateways" {
  for_each = aws_vpc_endpoint.gateway

  security_group_id = aws_security_group.functions.id
  description       = "${each.key} by its gateway endpoint"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = each.value.prefix_list_id
}

resource "aws_vpc_security_group_egress_rule" "functions_to_database_networks" {
  for_each = var.database.cidrs

  security_group_id = aws_security_group.functions.id
  description       = "The database"
  ip_protocol       = "tcp"
  from_port         = var.database.port
  to_port           = var.database.port
  cidr_ipv4         = each.value
}

resource "aws_vpc_security_group_egress_rule" "functions_to_database" {
  for_each = local.database_groups

  security_group_id            = aws_security_group.functions.id
  description                  = "The database"
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
  referenced_security_group_id = each.value
}

resource "aws_vpc_security_group_ingress_rule" "database_from_functions" {
  for_each = local.database_groups

  security_group_id            = each.value
  description                  = "Sealpost's functions"
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
  referenced_security_group_id = aws_security_group.functions.id
}

resource "aws_vpc_security_group_egress_rule" "functions_to_vault_networks" {
  for_each = toset(try(var.vault.cidrs, []))

  security_group_id = aws_security_group.functions.id
  description       = "Vault"
  ip_protocol       = "tcp"
  from_port         = var.vault.port
  to_port           = var.vault.port
  cidr_ipv4         = each.value
}

resource "aws_vpc_security_group_egress_rule" "functions_to_vault" {
  count = try(var.vault.security_group_id, null) == null ? 0 : 1

  security_group_id            = aws_security_group.functions.id
  description                  = "Vault"
  ip_protocol                  = "tcp"
  from_port                    = var.vault.port
  to_port                      = var.vault.port
  referenced_security_group_id = var.vault.security_group_id
}

resource "aws_vpc_security_group_ingress_rule" "vault_from_functions" {
  count = try(var.vault.security_group_id, null) == null ? 0 : 1

  security_group_id            = var.vault.security_group_id
  description                  = "Sealpost's functions"
  ip_protocol                  = "tcp"
  from_port                    = var.vault.port
  to_port                      = var.vault.port
  referenced_security_group_id = aws_security_group.functions.id
}

# Partners' servers and webhooks are anywhere; which port is all that can be said here. The program itself refuses private
# addresses for what partners enter.
resource "aws_vpc_security_group_egress_rule" "functions_out" {
  for_each = var.internet.enabled ? toset([for port in var.internet.ports : tostring(port)]) : []

  security_group_id = aws_security_group.functions.id
  description       = "Partners' servers, port ${each.value}"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
  cidr_ipv4         = "0.0.0.0/0"
}
