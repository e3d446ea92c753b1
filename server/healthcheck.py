"""A container's health check: exit 0 if every model is ready, otherwise 1 and the reason.

A model is ready if its default version is, whatever was rolled out since the start. The models are
those of MODEL_NAME and those that were registered. Standard library and msgspec only, so that a
check costs little.

    python -m server.healthcheck
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from server import settings
from server.client import Client, ClientError

MANAGEMENT_SECONDS = 1.0
# The request waits its turn in the model's queue.
READY_SECONDS = 3.5


def main() -> int:
    """Return the exit status; print the reason if it is not 0."""
    server = settings.read(settings.MODEL_NAME, settings.MODEL_VERSION)
    client = Client(server.addresses)
    try:
        names = {*server.models, *client.models(MANAGEMENT_SECONDS)}
        with ThreadPoolExecutor(len(names)) as pool:
            reasons = [why for why in pool.map(why_not_ready, map(client.of, sorted(names))) if why]
    except ClientError as error:
        reasons = [str(error)]
    for reason in reasons:
        print(f"healthcheck: {reason}")
    return 1 if reasons else 0


def why_not_ready(client: Client) -> str | None:
    """Return why the client's model is not ready, or None if it is."""
    version = client.default_version(MANAGEMENT_SECONDS)
    if client.is_ready(version, READY_SECONDS):
        return None
    return f"{client.target.model} {version} is not ready"


if __name__ == "__main__":
    sys.exit(main())
