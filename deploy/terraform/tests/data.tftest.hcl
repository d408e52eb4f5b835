# Where data is kept: keys, files, ledger, queues, secrets, database.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name        = "sealpost-test"
  account     = { id = "123456789012", region = "eu-central-1" }
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/data"
}

run "keys" {
  command = plan

  module {
    source = "./modules/keys"
  }

  assert {
    condition     = toset(keys(output.arns)) == toset(["data", "secrets", "logs"]) && alltrue([for key in aws_kms_key.this : key.enable_key_rotation])
    error_message = "Not three keys that rotate."
  }

  assert {
    condition     = alltrue([for key in aws_kms_key.this : alltrue([for statement in jsondecode(key.policy).Statement : !contains(values(statement.Principal), "*")])])
    error_message = "Anybody may use a key."
  }
}

run "store" {
  command = plan

  module {
    source = "./modules/store"
  }

  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets]) && length(aws_s3_bucket_public_access_block.this) == 2
    error_message = "A bucket can be made public."
  }

  assert {
    condition     = anytrue([for statement in jsondecode(aws_s3_bucket_policy.files.policy).Statement : statement.Sid == "TlsOnly" && statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"])
    error_message = "The bucket can be reached without TLS."
  }

  assert {
    condition     = alltrue([for statement in concat(jsondecode(aws_s3_bucket_policy.files.policy).Statement, jsondecode(aws_s3_bucket_policy.logs.policy).Statement) : statement.Effect == "Deny" || try(statement.Principal.AWS, "") != "*"])
    error_message = "Anybody is allowed something."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.files.rule).apply_server_side_encryption_by_default).kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/data"
    error_message = "Files are not encrypted with our key."
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.files.rule : rule.abort_incomplete_multipart_upload[0].days_after_initiation if rule.id == "abort-unfinished-uploads"][0] == 2
    error_message = "Unfinished uploads stay."
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.files.rule : rule.id => rule.status } == { abort-unfinished-uploads = "Enabled", forget-removed-objects = "Enabled", archive = "Enabled", expire = "Disabled" }
    error_message = "Other rules than usual are in force."
  }

  assert {
    condition     = aws_s3_bucket_notification.files.eventbridge && length(aws_s3_bucket_object_lock_configuration.files) == 0
    error_message = "Stored files are told to EventBridge, and not locked unless said."
  }
}

run "store_locked" {
  command = plan

  module {
    source = "./modules/store"
  }

  variables {
    object_lock        = { mode = "COMPLIANCE", days = 30 }
    archive_after_days = null
    expire_after_days  = 400
  }

  assert {
    condition     = aws_s3_bucket.files.object_lock_enabled && aws_s3_bucket_object_lock_configuration.files[0].rule[0].default_retention[0].mode == "COMPLIANCE"
    error_message = "Files are not locked."
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.files.rule : rule.id => rule.status if contains(["archive", "expire"], rule.id) } == { archive = "Disabled", expire = "Enabled" }
    error_message = "Files are archived, or stay for ever."
  }
}

run "store_of_an_unknown_class" {
  command = plan

  module {
    source = "./modules/store"
  }

  variables {
    archive_class = "TAPE"
  }

  expect_failures = [var.archive_class]
}

run "store_that_expires_before_it_archives" {
  command = plan

  module {
    source = "./modules/store"
  }

  variables {
    archive_after_days = 90
    expire_after_days  = 30
  }

  expect_failures = [var.expire_after_days]
}

run "ledger" {
  command = plan

  module {
    source = "./modules/ledger"
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "pk" && aws_dynamodb_table.this.range_key == "sk" && { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { pk = "S", sk = "S" }
    error_message = "The keys are not the program's."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.this.ttl[0].attribute_name == "ttl" && aws_dynamodb_table.this.ttl[0].enabled
    error_message = "Capacity or time to live are not the program's."
  }

  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.deletion_protection_enabled && aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/data"
    error_message = "The ledger can be lost or read."
  }

  assert {
    condition     = length(aws_dynamodb_table.this.global_secondary_index) == 0
    error_message = "An eventually consistent index has no place here."
  }
}

