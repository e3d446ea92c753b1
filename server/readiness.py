"""Waiting until versions are ready, and noticing at once that one never will be."""

import os
import socket
import subprocess
import time
from collections.abc import Collection, Mapping

from server.client import Client, ClientError, UnknownModel

POLL_SECONDS = 0.02
# TorchServe's own start, and a worker's beyond the model's startupTimeout, which TorchServe counts.
START_SECONDS = 60.0
# A running server that does not respond for this long is gone.
SILENT_SECONDS = 10.0


class NotReady(Exception):  # noqa: N818 (says what the server is)
    """A version will not become ready; the message says why in one line."""


def wait(
    versions: Mapping[Client, Collection[str]],
    *,
    workers: int | None = None,
    process: subprocess.Popen[bytes] | None = None,
) -> None:
    """Return once every version is ready.

    The time limit for a version is its archive's startupTimeout, from when TorchServe has
    registered it; TorchServe itself gets START_SECONDS to start.

    Args:
        versions: the versions that have to be ready, by the client of their model.
        workers: how many workers of each version have to be ready; any number by default.
        process: TorchServe's process where it is this program's child.

    Raises:
        NotReady: TorchServe ended, a version is not registered, a worker died while it loaded the
            model, or the time limit passed.
    """
    waiting = [
        _Version(client, version, workers)
        for client, wanted in versions.items()
        for version in wanted
    ]
    limit = START_SECONDS if process else SILENT_SECONDS
    responded = time.monotonic()
    while waiting:
        _check_running(process)
        try:
            waiting = [version for version in waiting if not version.is_ready()]
            responded = time.monotonic()
        except ClientError as error:
            if time.monotonic() > responded + limit:
                raise NotReady(str(error)) from None
        if waiting:
            time.sleep(POLL_SECONDS)


def wait_for_port(host: str, port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once TorchServe listens on a port; it opens the gRPC ports last.

    Raises:
        NotReady: TorchServe ended, or the time limit passed.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError as error:
            _check_running(process)
            if time.monotonic() > deadline:
                raise NotReady(f"TorchServe does not listen on port {port}: {error}") from None
            time.sleep(POLL_SECONDS)
        else:
            return


def _check_running(process: subprocess.Popen[bytes] | None) -> None:
    if process and process.poll() is not None:
        raise NotReady(f"TorchServe exited while starting, with status {process.returncode}")


class _Version:
    """A version that is waited for."""

    def __init__(self, client: Client, version: str, workers: int | None) -> None:
        self._client, self._version, self._workers = client, version, workers
        self._what = f"{client.target.model} {version}"
        self._watch = Watch()
        self._began = time.monotonic()

    def is_ready(self) -> bool:
        """Return whether it is ready; raise NotReady if it never will be."""
        try:
            described = self._client.versions(timeout=1.0)[self._version]
        except (UnknownModel, KeyError):
            raise NotReady(
                f"TorchServe did not register {self._what}: see the server's log"
            ) from None
        if any(self._watch.died(worker.id, worker.pid) for worker in described.workers):
            raise NotReady(f"a worker died while loading {self._what}: see the server's log")
        limit = described.startup_timeout + START_SECONDS
        if time.monotonic() > self._began + limit:
            raise NotReady(f"{self._what} is not ready after {limit:.0f} s: see the server's log")
        if self._workers is None:
            loaded = described.ready > 0
        else:
            loaded = described.ready == len(described.workers) == self._workers
        return loaded and self._client.is_ready(self._version)


class Watch:
    """Remembers the first process of each worker.

    TorchServe keeps restarting a dead worker, and reports it like one that is still loading. So the
    loss of a worker's first process is what shows a failure.
    """

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, bool]] = {}

    def died(self, worker: str, pid: int) -> bool:
        """Return whether the worker's first process is gone.

        Args:
            worker: the worker's id, unique within the server.
            pid: its current process id; zero or negative if it has none yet.
        """
        if pid <= 0:
            return False
        first, visible = self._first.setdefault(worker, (pid, alive(pid)))
        # If the server runs in a container, its process ids belong to another namespace. So a
        # process counts as dead only if it was seen alive before. A new process id always counts.
        return pid != first or (visible and not alive(pid))


def alive(pid: int) -> bool:
    """Return whether a process with this id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
