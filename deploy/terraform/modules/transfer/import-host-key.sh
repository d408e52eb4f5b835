#!/bin/sh
# Gives a Transfer Family server a host key that is a secret: from SECRET_ARN to SERVER_ID, as DESCRIPTION, in REGION.
# The key is in a file that only its owner can read, for as long as the call takes.
set -eu
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
aws --region "$REGION" secretsmanager get-secret-value --secret-id "$SECRET_ARN" --query SecretString --output text > "$folder/key"
aws --region "$REGION" transfer import-host-key --server-id "$SERVER_ID" --description "$DESCRIPTION" \
    --host-key-body "file://$folder/key" --query HostKeyId --output text