run "queues" {
  command = plan

  module {
    source = "./modules/queues"
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.work.redrive_policy).maxReceiveCount == 5
    error_message = "A message is not given up after five receives."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.work_dead_letters[0].redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-central-1:123456789012:sealpost-test-work"]
    error_message = "Others may put dead letters here."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.work, aws_sqs_queue.work_dead_letters, aws_sqs_queue.events_dead_letters] : queue.kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/data"])
    error_message = "A queue is not encrypted with our key."
  }

  assert {
    condition     = alltrue([for policy in aws_sqs_queue_policy.this : jsondecode(policy.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"]) && length(aws_sqs_queue_policy.this) == 3
    error_message = "A queue can be reached without TLS."
  }

  assert {
    condition     = alltrue(flatten([for policy in aws_sqs_queue_policy.this : [for statement in jsondecode(policy.policy).Statement : statement.Effect == "Deny" || try(statement.Principal.AWS, "") != "*"]]))
    error_message = "Anybody is allowed something."
  }
}

run "queues_that_hide_messages_for_ever" {
  command = plan

  module {
    source = "./modules/queues"
  }

  variables {
    visibility_timeout_in_seconds = 90000
  }

  expect_failures = [var.visibility_timeout_in_seconds]
}

run "secrets" {
  command = plan

  module {
    source = "./modules/secrets"
  }

  variables {
    connectors = ["acme/main", "acme/archive", "nordwind/main"]
    rotation   = { database = { lambda_arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate" } }
  }

  assert {
    condition     = { for id, secret in aws_secretsmanager_secret.connector : id => secret.name } == { "acme/main" = "sealpost-test/partners/acme/main/sftp", "acme/archive" = "sealpost-test/partners/acme/archive/sftp", "nordwind/main" = "sealpost-test/partners/nordwind/main/sftp" }
    error_message = "Not one secret per connector."
  }

  assert {
    condition     = toset(keys(aws_secretsmanager_secret.own)) == toset(["database", "signing-key", "webhook-signing"])
    error_message = "A secret of our own is missing."
  }

  assert {
    condition     = keys(aws_secretsmanager_secret_rotation.this) == ["database"]
    error_message = "Others rotate than said."
  }
}

run "secrets_of_no_connector" {
  command = plan

  module {
    source = "./modules/secrets"
  }

  variables {
    connectors = ["acme"]
  }

  expect_failures = [var.connectors]
}

run "secrets_that_rotate_alone" {
  command = plan

  module {
    source = "./modules/secrets"
  }

  variables {
    rotation = { "partners/acme/main/sftp" = { lambda_arn = "arn:aws:lambda:eu-central-1:123456789012:function:rotate" } }
  }

  expect_failures = [var.rotation]
}

run "database" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    subnet_ids        = ["subnet-1", "subnet-2"]
    security_group_id = "sg-1"
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.this[0].parameter : parameter.name => parameter.value }["require_secure_transport"] == "1"
    error_message = "The database can be reached without TLS."
  }

  assert {
    condition     = aws_db_instance.this[0].storage_encrypted && !aws_db_instance.this[0].publicly_accessible && aws_db_instance.this[0].manage_master_user_password && aws_db_instance.this[0].deletion_protection
    error_message = "The database is not protected."
  }

  assert {
    condition     = !aws_db_instance.this[0].skip_final_snapshot && !aws_db_instance.this[0].delete_automated_backups && aws_db_instance.this[0].final_snapshot_identifier == "sealpost-test-final"
    error_message = "A database that is deleted leaves nothing."
  }

  assert {
    condition     = aws_db_instance.this[0].password == null && output.owner_secret_arn == "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds-AbCdEf"
    error_message = "The owner's password is RDS's affair."
  }

  assert {
    condition     = aws_db_instance.this[0].instance_class == "db.t4g.medium" && aws_db_instance.this[0].performance_insights_enabled && aws_db_instance.this[0].performance_insights_kms_key_id == "arn:aws:kms:eu-central-1:123456789012:key/data"
    error_message = "Performance Insights is off, or without our key, where RDS has it."
  }

  # 4 GiB by 12,582,880 bytes.
  assert {
    condition     = output.most_connections == 341
    error_message = "Workers are counted against another number of connections than RDS lets in."
  }
}

# As docs/deploy-aws.md has it: protection is switched off and applied, and only then is it destroyed.
run "a_database_that_may_be_deleted" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    deletion_protection = false
    subnet_ids          = ["subnet-1", "subnet-2"]
    security_group_id   = "sg-1"
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  assert {
    condition     = !aws_db_instance.this[0].deletion_protection && !aws_db_instance.this[0].skip_final_snapshot && !aws_db_instance.this[0].delete_automated_backups
    error_message = "Whoever switches protection off to delete the database switches its last snapshot off as well."
  }
}

