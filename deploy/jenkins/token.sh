#!/bin/sh
# Prints an access token of the smoke test's client: OAuth 2 client credentials (RFC 6749, 4.4).
#
#   token.sh [NAME=VALUE]…      further parameters, such as audience=https://reports.example for issuers that want one
#
# From the environment: SEALPOST_TOKEN_URL (set by `cargo xtask deploy smoke`), SMOKE_CLIENT_ID, SMOKE_CLIENT_SECRET.
# The secret reaches curl on its standard input, so it stands in no list of processes.
set -eu
: "${SEALPOST_TOKEN_URL:?}" "${SMOKE_CLIENT_ID:?}" "${SMOKE_CLIENT_SECRET:?}"

for parameter; do
    set -- "$@" --data-urlencode "$parameter"
    shift
done
# Not one pipe to the end: jq is content with nothing.
answer=$(printf 'data-urlencode = "client_id=%s"\ndata-urlencode = "client_secret=%s"\n' "$SMOKE_CLIENT_ID" "$SMOKE_CLIENT_SECRET" |
    curl --silent --show-error --fail --max-time 30 --config - --data grant_type=client_credentials "$@" "$SEALPOST_TOKEN_URL")
printf '%s' "$answer" | jq -er .access_token
