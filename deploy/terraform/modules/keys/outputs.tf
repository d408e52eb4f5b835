output "arns" {
  description = "The keys' ARNs: `data` (files, ledger, queues), `secrets`, `logs` (logs, alarms)."
  value       = { for name, key in aws_kms_key.this : name => key.arn }
}
