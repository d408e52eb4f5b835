locals {
  # A network that can reach AWS must not be a way to carry data into somebody else's account: only principals and
  # resources of this account pass. Gateway endpoints take no other principal than `*`; the condition says who it is.
  own_account_only = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OwnAccountOnly"
      Effect    = "Allow"
      Principal = "*"
      Action    = "*"
      Resource  = "*"
      Condition = {
        StringEquals = {
          "aws:PrincipalAccount" = var.account.id
          "aws:ResourceAccount"  = var.account.id
        }
      }
    }]
  })
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id            = aws_vpc.this.id
  vpc_endpoint_type = "Gateway"
  service_name      = "${local.service}.${each.key}"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  policy            = local.own_account_only

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  vpc_endpoint_type   = "Interface"
  service_name        = "${local.service}.${each.key}"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  policy              = local.own_account_only

  tags = { Name = "${var.name}-${each.key}" }
}
