#!/usr/bin/env bash
# Runs the tests with real clients: mautrix-go, and matrix-js-sdk and ar-rtm-sdk in Node
# and in Chromium.
# It needs Go, a C compiler and npm; Chromium is installed from Debian where it is
# missing and we are root. Arguments go to go test: realclients/run.sh -run TestInNode.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
if command -v npm >/dev/null; then
    # npm itself may run on an older Node than the one it installs here.
    for clients in matrixjs arrtm; do
        (cd "$clients" && npm ci --no-audit --no-fund --loglevel=error)
    done
fi

# goolm is Olm in Go; without this tag mautrix-go wants the C library.
go mod tidy -diff
go vet -tags goolm ./...
go test -tags goolm -count=1 -timeout 10m ./... "$@"
