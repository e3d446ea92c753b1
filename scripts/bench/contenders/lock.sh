#!/bin/sh
# Pin each contender's packages in its requirements.txt, for Python 3.11 on Linux.
#
#   scripts/bench/contenders/lock.sh
#
# torch is left out: lineup.py installs the build that this project has.
set -eu
cd "$(dirname "$0")"
UV=${UV:-$(command -v uv || echo ../../../.tools/uv)}
version=$(sed -n 's/^torch = \["torch==\(.*\)"\]$/\1/p' ../../../pyproject.toml)
links=${UV_FIND_LINKS-${PIP_FIND_LINKS-}}
if [ -n "$links" ]; then set -- --find-links "$links"; else set -- --torch-backend cpu; fi
while read -r folder packages; do
    # shellcheck disable=SC2086 # several words
    printf '%s\n' $packages numpy "torch==$version+cpu" | "$UV" pip compile --quiet \
        --python-version 3.11 "$@" --no-emit-package torch --no-annotate --no-header \
        --output-file "$folder/requirements.txt" -
done <<END
bentoml bentoml
fastapi fastapi uvicorn[standard] litserve
kserve kserve
mlserver mlserver
pytriton nvidia-pytriton
rayserve ray[serve]
END
