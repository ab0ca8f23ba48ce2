#!/usr/bin/env bash
# Makes .venv with the packages of requirements.txt and, as far as they are to be had, of requirements-peers.txt and requirements-wheel.txt.
# Works without Debian's python3-venv. Arguments are further requirement files, optional too.
. "$(dirname "$0")/common.sh"

need python3 python3
# A sentence now rather than a compiler's complaint after minutes of building.
need gcc gcc
need g++ g++

if ! "$PYTHON" -c 'import sys' 2>/dev/null; then
    say "making .venv ($(python3 --version))"
    python3 -m venv --clear "$VENV" >/dev/null 2>&1 || python3 -m venv --clear --without-pip "$VENV" ||
        die "python3 cannot make a virtual environment: install Debian's python3-venv and run this again"
fi

find_pip || { can_apt && apt_install python3-pip; } ||
    die "pip was not found: install Debian's python3-venv or python3-pip and run this again"

# A requirement file is installed again only when its text changes.
stamp_of() { printf '%s/.installed-%s' "$VENV" "$(cksum <"$1" | cut -d' ' -f1)"; }

required() {
    [ -e "$(stamp_of "$1")" ] && return
    say "installing $(basename "$1") into .venv"
    pip_install -r "$1" || die "pip could not install $1: see its message above"
    touch "$(stamp_of "$1")"
}

optional() {
    [ -e "$(stamp_of "$1")" ] && return
    say "installing $(basename "$1") into .venv"
    # All at once is quicker; one by one saves the rest when one of them has no wheel here.
    pip_install --only-binary :all: -r "$1" 2>/dev/null || grep -v '^#' "$1" | while read -r package; do
        pip_install --only-binary :all: "$package" 2>/dev/null || say "skipped: no wheel of '$package' for this machine"
    done
    touch "$(stamp_of "$1")"
}

required scripts/requirements.txt
optional scripts/requirements-peers.txt
optional scripts/requirements-wheel.txt
for file in "$@"; do optional "$file"; done
