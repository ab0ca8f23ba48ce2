# shellcheck shell=bash disable=SC2034
# Shared by all scripts: sourced, never run. Moves to the repository root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
VENV=$ROOT/.venv
PYTHON=$VENV/bin/python
TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")

say() { printf '== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Seconds since the shell started, for the closing lines.
elapsed() { printf '%d min %02d s' $((SECONDS / 60)) $((SECONDS % 60)); }

can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# apt_install PACKAGE...: quiet unless it fails; the package lists are fetched when the first try finds none.
apt_install() {
    local log
    log=$(mktemp)
    local get=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@")
    say "installing $* (apt-get)"
    if ! "${get[@]}" >"$log" 2>&1 && ! { apt-get -qq update && "${get[@]}"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# need COMMAND PACKAGE: the command is there, or apt installs it, or one sentence says what to install.
need() {
    command -v "$1" >/dev/null && return
    can_apt && apt_install "$2" && return
    die "'$1' was not found: install it (Debian package $2) and run this again"
}

# Rust from rustup may be installed but not on the PATH of this shell.
need_cargo() {
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null || die "'cargo' was not found: install Rust $(min_rust) or newer from https://rustup.rs"
    local have
    have=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$(min_rust)" "${have%%-*}" | sort -V | head -n 1)" = "$(min_rust)" ] ||
        die "Rust $have is too old: install $(min_rust) or newer from https://rustup.rs"
}

# Of the package, which stands before those of dependencies.
version() { sed -n '/^version = "/{s/^version = "\(.*\)"/\1/p;q}' Cargo.toml; }

# Sets `artefacts` to the folder with inr and libadios2_inr.so: INR_ARTEFACTS, or where they are built now.
find_artefacts() {
    artefacts=${INR_ARTEFACTS:-}
    if [ -z "$artefacts" ]; then
        scripts/build.sh
        artefacts=$TARGET/release
    fi
    artefacts=$(realpath "$artefacts")
    [ -x "$artefacts/inr" ] && [ -e "$artefacts/libadios2_inr.so" ] ||
        die "$artefacts has no inr or no libadios2_inr.so: set INR_ARTEFACTS to the folder where both are"
}

min_rust() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# Where ensurepip is missing, the system's pip (22.3 or newer) works on .venv from outside; false without that one too.
find_pip() {
    pip=("$PYTHON" -m pip)
    "${pip[@]}" --version >/dev/null 2>&1 && return
    pip=(python3 -m pip --python "$PYTHON")
    "${pip[@]}" --version >/dev/null 2>&1
}

pip_install() { "${pip[@]}" install -q --no-input --disable-pip-version-check "$@"; }
