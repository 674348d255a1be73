#!/usr/bin/env bash
# Runs the tests of this folder beside a real Synapse: the package of Debian sid, which
# debootstrap unpacks at the first run, and chroot runs, so that both need root.
# Arguments go to go test: interop/run.sh -run TestKeys.
#
#   INTEROP_DIR  where Synapse is kept, outside the repository.
#   MIRROR       the Debian mirror; by default the one apt uses here.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${INTEROP_DIR:-$HOME/.cache/chappe-interop}

fail() { printf 'interop: %s\n' "$*" >&2; exit 1; }

mirror_of_apt() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

# The folder gets its name only once it is whole.
fetch() {
    local root=$1 mirror=${MIRROR:-}
    command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
    [ -n "$mirror" ] || mirror=$(mirror_of_apt)
    [ -n "$mirror" ] || fail "apt here knows no Debian mirror; set MIRROR"
    rm -rf --one-file-system "$root.part"
    debootstrap --variant=minbase sid "$root.part" "$mirror"
    # A mirror that is some days behind is good enough for a test.
    printf 'Acquire::Check-Valid-Until "false";\n' >"$root.part/etc/apt/apt.conf.d/99interop"
    printf '#!/bin/sh\nexit 101\n' >"$root.part/usr/sbin/policy-rc.d" # start nothing
    chmod +x "$root.part/usr/sbin/policy-rc.d"
    chroot "$root.part" apt-get update
    DEBIAN_FRONTEND=noninteractive chroot "$root.part" apt-get install -y --no-install-recommends matrix-synapse
    chroot "$root.part" apt-get clean
    mv "$root.part" "$root"
}

mkdir -p "$folder"
root=$(cd "$folder" && pwd)/sid
[ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root"
[ -d "$root" ] || fetch "$root"
INTEROP_ROOT=$root go test -tags synapse -count=1 -v -timeout 40m ./interop "$@"
