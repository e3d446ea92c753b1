"""A container's health check: exit 0 if the default version is ready, otherwise 1 and the reason.

The default version is the one that requests without a version go to, whatever was rolled out since
the start. Standard library and msgspec only, so that a check costs little.

    python -m server.healthcheck
"""

from __future__ import annotations

import sys

from server import settings
from server.client import Client, ClientError

MANAGEMENT_SECONDS = 1.0
# The request waits its turn in the model's queue.
READY_SECONDS = 3.5


def main() -> int:
    """Return the exit status; print the reason if it is not 0."""
    client = Client(settings.read(settings.MODEL_NAME, settings.MODEL_VERSION))
    try:
        version = client.default_version(MANAGEMENT_SECONDS)
    except ClientError as error:
        print(f"healthcheck: {error}")
        return 1
    if not client.is_ready(version, READY_SECONDS):
        print(f"healthcheck: {client.target.model} {version} is not ready")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
