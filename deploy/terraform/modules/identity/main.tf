# Who calls: a Cognito user pool with one machine client per partner, or an issuer that is there already.
#
# The clients' secrets are made by Cognito. The provider reads them back, so they are in the state: the state's bucket is
# encrypted and closed for that reason, and an external issuer avoids it.

locals {
  made = var.external == null ? 1 : 0

  # As the program knows them: `Scope` in crates/sealpost-core/src/identity.rs.
  scopes = {
    "reports:read"       = "See report types, reports, files, keys, destinations and usage"
    "reports:write"      = "Ask for reports, cancel, delete and redeliver them"
    "keys:write"         = "Change OpenPGP certificates and API keys"
    "destinations:write" = "Change destinations and webhooks"
    # Given to nobody who does not name it: no operation needs it. Without it Cognito would refuse tokens to whoever still asks for it.
    "schedules:write" = "Nothing"
  }
}

resource "aws_cognito_user_pool" "this" {
  count = local.made

  name                = var.name
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"

  # The pool has machine clients only: nobody signs up, nobody has a password.
  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  password_policy {
    minimum_length                   = 32
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = true
    require_uppercase                = true
    temporary_password_validity_days = 1
  }

  mfa_configuration = "ON"

  software_token_mfa_configuration {
    enabled = true
  }
}

resource "aws_cognito_resource_server" "this" {
  count = local.made

  user_pool_id = aws_cognito_user_pool.this[0].id
  identifier   = var.audience
  name         = var.name

  dynamic "scope" {
    for_each = local.scopes

    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  count = local.made

  domain       = coalesce(var.domain_prefix, "${var.name}-${var.account.id}")
  user_pool_id = aws_cognito_user_pool.this[0].id
}

resource "aws_cognito_user_pool_client" "partner" {
  for_each = local.made == 1 ? var.partners : {}

  name         = each.key
  user_pool_id = aws_cognito_user_pool.this[0].id

  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["client_credentials"]
  allowed_oauth_scopes                 = [for scope in each.value.scopes : "${var.audience}/${scope}"]
  # No user signs in by it.
  explicit_auth_flows           = []
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  access_token_validity = var.access_token_minutes

  token_validity_units {
    access_token = "minutes"
  }

  # A client may ask for scopes that exist only.
  depends_on = [aws_cognito_resource_server.this]
}
