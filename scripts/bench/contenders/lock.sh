#!/bin/sh
# Pin each contender's requirements.in in its requirements.txt, for Python 3.11 on Linux.
#
#   scripts/bench/contenders/lock.sh
#
# torch is left out: environments.py installs the CPU build of the version in pyproject.toml.
set -eu
cd "$(dirname "$0")"
UV=${UV:-$(command -v uv || echo ../../../.tools/uv)}
version=$(sed -n 's/^torch = \["torch==\(.*\)"\]$/\1/p' ../../../pyproject.toml)
links=${UV_FIND_LINKS-${PIP_FIND_LINKS-}}
if [ -n "$links" ]; then set -- --find-links "$links"; else set -- --torch-backend cpu; fi
for folder in */; do
    (
        cd "$folder"
        echo "torch==$version+cpu" | "$UV" pip compile --quiet --python-version 3.11 "$@" \
            --no-emit-package torch --no-annotate --no-header \
            --output-file requirements.txt requirements.in -
    )
done
