#!/bin/sh
# Make sure that a program is installed; if not, install Debian's package, as root or with sudo.
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
# Hosted runners are ordinary users whose sudo asks for no password.
as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo -n"
# shellcheck disable=SC2086  # no word or two
if ! command -v apt-get >/dev/null || ! $as_root true 2>/dev/null; then
    echo "setup: no $package on this machine; install it, on Debian with: sudo apt-get install $package" >&2
    exit 1
fi
echo "setup: no $package on this machine, installing Debian's"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "$package"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "setup: apt-get could not install $package" >&2
    exit 1
fi
