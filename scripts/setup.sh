#!/bin/sh
# Makes a virtual environment ready: scripts/setup.sh VENV [CONSTRAINTS]
# CONSTRAINTS holds pins that take the place of those in constraints.txt.
# VENV/.ready goes first and comes last, so whatever was interrupted is done anew.
set -eu
cd "$(dirname "$0")/.."
venv=$1
override=${2:-/dev/null}

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line; do printf '  %s\n' "$line" >&2; done
    exit 1
}

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        suits "$PYTHON" || fail "PYTHON=$PYTHON is no Python 3.11 or newer."
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if suits "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and PATH has $(python3 --version 2>/dev/null || echo 'no python3')." \
        "Install it, or name it: make PYTHON=/path/to/python3.12 ..."
}

python=$(find_python)
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$("$python" --version) cannot make virtual environments." \
    "On Debian and Ubuntu: apt install python3-venv"
PYTHONPATH=src "$python" -m medallion_pipelines.machine || exit 1

if [ -e "$venv" ] && [ ! -e "$venv/.made-by-make" ]; then
    fail "$venv is there already, and make did not make it." "Move it away, or choose another place: make VENV=.venv-make ..."
fi
if [ ! -e "$venv/.ready" ]; then
    rm -rf "$venv"
    (mkdir -p "$venv" && touch "$venv/.made-by-make") || fail "$venv cannot be made: no permission to write in $(pwd)?"
    say "Making $venv with $("$python" --version) ..."
    "$python" -m venv "$venv" || fail "The virtual environment $venv could not be made."
fi

rm -f "$venv/.ready"
names=$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' "$override" | paste -s -d '|' -)
{ grep -viE "^(${names:-#})==" constraints.txt; cat "$override"; } >"$venv/pins.txt"
say "Installing the pinned packages (the first time about a minute) ..."
# Through the environment, the pins hold for what builds a package, too.
PIP_CONSTRAINT="$venv/pins.txt" PIP_BUILD_CONSTRAINT="$venv/pins.txt" "$venv/bin/python" -m pip install \
    --disable-pip-version-check --retries 2 --editable '.[dev]' >"$venv/pip.log" 2>&1 || {
    if grep -q 'after connection broken' "$venv/pip.log"; then
        why="The package index cannot be reached: no network, or a proxy in between?"
    else
        why=$(grep 'ERROR' "$venv/pip.log" | tail -n 1 | cut -c 1-300)
    fi
    fail "The packages could not be installed." "$why" "What pip says is in $venv/pip.log." \
        "Behind a proxy set HTTPS_PROXY, for another package index PIP_INDEX_URL; then run make again."
}
say "Fetching Delta's jars, unless they are there ..."
"$venv/bin/medallion" setup || exit $?
touch "$venv/.ready"
