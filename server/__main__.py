"""Start TorchServe, wait until the models are ready, and stop without losing a request.

python -m server [--name NAME,...] [--version VERSION]

Models and versions that were registered or rolled out (server/versions/) are restored after a
restart.
"""

import argparse
import contextlib
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from server import memory, ports, processes, readiness, settings
from server.client import Client, ClientError
from server.drain import Drain
from server.gate import gate
from server.output import Output
from server.processes import Stop, raise_stop_on_signals
from server.readiness import NotReady
from server.store import archive, records
from server.torchserve import java, start_cache
from server.torchserve.workers.pool import SOCKET as FORKSERVER_SOCKET
from server.torchserve.workers.pool import Workers

SOCKET_PATH_BYTES = 107
# What the temporary folder holds besides unpacked archives: Netty's library, the configuration.
ROOM_BYTES = 256 << 10
# How often the server is looked after.
POLL_SECONDS = 0.25
LAST_LINES_SECONDS = 1.0


class TempRemoved(NotReady):
    """The temporary folder of a running server was removed."""


def main() -> int:
    """Run the server until a signal stops it; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--name",
        default=settings.MODEL_NAME,
        help="the models to serve, separated by commas",
    )
    parser.add_argument(
        "--version",
        default=settings.MODEL_VERSION,
        help="the version of each model of which none was rolled out",
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
            # A file or folder that cannot be read or written; the message names it.
            OSError,
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
    archives = find_archives(server)
    ports.check(server)
    with contextlib.ExitStack() as stack:
        temp = stack.enter_context(processes.temporary_folder())
        check_temp(temp, archives)
        lock = temp / "in-flight.lock"
        # PyTorch in each worker would use all cores. With more threads than cores, handlers that do
        # not set the number of threads themselves take many times as long on a busy machine.
        share = max(1, memory.cores() // java.limits(server, archives).workers)
        threads = os.environ.get("OMP_NUM_THREADS") or str(share)
        # Started first because importing PyTorch takes as long as starting Java.
        pool = stack.enter_context(
            Workers(temp, {"IN_FLIGHT_LOCK": str(lock), "OMP_NUM_THREADS": threads})
        )
        client = Client(server.addresses)
        accepting = [server.port("PORT"), server.port("GRPC_PORT")]
        drain = stack.enter_context(Drain(client, lock, accepting))
        management = stack.enter_context(gate(server, temp))
        process = java.start(
            server,
            archives,
            temp,
            extra={**management, **pool.variables},
            python=pool.python,
            flags=start_cache.flags(),
        )
        models: dict[str, list[str]] = {}
        for served in archives:
            models.setdefault(served.name, []).append(served.version)
        try:
            readiness.wait({client.of(name): models[name] for name in models}, process=process)
            host = settings.local(server.variables["GRPC_HOST"])
            readiness.wait_for_port(host, server.port("GRPC_PORT"), process)
            announce(client, {name: versions[0] for name, versions in models.items()})
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
        except NotReady:
            # What a worker printed before it died may still be on its way through TorchServe.
            if process.poll() is None:
                time.sleep(LAST_LINES_SECONDS)
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


def find_archives(server: settings.Settings) -> list[archive.Archive]:
    """Return the archives to serve, of each model the default version first.

    If a model has a record, it decides: a version that was rolled out stays the default even if the
    command line names another one.
    """
    for name in server.models:
        archive.check_name(name, server.version)
    recorded = records.load_all(server.model_store)
    found = []
    for name in dict.fromkeys([*server.models, *recorded]):
        if name not in recorded:
            found.append(archive.find(server.model_store, name, server.version))
            continue
        file, record = records.path(server.model_store, name), recorded[name]
        also = f", also {', '.join(record.others)}" if record.others else ""
        say(f"{file}: the default is {name} {record.default}{also}")
        try:
            found += [
                archive.find(server.model_store, name, version)._replace(
                    workers=record.versions[version].workers
                )
                for version in (record.default, *record.others)
            ]
        except archive.ArchiveError as error:
            raise records.RecordError(
                f"{error}. {file} names this version: remove that file to start without it"
            ) from None
    return found


def check_temp(temp: Path, archives: Sequence[archive.Archive]) -> None:
    """Check that TorchServe can use the temporary folder.

    Raises:
        SettingsError: the path of a worker's socket would be longer than the 107 bytes of unix(7),
            the archives do not fit, or no library can be loaded from there.
    """
    # TorchServe's name for a worker's socket, with room for its counter.
    socket_path = os.fsencode(temp / ".ts.sock.99999")
    if len(socket_path) > SOCKET_PATH_BYTES:
        raise settings.SettingsError(
            f"{temp} is too long for the paths of sockets; set TMPDIR to a shorter path"
        )
    needed, (total, _, free) = ROOM_BYTES, shutil.disk_usage(temp)
    for served in archives:
        with zipfile.ZipFile(served.path) as content:
            needed += sum(info.file_size for info in content.infolist())
    # File systems without a limit report no size.
    if total and free < needed:
        raise settings.SettingsError(
            f"{temp.parent} has {free / 2**20:.1f} MiB left, and the unpacked archives take "
            f"{needed / 2**20:.1f} MiB; set TMPDIR to another folder"
        )
    with tempfile.TemporaryFile(dir=temp) as file:
        file.write(b"0")
        file.flush()
        try:
            mmap.mmap(file.fileno(), 1, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()
        except PermissionError:
            raise settings.SettingsError(
                f"{temp.parent} is mounted with noexec, and TorchServe loads a library from there; "
                "set TMPDIR to another folder (for docker run: --tmpfs /tmp:exec)"
            ) from None


def announce(client: Client, defaults: Mapping[str, str]) -> None:
    """Print the URL of each model, and a command to try the first one."""
    urls = {name: f"{client.target.inference}/predictions/{name}" for name in defaults}
    name, url = next(iter(urls.items()))
    command = f"curl {url}/{defaults[name]}/metadata"
    with contextlib.suppress(ClientError):
        metadata = client.metadata(defaults[name])
        shapes = [each.get("shape") for each in metadata.get("inputs", [])]
        # Such a model takes a list of numbers of any length.
        if metadata.get("batch") == "elements" and shapes == [[-1]]:
            command = f"curl -H 'Content-Type: application/json' -d '[1, 2, 3, 4]' {url}"
    ready = [f"{default} {defaults[default]} is ready at {urls[default]}" for default in defaults]
    say("\n".join([*ready, command]))


def say(line: str, stream: TextIO = sys.stdout) -> None:
    """Write a line, bypassing Python's buffers, and ignore errors.

    Even if the log's disk is full, requests in flight must be completed.
    """
    with contextlib.suppress(OSError):
        os.write(stream.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
