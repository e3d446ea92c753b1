"""Start TorchServe, wait until the model is ready, and stop without losing a request.

python -m server [--name NAME] [--version VERSION]

Versions that were rolled out or rolled back (server/versions/) are restored after a restart.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn, TextIO

from server import ports, processes, readiness, settings
from server.client import Client, ClientError
from server.drain import Drain
from server.gate import Gate
from server.output import Output
from server.processes import Stop, raise_stop_on_signals
from server.readiness import NotReady
from server.store import archive, records
from server.torchserve import java, start_cache
from server.torchserve.workers.pool import SOCKET as FORKSERVER_SOCKET
from server.torchserve.workers.pool import Workers

SOCKET_PATH_BYTES = 107
# How often the server is looked after.
POLL_SECONDS = 0.25


class TempRemoved(NotReady):
    """The temporary folder of a running server was removed."""


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
    # stdout ends first, so that the reason for a failure is the last line of both.
    with Output(sys.stderr.fileno()):
        try:
            with Output(sys.stdout.fileno()):
                return run(settings.read(options.name, options.version))
        except (
            NotReady,
            settings.SettingsError,
            archive.ArchiveError,
            records.RecordError,
        ) as error:
            say(f"serve: {error}", sys.stderr)
            return 1
        except Stop:
            return 0


def run(server: settings.Settings) -> int:
    """Serve until a stop signal and return 0.

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
    ports.check(server)
    with contextlib.ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="torchserve-", ignore_cleanup_errors=True)
        temp = Path(stack.enter_context(folder))
        check_temp(temp)
        # systemd-tmpfiles leaves a folder alone while it is locked.
        descriptor = os.open(temp, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        lock = temp / "in-flight.lock"
        # Started first because importing PyTorch takes as long as starting Java.
        pool = stack.enter_context(Workers(temp, {"IN_FLIGHT_LOCK": str(lock)}))
        client = Client(server)
        accepting = [server.port("PORT"), server.port("GRPC_PORT")]
        drain = stack.enter_context(Drain([client], lock, accepting))
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
                supervise(process, temp)
            except Stop:
                say("serve: stopping once the requests in flight are completed")
                if not drain.wait():
                    say("serve: requests were still in flight at the end", sys.stderr)
                return 0
            except TempRemoved:
                drain.wait()
                raise
        finally:
            processes.stop(process)


def supervise(process: subprocess.Popen[bytes], temp: Path) -> NoReturn:
    """Wait until TorchServe cannot go on.

    Raises:
        TempRemoved: without the temporary folder no worker can be replaced.
        NotReady: TorchServe exited.
    """
    # What a new worker needs: the models as TorchServe has unpacked them, and its fork server.
    needed = [path for path in temp.iterdir() if path.name in ("models", FORKSERVER_SOCKET)]
    while process.poll() is None:
        gone = next((path for path in needed if not path.exists()), None)
        if gone:
            raise TempRemoved(f"{gone} was removed, and no worker can be replaced without it")
        time.sleep(POLL_SECONDS)
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


def check_temp(temp: Path) -> None:
    """Check that the path of the temporary folder is short enough for the workers' sockets.

    Raises:
        SettingsError: a socket's path would be longer than the 107 bytes of unix(7).
    """
    # TorchServe's name for a worker's socket, with room for its counter.
    socket_path = os.fsencode(temp / ".ts.sock.99999")
    if len(socket_path) > SOCKET_PATH_BYTES:
        raise settings.SettingsError(
            f"{temp} is too long for the paths of sockets; set TMPDIR to a shorter path"
        )


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
