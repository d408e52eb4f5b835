# The bucket of sealed files, one folder per partner, and the bucket of its access logs.
#
# Files in it are ciphertext that only the partner can read. The KMS key is the second lock, so that reading needs two rights.

locals {
  # Bucket names are of the whole world.
  bucket = "${var.name}-${var.account.id}-${var.account.region}"
  logs   = "${local.bucket}-logs"

  buckets = {
    files = aws_s3_bucket.files.id
    logs  = aws_s3_bucket.logs.id
  }
  arns = {
    files = aws_s3_bucket.files.arn
    logs  = aws_s3_bucket.logs.arn
  }

  tls_only = { for key, arn in local.arns : key => {
    Sid    = "TlsOnly"
    Effect = "Deny"
    # A denial has to hold for everybody.
    Principal = { AWS = "*" }
    Action    = "s3:*"
    Resource  = [arn, "${arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }

  tls_12 = { for key, arn in local.arns : key => {
    Sid       = "Tls12"
    Effect    = "Deny"
    Principal = { AWS = "*" }
    Action    = "s3:*"
    Resource  = [arn, "${arn}/*"]
    Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
  } }
}

resource "aws_s3_bucket" "files" {
  #checkov:skip=CKV_AWS_144:Files are made again from the database within their retention; another region would be a second place for them to leak from. Point-in-time recovery covers the ledger.
  bucket              = local.bucket
  object_lock_enabled = var.object_lock != null
  force_destroy       = var.force_destroy
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_144:Records of access, not data; they are forgotten after 400 days.
  #checkov:skip=CKV_AWS_145:S3 delivers access logs to buckets with SSE-S3 only, as its documentation of server access logging says.
  #checkov:skip=CKV_AWS_18:This is the bucket of access logs; its own would never end.
  #checkov:skip=CKV2_AWS_62:Nobody waits for access logs.
  bucket        = local.logs
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# No access lists: policies alone say who may do what.
resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = each.value

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "files" {
  bucket = aws_s3_bucket.files.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# S3 writes access logs to buckets with its own keys only.
resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = each.value

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "files" {
  count = var.object_lock == null ? 0 : 1

  bucket = aws_s3_bucket.files.id

  rule {
    default_retention {
      mode = var.object_lock.mode
      days = var.object_lock.days
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "files" {
  bucket = aws_s3_bucket.files.id

  # A worker that was killed leaves parts that nobody sees and everybody pays for.
  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  rule {
    id     = "forget-removed-objects"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "archive"
    status = var.archive_after_days == null ? "Disabled" : "Enabled"
    filter {}

    transition {
      days          = coalesce(var.archive_after_days, 90)
      storage_class = var.archive_class
    }
  }

  rule {
    id     = "expire"
    status = var.expire_after_days == null ? "Disabled" : "Enabled"
    filter {}

    expiration {
      days = coalesce(var.expire_after_days, 36500)
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    id     = "expire"
    status = "Enabled"
    filter {}

    expiration {
      days = 400
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "files" {
  bucket        = aws_s3_bucket.files.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "access/"

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_policy" "files" {
  bucket = aws_s3_bucket.files.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.tls_only.files,
      local.tls_12.files,
      {
        # What names another key, or none of KMS, is refused; what names nothing gets the bucket's key.
        Sid       = "OwnKeyOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.files.arn}/*"
        Condition = {
          StringNotEqualsIfExists = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = var.kms_key_arn }
          Null                    = { "s3:x-amz-server-side-encryption" = "false" }
        }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.tls_only.logs,
      local.tls_12.logs,
      {
        Sid       = "AccessLogs"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.logs.arn}/access/*"
        Condition = {
          ArnLike      = { "aws:SourceArn" = aws_s3_bucket.files.arn }
          StringEquals = { "aws:SourceAccount" = var.account.id }
        }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

# `Object Created` as another sign that a file may be transferred.
resource "aws_s3_bucket_notification" "files" {
  bucket      = aws_s3_bucket.files.id
  eventbridge = true
}
