"""The Java runtime's start-up cache: classes loaded, linked and profiled in a training run.

JDK 24 and later can keep what a program's start comes to (JEP 483, 514 and 515) in a file that the
next start maps into memory. That halves what TorchServe's own start costs. The file belongs to one
Java runtime, one jar and one garbage collector; where they differ the runtime ignores it.

    python -m scripts.server.start_cache STORE
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from scripts.server import java, ports, processes, readiness, settings
from scripts.server.client import Client, ClientError
from scripts.store import archive

# It is as old as the environment that it belongs to, and goes with it.
CACHE = Path(sys.prefix) / "torchserve.aot"
# Requests of the training run: what serving them loads is in the cache too.
REQUESTS = 200
# Seconds that writing the cache may take.
LIMIT_SECONDS = 120.0
# Seconds that one request of the training run may take.
TIMEOUT_SECONDS = 10.0
# How much of what the server printed an error repeats.
PRINTED_BYTES = 4_000


def flags() -> list[str]:
    """Return the Java runtime's flags that use the cache; none where there is no cache."""
    # A cache that does not fit, or not all of it, is no matter for a line at each start.
    return [f"-XX:AOTCache={CACHE}", "-Xlog:aot*=off,cds*=off"] if CACHE.is_file() else []


def train(store: Path) -> None:
    """Serve for a moment on free ports and keep what that came to.

    Args:
        store: a model store with an archive of doubleit 1.0.

    Raises:
        NotReady: the server did not come up, or the runtime wrote no cache.
    """
    server = settings.read("doubleit", "1.0", {**ports.free_ports(), "MODEL_STORE": str(store)})
    served = archive.find(server.model_store, server.model, server.version)
    client = Client(server)
    partial = CACHE.with_suffix(".partial")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temp,
        tempfile.TemporaryFile() as log,
    ):
        process = java.start(
            server,
            [served.path],
            Path(temp),
            extra={},
            flags=[f"-XX:AOTCacheOutput={partial}"],
            output=log.fileno(),
        )
        try:
            readiness.wait(client, [server.version], process=process)
            _exercise(client)
            process.terminate()
            process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        except readiness.NotReady as error:
            raise readiness.NotReady(f"{error}\n{_end(log)}") from None
        finally:
            processes.stop(process)
        if not partial.is_file():
            raise readiness.NotReady(f"the Java runtime wrote no start-up cache\n{_end(log)}")
    partial.replace(CACHE)


def _end(log: BinaryIO) -> str:
    """Return the end of what the server printed."""
    log.seek(0)
    return log.read()[-PRINTED_BYTES:].decode(errors="replace")


def _exercise(client: Client) -> None:
    for _ in range(REQUESTS):
        client.predict("1.0", b"[1]", TIMEOUT_SECONDS)
        client.versions(TIMEOUT_SECONDS)
    client.metrics(TIMEOUT_SECONDS)


def main() -> None:
    """Make the cache; a server runs without it too, so a failure is a line and no error."""
    try:
        train(Path(sys.argv[1]).resolve())
    except (readiness.NotReady, ClientError, archive.ArchiveError) as error:
        print(f"no start-up cache, starts take longer: {error}", file=sys.stderr)
    else:
        print(f"{CACHE.name}, {CACHE.stat().st_size >> 20} MiB: later starts are quicker")


if __name__ == "__main__":
    main()
