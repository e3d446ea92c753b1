"""Say with the exit status whether the server here answers: a container's health check.

Asked is the version that clients get who name none, whatever was rolled out since the start.
Standard library only, so that a look costs little.

python -m scripts.server.healthcheck
"""

from __future__ import annotations

import json
import sys
from http import HTTPStatus

from scripts.server import probes, settings

# Seconds for each of the two requests. The second one waits its turn in the model's queue.
MANAGEMENT_SECONDS, READY_SECONDS = 1.0, 3.5


def main() -> int:
    """Return 0 where the default version answers, else 1 and a line that says what is not so."""
    server = settings.read(settings.MODEL_NAME, settings.MODEL_VERSION)
    url = f"{server.management}/models/{server.model}"
    status, body = probes.get(url, MANAGEMENT_SECONDS)
    if status != HTTPStatus.OK:
        print(f"healthcheck: {url}: {f'status {status}' if status else 'no answer'}")
        return 1
    version = json.loads(body)[0]["modelVersion"]
    if not probes.ready(server, version, READY_SECONDS):
        print(f"healthcheck: {server.model} {version} does not answer")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
