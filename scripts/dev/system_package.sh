#!/bin/sh
# Make sure that a program is installed; if not, install Debian's package, which needs root.
#
#   scripts/dev/system_package.sh PACKAGE PROGRAM...    one of the programs is enough
#
# Browsers and load generators are installed with the machine's package manager, not downloaded by
# test tools.
set -eu

package=$1
shift
for program in "$@"; do
    if command -v "$program" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: no $package on this machine, and only root with apt-get can install it" >&2
    exit 1
fi
echo "setup: no $package on this machine, installing Debian's"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "$package"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "setup: apt-get could not install $package" >&2
    exit 1
fi
