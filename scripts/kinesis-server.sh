#!/bin/sh
# Installs the local Kinesis server of the tests (kinesalite) with npm, unless it is there.
set -eu
cd "$(dirname "$0")/../tests/kinesis/server"
[ node_modules/.ready -nt package.json ] && exit 0
npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error >&2
touch node_modules/.ready
