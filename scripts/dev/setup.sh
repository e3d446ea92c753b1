#!/bin/sh
# Install dependency groups of pyproject.toml at the versions of uv.lock, into .venv or, if VENV is
# set, into that folder.
#
#   scripts/dev/setup.sh GROUP...
#
# The group "torch" is special. The wheel in uv.lock comes from the package index and on Linux needs
# gigabytes of CUDA. So, unless TORCH=locked, the CPU build of the same version is installed: from a
# find-links folder (UV_FIND_LINKS or PIP_FIND_LINKS), otherwise from PyTorch's index. If neither
# can be reached, the locked wheel is installed.
set -eu
cd "$(dirname "$0")/../.."

UV=${UV:-$(command -v uv || echo .tools/uv)}
if [ ! -x "$UV" ]; then
    echo "setup: no uv on this machine, fetching the locked one into .tools/"
    python3 scripts/dev/fetch_uv.py .tools
fi
find_links=${UV_FIND_LINKS-${PIP_FIND_LINKS-}}
# With either, uv --locked would consider uv.lock outdated: a user's uv.toml may name another index.
unset UV_FIND_LINKS
export UV_NO_CONFIG=1
# Compile at installation, not at the first import: this halves the start-up time of a worker.
export UV_COMPILE_BYTECODE=1
VENV=${VENV:-.venv}
export UV_PROJECT_ENVIRONMENT="$VENV" VIRTUAL_ENV="$PWD/$VENV"

groups="" torch=false
for group in "$@"; do
    if [ "$group" = torch ]; then torch=true; else groups="$groups --group $group"; fi
done

"$UV" venv --quiet --allow-existing "$VENV"
# --inexact: keep torch and the groups that an earlier call installed.
# shellcheck disable=SC2086  # one word per option
"$UV" sync --quiet --locked --inexact $groups

if $torch; then
    version=$(sed -n 's/^torch = \["torch==\(.*\)"\]$/\1/p' pyproject.toml)
    installed=$("$VENV/bin/python" -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null || true)
    cpu_build() {
        [ "${TORCH:-cpu}" != locked ] && [ "$(uname -s)" = Linux ] || return 1
        [ "$installed" != "$version+cpu" ] || return 0
        # Install torch's dependencies at the locked versions too.
        constraints=$(mktemp)
        trap 'rm -f "$constraints"' EXIT
        "$UV" export --quiet --locked --only-group torch --no-hashes --no-annotate --output-file "$constraints" >/dev/null
        set -- --quiet --constraint "$constraints" "torch==$version+cpu"
        { [ -n "$find_links" ] && "$UV" pip install --find-links "$find_links" "$@" 2>/dev/null; } ||
            "$UV" pip install --torch-backend cpu "$@" 2>/dev/null
    }
    if cpu_build; then
        echo "setup: torch $version, CPU build"
    else
        # This keeps an installed build that satisfies the lock file.
        "$UV" sync --quiet --locked --inexact --group torch
        echo "setup: torch $version, the wheel of uv.lock"
    fi
fi
