# What AWS would answer, as far as the provider checks its form.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_region" {
  defaults = { name = "eu-central-1" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn    = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    key_id = "11111111-2222-3333-4444-555555555555"
  }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
}

mock_resource "aws_iam_policy" {
  defaults = { arn = "arn:aws:iam::123456789012:policy/mock" }
}

mock_resource "aws_iam_openid_connect_provider" {
  defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/mock" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:mock" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::mock" }
}

mock_resource "aws_dynamodb_table" {
  defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/mock" }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:mock"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/mock"
  }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mock-AbCdEf" }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn     = "arn:aws:lambda:eu-central-1:123456789012:function:mock"
    version = "1"
  }
}

mock_resource "aws_lambda_alias" {
  defaults = {
    arn        = "arn:aws:lambda:eu-central-1:123456789012:function:mock:live"
    invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:mock:live/invocations"
  }
}

mock_resource "aws_api_gateway_rest_api" {
  defaults = {
    id            = "a1b2c3d4e5"
    execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5"
  }
}

mock_resource "aws_api_gateway_stage" {
  defaults = {
    arn        = "arn:aws:apigateway:eu-central-1::/restapis/a1b2c3d4e5/stages/live"
    invoke_url = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live"
  }
}

mock_resource "aws_wafv2_web_acl" {
  defaults = { arn = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/mock/11111111-2222-3333-4444-555555555555" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:mock" }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = { arn = "arn:aws:events:eu-central-1:123456789012:rule/mock" }
}

mock_resource "aws_transfer_connector" {
  defaults = {
    connector_id = "c-0123456789abcdef0"
    arn          = "arn:aws:transfer:eu-central-1:123456789012:connector/c-0123456789abcdef0"
  }
}

mock_resource "aws_transfer_server" {
  defaults = {
    id  = "s-0123456789abcdef0"
    arn = "arn:aws:transfer:eu-central-1:123456789012:server/s-0123456789abcdef0"
  }
}

mock_resource "aws_globalaccelerator_accelerator" {
  defaults = { id = "arn:aws:globalaccelerator::123456789012:accelerator/11111111-2222-3333-4444-555555555555" }
}

mock_resource "aws_globalaccelerator_listener" {
  defaults = { id = "arn:aws:globalaccelerator::123456789012:accelerator/11111111-2222-3333-4444-555555555555/listener/mock" }
}

mock_resource "aws_cognito_user_pool" {
  defaults = { id = "eu-central-1_AbCdEfGhI" }
}

mock_resource "aws_db_instance" {
  defaults = {
    address            = "mock.eu-central-1.rds.amazonaws.com"
    master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds-AbCdEf" }]
  }
}

mock_resource "aws_cognito_user_pool_client" {
  defaults = { id = "1example23456789" }
}

mock_resource "aws_security_group" {
  defaults = { id = "sg-00000000000000000" }
}

mock_resource "aws_eip" {
  defaults = {
    id        = "eipalloc-00000000000000000"
    public_ip = "192.0.2.1"
  }
}
