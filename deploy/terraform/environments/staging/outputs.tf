output "api_url" {
  description = "Where partners call the API."
  value       = module.sealpost.api_url
}

output "token_url" {
  description = "Where partners get access tokens."
  value       = module.sealpost.token_url
}

output "egress_addresses" {
  description = "Where our connections come from, for partners' allow lists."
  value       = module.sealpost.egress_addresses
}

output "partners" {
  description = "What the program's partner files need: identities, connectors, secrets."
  value       = module.sealpost.partners
}

output "secrets" {
  description = "The secrets that want a value."
  value       = module.sealpost.secrets
}

output "issuer" {
  description = "The issuer of access tokens, as the configuration names it."
  value       = module.sealpost.issuer
}

output "functions" {
  description = "The functions, by what they do."
  value       = module.sealpost.functions
}

output "alarms" {
  description = "The topic of alarms, and their names."
  value       = module.sealpost.alarms
}
