"""Start TorchServe, wait until the model is ready, and stop without losing a request.

python -m server [--name NAME] [--version VERSION]

Versions that were rolled out or rolled back (server/versions/) are restored after a restart.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from server import checks, processes, readiness, settings
from server.client import Client, ClientError
from server.drain import Drain
from server.gate import Gate
from server.readiness import NotReady
from server.signals import Stop, raise_stop_on_signals
from server.store import archive, records
from server.torchserve import java, start_cache
from server.torchserve.workers.pool import Workers


def main() -> int:
    """Run the server until a signal stops it; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default=settings.MODEL_NAME, help="the model's name")
    parser.add_argument(
        "--version",
        default=settings.MODEL_VERSION,
        help="the version to serve if none was rolled out",
    )
    options = parser.parse_args()
    raise_stop_on_signals()
    try:
        return run(settings.read(options.name, options.version))
    except (NotReady, settings.SettingsError, archive.ArchiveError, records.RecordError) as error:
        say(f"serve: {error}", sys.stderr)
        return 1
    except Stop:
        return 0


def run(server: settings.Settings) -> int:
    """Serve until SIGINT or SIGTERM and return 0.

    Raises:
        NotReady: TorchServe did not become ready, or exited unexpectedly.
        Stop: a signal arrived during the start.
    """
    archive.check_name(server.model, server.version)
    record = records.load(server.model_store, server.model)
    if record:
        server = server._replace(version=record.default)
    archives = find_archives(server, record)
    workers = {name: version.workers for name, version in record.versions.items()} if record else {}
    checks.check_ports(server)
    with contextlib.ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="torchserve-", ignore_cleanup_errors=True)
        temp = Path(stack.enter_context(folder))
        checks.check_temp(temp)
        lock = temp / "in-flight.lock"
        # Started first because importing PyTorch takes as long as starting Java.
        pool = stack.enter_context(Workers(temp, {"IN_FLIGHT_LOCK": str(lock)}))
        client = Client(server)
        drain = stack.enter_context(Drain(client, lock))
        gate = stack.enter_context(Gate(server, temp))
        process = java.start(
            server,
            [a.path for a in archives],
            temp,
            extra={**gate.variables, **pool.variables},
            python=pool.python,
            flags=start_cache.flags(),
            workers=workers,
        )
        try:
            readiness.wait(client, [a.version for a in archives], process=process)
            announce(server, client)
            try:
                process.wait()
            except Stop:
                say("serve: stopping once the requests in flight are completed")
                if not drain.wait():
                    say("serve: requests were still in flight at the end", sys.stderr)
                return 0
        finally:
            processes.stop(process)
    raise NotReady(f"TorchServe exited unexpectedly with status {process.returncode}")


def find_archives(
    server: settings.Settings, record: records.Record | None
) -> list[archive.Archive]:
    """Return the archives to serve, the default version first.

    If there is a record, it decides: a version that was rolled out stays the default even if the
    command line names another one.
    """
    if record is None:
        return [archive.find(server.model_store, server.model, server.version)]
    file = records.path(server.model_store, server.model)
    others = record.others
    also = f", also {', '.join(others)}" if others else ""
    say(f"{file}: the default is {server.model} {record.default}{also}")
    try:
        return [
            archive.find(server.model_store, server.model, version)
            for version in (record.default, *others)
        ]
    except archive.ArchiveError as error:
        raise records.RecordError(
            f"{error}. {file} names this version: remove that file to start without it"
        ) from None


def announce(server: settings.Settings, client: Client) -> None:
    """Print the URL of the model and a command to try."""
    url = f"{server.inference}/predictions/{server.model}"
    command = f"curl {url}/{server.version}/metadata"
    with contextlib.suppress(ClientError):
        metadata = client.metadata(server.version)
        shapes = [each.get("shape") for each in metadata.get("inputs", [])]
        # Such a model takes a list of numbers of any length.
        if metadata.get("batch") == "elements" and shapes == [[-1]]:
            command = f"curl -H 'Content-Type: application/json' -d '[1, 2, 3, 4]' {url}"
    say(f"{server.model} {server.version} is ready at {url}")
    say(command)


def say(line: str, stream: TextIO = sys.stdout) -> None:
    """Write a line, bypassing Python's buffers, and ignore errors.

    Even if the log's disk is full, requests in flight must be completed.
    """
    with contextlib.suppress(OSError):
        os.write(stream.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
