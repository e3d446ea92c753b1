#!/bin/sh
# Have a Chromium for the browser tests: the machine's own, else Debian's package where this may
# install it. Playwright's own downloads are not used: the browser comes from where the machine's
# other software comes from.
set -eu

for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: no Chromium here, and no right or no apt-get to install one: set CHROMIUM to its path" >&2
    exit 1
fi
echo "setup: no Chromium on this machine, installing Debian's"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "setup: apt-get could not install chromium" >&2
    exit 1
fi
