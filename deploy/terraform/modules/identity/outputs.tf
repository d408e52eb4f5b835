output "issuer" {
  description = "What the configuration's `[[identity.issuers]]` has to be. Clients are sorted by their partners."
  value = var.external == null ? {
    name         = "cognito"
    profile      = "cognito"
    issuer       = "https://cognito-idp.${var.account.region}.amazonaws.com/${aws_cognito_user_pool.this[0].id}"
    audiences    = tolist([])
    client_ids   = [for partner in sort(keys(var.partners)) : aws_cognito_user_pool_client.partner[partner].id]
    scope_prefix = var.audience
    } : {
    name         = var.external.name
    profile      = var.external.profile
    issuer       = var.external.issuer
    audiences    = var.external.audiences
    client_ids   = [for partner in sort(keys(var.external.client_ids)) : var.external.client_ids[partner]]
    scope_prefix = var.external.scope_prefix
  }
}

output "client_ids" {
  description = "The partners' clients, by partner: `identities = [{ issuer = …, subject = … }]` of the partner's file."
  value       = var.external == null ? { for partner, client in aws_cognito_user_pool_client.partner : partner => client.id } : var.external.client_ids
}

output "token_url" {
  description = "Where partners get access tokens; null for an external issuer, which tells it in its discovery document."
  value       = var.external == null ? "https://${aws_cognito_user_pool_domain.this[0].domain}.auth.${var.account.region}.amazoncognito.com/oauth2/token" : null
}

output "user_pool_id" {
  description = "The user pool's id; null for an external issuer."
  value       = try(aws_cognito_user_pool.this[0].id, null)
}
