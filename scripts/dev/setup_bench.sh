#!/bin/sh
# Install wrk, the load generator, where Debian's package manager can: as root. Without it the
# benchmark takes Locust and says so.
set -eu

if command -v wrk >/dev/null; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get install --yes --quiet --no-install-recommends wrk >/dev/null ||
        { apt-get update --quiet >/dev/null && apt-get install --yes --quiet --no-install-recommends wrk >/dev/null; } ||
        echo "setup_bench: wrk cannot be installed"
else
    echo "setup_bench: wrk is not installed, and only root can do so, with apt-get"
fi
