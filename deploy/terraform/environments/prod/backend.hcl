# The bucket that bootstrap/ made. Replace the account's number with yours.
bucket     = "sealpost-state-123456789012-eu-central-1"
region     = "eu-central-1"
kms_key_id = "alias/sealpost-state"
