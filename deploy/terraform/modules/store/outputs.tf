output "bucket" {
  description = "The bucket's name."
  value       = aws_s3_bucket.files.id
}

output "bucket_arn" {
  description = "The bucket's ARN."
  value       = aws_s3_bucket.files.arn
}

output "access_log_bucket" {
  description = "The bucket that access is recorded in."
  value       = aws_s3_bucket.logs.id
}
