#!/bin/sh
# Prints an access token of the smoke test's client: OAuth 2 client credentials (RFC 6749, 4.4).
# From the environment: SEALPOST_TOKEN_URL (set by `cargo xtask deploy smoke`), SMOKE_CLIENT_ID, SMOKE_CLIENT_SECRET.
# The secret reaches curl on its standard input, so it stands in no list of processes.
set -eu
: "${SEALPOST_TOKEN_URL:?}" "${SMOKE_CLIENT_ID:?}" "${SMOKE_CLIENT_SECRET:?}"
printf 'user = "%s:%s"\n' "$SMOKE_CLIENT_ID" "$SMOKE_CLIENT_SECRET" |
    curl --silent --show-error --fail --max-time 30 --config - \
        --data grant_type=client_credentials "$SEALPOST_TOKEN_URL" |
    jq -er .access_token
