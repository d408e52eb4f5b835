# Private subnets, the way out, endpoints, and who may connect to whom.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name               = "sealpost-test"
  account            = { id = "123456789012", region = "eu-central-1" }
  availability_zones = ["eu-central-1a", "eu-central-1b"]
  flow_logs          = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/logs" }
}

run "usual" {
  command = plan

  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_subnet.private) == 2 && alltrue([for subnet in aws_subnet.private : !subnet.map_public_ip_on_launch])
    error_message = "Not one private subnet per zone."
  }

  assert {
    condition     = length(distinct(concat([for subnet in aws_subnet.private : subnet.cidr_block], [for subnet in aws_subnet.public : subnet.cidr_block]))) == 4
    error_message = "Subnets overlap."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(output.egress_addresses) == 2
    error_message = "Not one way out per zone."
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["secretsmanager", "sqs", "transfer", "events", "kms", "logs", "sts"]) && toset(keys(aws_vpc_endpoint.gateway)) == toset(["s3", "dynamodb"])
    error_message = "An endpoint is missing."
  }

  assert {
    condition     = alltrue([for endpoint in concat(values(aws_vpc_endpoint.interface), values(aws_vpc_endpoint.gateway)) : jsondecode(endpoint.policy).Statement[0].Condition.StringEquals == { "aws:PrincipalAccount" = "123456789012", "aws:ResourceAccount" = "123456789012" }])
    error_message = "An endpoint leads to other accounts."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.database_from_functions["made"].from_port == 3306 && aws_vpc_security_group_ingress_rule.database_from_functions["made"].referenced_security_group_id == aws_security_group.functions.id
    error_message = "The database is for functions only."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_egress_rule.functions_out)) == toset(["22", "443"])
    error_message = "Functions call out on other ports than said."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.functions_to_vault_networks) == 0
    error_message = "There is no Vault, and yet a rule for it."
  }
}

run "closed" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    internet = { enabled = false }
    vault    = { cidrs = ["10.10.4.0/24"] }
    database = { port = 3307, security_group_id = "sg-0123456789abcdef0" }
  }

  assert {
    condition     = length(aws_nat_gateway.this) + length(aws_internet_gateway.this) + length(aws_eip.nat) + length(aws_vpc_security_group_egress_rule.functions_out) == 0
    error_message = "There is a way out."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.functions_to_vault_networks["10.10.4.0/24"].from_port == 8200
    error_message = "Functions don't reach Vault."
  }

  assert {
    condition     = length(aws_security_group.database) == 0 && output.database_security_group_id == "sg-0123456789abcdef0" && aws_vpc_security_group_egress_rule.functions_to_database["given"].from_port == 3307
    error_message = "The given database's group is not used."
  }
}

run "a_database_of_another_network" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    database = { cidrs = ["10.10.8.0/24"] }
    transit  = { gateway_id = "tgw-0123456789abcdef0", cidrs = ["10.10.0.0/16"] }
  }

  assert {
    condition     = length(aws_security_group.database) == 0 && length(aws_vpc_security_group_egress_rule.functions_to_database) == 0 && aws_vpc_security_group_egress_rule.functions_to_database_networks["10.10.8.0/24"].from_port == 3306
    error_message = "Functions don't reach the database by its networks."
  }

  assert {
    condition     = length(aws_route.transit) == 2 && alltrue([for route in aws_route.transit : route.transit_gateway_id == "tgw-0123456789abcdef0"])
    error_message = "Not every zone has a route to the company's networks."
  }
}

run "transit_to_everything" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    transit = { gateway_id = "tgw-0123456789abcdef0", cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.transit]
}

run "one_zone" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    availability_zones = ["eu-central-1a"]
  }

  expect_failures = [var.availability_zones]
}

run "too_small" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr = "10.0.0.0/28"
  }

  expect_failures = [var.cidr]
}

run "vault_everywhere" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    vault = { cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.vault]
}

run "vault_nowhere" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    vault = {}
  }

  expect_failures = [var.vault]
}

run "an_unknown_endpoint" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    interface_endpoints = ["ssm"]
  }

  expect_failures = [var.interface_endpoints]
}
