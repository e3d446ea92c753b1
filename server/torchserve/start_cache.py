"""The Java runtime's start-up cache: classes loaded, linked and profiled in a training run.

JDK 24 and later can write the loaded classes to a file that later starts map into memory (JEP 483,
514 and 515). That halves the start-up time of TorchServe itself, and the just-in-time compiler
knows from the first request on what to optimize. The file is valid for one Java runtime, one jar
and one garbage collector; the runtime ignores it if they differ.

    python -m server.torchserve.start_cache STORE
"""

import contextlib
import http.client
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from server import ports, processes, readiness, settings
from server.client import Client, ClientError, Unreachable
from server.store import archive
from server.torchserve import jar, java

# In the virtual environment, because it is valid only for the Java runtime and jar in it.
CACHE = Path(sys.prefix) / "torchserve.aot"
# Requests of the training run to each API, so that the cache includes the classes that serve them.
REQUESTS = 200
# Predictions from one client, and then from CLIENTS at once: enough for the just-in-time compiler
# to optimize the code that they run through, whose profile the cache keeps.
PREDICTIONS, CLIENTS = 8_000, 8
# The class that makes calls over gRPC.
TRAINING = "doubleit/Training"
# Time limit for writing the cache, and for the calls over gRPC.
LIMIT_SECONDS = 120.0
# Time limit for one request of the training run.
TIMEOUT_SECONDS = 10.0
# How much of the server's output an error message quotes.
PRINTED_BYTES = 4_000


def flags() -> list[str]:
    """Return the flags of the Java runtime that use the cache; none if there is no cache."""
    if not CACHE.is_file():
        return []
    # A damaged cache would crash the runtime; its checksums take 15 ms. Without the log settings, a
    # cache that does not match is reported at each start.
    return [f"-XX:AOTCache={CACHE}", "-XX:+VerifySharedSpaces", "-Xlog:aot*=off,cds*=off"]


def train(store: Path) -> None:
    """Serve for a moment on free ports and write the cache.

    Args:
        store: a model store with an archive of doubleit 1.0.

    Raises:
        NotReady: the server did not come up, or the runtime wrote no cache.
    """
    server = settings.read("doubleit", "1.0", {**ports.free_ports(), "MODEL_STORE": str(store)})
    served = archive.find(server.model_store, server.model, server.version)
    client = Client(server.addresses)
    partial = CACHE.with_suffix(".partial")
    with (
        processes.temporary_folder() as temp,
        tempfile.TemporaryFile() as log,
    ):
        process = java.start(
            server,
            [served],
            temp,
            extra={},
            flags=[f"-XX:AOTCacheOutput={partial}"],
            output=log.fileno(),
        )
        try:
            readiness.wait({client: [server.version]}, process=process)
            _exercise(client, server.port("PORT"), server.port("GRPC_PORT"))
            process.terminate()
            process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        except readiness.NotReady as error:
            raise readiness.NotReady(f"{error}\n{_end(log)}") from None
        finally:
            processes.stop(process)
            # The training run's record, which the runtime leaves behind when it is killed.
            partial.with_name(f"{partial.name}.config").unlink(missing_ok=True)
        if not partial.is_file():
            raise readiness.NotReady(f"the Java runtime wrote no start-up cache\n{_end(log)}")
    partial.replace(CACHE)


def _end(log: BinaryIO) -> str:
    """Return the end of the server's output."""
    log.seek(0)
    return log.read()[-PRINTED_BYTES:].decode(errors="replace")


def _exercise(client: Client, port: int, grpc_port: int) -> None:
    for _ in range(REQUESTS):
        response = client.predict("1.0", b"[1]", TIMEOUT_SECONDS)
        if response.status != HTTPStatus.OK:
            raise Unreachable(f"the training run got {response.status}")
        client.versions(TIMEOUT_SECONDS)
    client.metrics(TIMEOUT_SECONDS)
    for clients in (1, CLIENTS):
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(_predict, [port] * clients, [PREDICTIONS // clients] * clients))
    # The server has no gRPC client in Python, but TorchServe's jar has one.
    if jar.applied(TRAINING, java.frontend() / jar.NAME):
        training = [*java.program(), TRAINING, str(grpc_port), "doubleit"]
        done = subprocess.run(training, capture_output=True, timeout=LIMIT_SECONDS, check=False)
        if done.returncode:
            raise Unreachable(done.stderr[-PRINTED_BYTES:].decode(errors="replace"))


def _predict(port: int, requests: int) -> None:
    """Send requests over one connection, unlike the client, which opens one for each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        try:
            for _ in range(requests):
                connection.request("POST", "/predictions/doubleit", b"[1, 2, 3]")
                connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the server ended during the training run: {error}") from None


def main() -> None:
    """Make the cache. A failure is only printed, because the server also runs without it."""
    try:
        train(Path(sys.argv[1]).resolve())
    except (readiness.NotReady, ClientError, archive.ArchiveError) as error:
        print(f"no start-up cache, starts take longer: {error}", file=sys.stderr)
    else:
        print(f"{CACHE.name}, {CACHE.stat().st_size >> 20} MiB: later starts are faster")


if __name__ == "__main__":
    main()