run "a_database_to_be_thrown_away" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    deletion_protection = false
    final_snapshot      = false
    subnet_ids          = ["subnet-1", "subnet-2"]
    security_group_id   = "sg-1"
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  assert {
    condition     = aws_db_instance.this[0].skip_final_snapshot && aws_db_instance.this[0].delete_automated_backups
    error_message = "What is thrown away leaves something behind."
  }
}

run "the_database_of_developers" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    instance_class    = "db.t4g.micro"
    subnet_ids        = ["subnet-1", "subnet-2"]
    security_group_id = "sg-1"
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  assert {
    condition     = output.most_connections == 85
    error_message = "Workers are counted against another number of connections than RDS lets in."
  }

  # Without Performance Insights RDS takes no key for it either. The provider makes up the attribute itself then, so that the plan has none to look at.
  assert {
    condition     = !aws_db_instance.this[0].performance_insights_enabled && !local.insights
    error_message = "RDS would refuse to make the database: it has no Performance Insights of this size."
  }
}

run "the_database_of_staging" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    instance_class    = "db.t4g.small"
    subnet_ids        = ["subnet-1", "subnet-2"]
    security_group_id = "sg-1"
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  assert {
    condition     = !aws_db_instance.this[0].performance_insights_enabled
    error_message = "RDS would refuse to make the database: it has no Performance Insights of this size."
  }
}

run "a_database_with_much_memory" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    instance_class    = "db.r6g.2xlarge"
    subnet_ids        = ["subnet-1", "subnet-2"]
    security_group_id = "sg-1"
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  # 64 GiB.
  assert {
    condition     = output.most_connections == 5461
    error_message = "A memory-optimised class is taken for another."
  }
}

run "a_database_of_a_class_that_nobody_knows" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    instance_class    = "db.x2g.large"
    subnet_ids        = ["subnet-1", "subnet-2"]
    security_group_id = "sg-1"
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  assert {
    condition     = output.most_connections == null
    error_message = "The memory of a class is guessed."
  }
}

run "a_given_database" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    given = { host = "db.example.com", database = "leasing" }
    kms_key_arns = {
      data    = "arn:aws:kms:eu-central-1:123456789012:key/data"
      secrets = "arn:aws:kms:eu-central-1:123456789012:key/secrets"
      logs    = "arn:aws:kms:eu-central-1:123456789012:key/logs"
    }
  }

  assert {
    condition     = length(aws_db_instance.this) == 0 && output.address == { host = "db.example.com", port = 3306, database = "leasing" } && output.instance_identifier == null && output.most_connections == null
    error_message = "A database is made where one is given."
  }
}

run "a_database_of_an_old_version" {
  command = plan

  module {
    source = "./modules/database"
  }

  variables {
    engine_version = "5.7"
    kms_key_arns   = { data = "a", secrets = "b", logs = "c" }
    given          = { host = "db.example.com", database = "leasing" }
  }

  expect_failures = [var.engine_version]
}
