locals {
  zones = { for index, zone in var.availability_zones : zone => index }

  # One NAT gateway per zone survives the loss of a zone; a single one costs a third.
  gateway_zones = !var.internet.enabled ? [] : var.internet.per_zone ? var.availability_zones : [var.availability_zones[0]]

  service = "com.amazonaws.${var.account.region}"
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# The group that AWS makes with every network lets everything through; nothing uses it, and it is emptied.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-unused" }
}

# Functions, endpoints and the database: no addresses of the Internet, no way in.
resource "aws_subnet" "private" {
  for_each = local.zones

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.cidr, 4, each.value)
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  for_each = local.zones

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table_association" "private" {
  for_each = local.zones

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# The way out: only NAT gateways live here.
resource "aws_internet_gateway" "this" {
  count = var.internet.enabled ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each = toset(local.gateway_zones)

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.cidr, 4, 8 + local.zones[each.key])
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_route_table" "public" {
  count = var.internet.enabled ? 1 : 0

  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "out" {
  count = var.internet.enabled ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

# Fixed addresses: partners allow them in their firewalls, so they outlive the gateway.
resource "aws_eip" "nat" {
  for_each = toset(local.gateway_zones)

  domain = "vpc"

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = toset(local.gateway_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "nat" {
  for_each = var.internet.enabled ? local.zones : {}

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[var.internet.per_zone ? each.key : var.availability_zones[0]].id
}

# The company's other networks.
resource "aws_ec2_transit_gateway_vpc_attachment" "this" {
  count = var.transit == null ? 0 : 1

  transit_gateway_id = var.transit.gateway_id
  vpc_id             = aws_vpc.this.id
  subnet_ids         = [for subnet in aws_subnet.private : subnet.id]
  dns_support        = "enable"

  tags = { Name = var.name }
}

resource "aws_route" "transit" {
  for_each = { for pair in setproduct(keys(local.zones), try(var.transit.cidrs, [])) : join(" ", pair) => { zone = pair[0], cidr = pair[1] } }

  route_table_id         = aws_route_table.private[each.value.zone].id
  destination_cidr_block = each.value.cidr
  transit_gateway_id     = var.transit.gateway_id

  # A route leads nowhere before the network is attached.
  depends_on = [aws_ec2_transit_gateway_vpc_attachment.this]
}
