"""Workers forked from one process that has imported PyTorch already.

TorchServe starts each worker as a Python of its own, which imports PyTorch for a second and keeps
some hundred megabytes of it to itself. Here the import happens once, while Java starts, and what it
takes in memory is shared by all workers: a worker is a fork of this server (CPython's own
`multiprocessing` calls such a one a fork server), there a moment after TorchServe asks for it, at
the start, after a crash and when a version is rolled out.

TorchServe starts `scripts/server/worker` instead of Python. That program asks here for a fork that
goes by its arguments, environment, folder, output and input, lives as long as it, and ends with its
exit status. Where it finds no fork server it becomes an ordinary worker.

On Linux only: elsewhere a fork of a process with such libraries is not safe.

    python -P forkserver.py DESCRIPTOR    the socket that it listens on
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from typing import Any, NamedTuple

# What every worker imports. A module that an archive brings is never among them: each version has
# its own.
MODULES = ("msgspec.json", "numpy", "orjson", "simdjson", "torch", "ts.model_service_worker")
# prctl(2): the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1
# Seconds in which a launcher has to say what it wants; it does so at once.
PATIENCE_SECONDS = 5.0


class Order(NamedTuple):
    """A worker that TorchServe wants.

    Attributes:
        arguments: the program, ts/model_service_worker.py, and its arguments.
        environment: all of its variables.
        folder: where it works.
        streams: file descriptors of its input, output and error output.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]

    @classmethod
    def receive(cls, launcher: socket.socket) -> Order:
        """Read what a launcher sends.

        Raises:
            OSError, ValueError: it does not.
        """
        launcher.settimeout(PATIENCE_SECONDS)
        head, streams, _, _ = socket.recv_fds(launcher, 4, 3, socket.MSG_WAITALL)
        with launcher.makefile("rb") as rest:
            wanted: dict[str, Any] = json.loads(rest.read(int.from_bytes(head)))
        return cls(**wanted, streams=streams)

    def become(self) -> None:
        """Turn this process, a fork, into the worker."""
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.argv = self.arguments
        sys.path[:0] = filter(None, self.environment.get("PYTHONPATH", "").split(os.pathsep))
        # Forks must not draw the same random numbers.
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        runpy.run_path(self.arguments[0], run_name="__main__")


class ForkServer:
    """Launchers and their workers."""

    def __init__(self, listener: socket.socket) -> None:
        """Take launchers from `listener`."""
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def serve(self) -> Order:
        """Fork workers for ever; return in each fork, with what it is to become."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    order = self._accept()
                    if order:
                        return order
                elif isinstance(key.fileobj, socket.socket):
                    # Its launcher was ended, as TorchServe does with a worker that hangs.
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(key.data, signal.SIGKILL)
                    self._selector.unregister(key.fileobj)
                else:
                    self._report(key.fd, *key.data)
                    break  # the launcher may be among what was selected

    def _accept(self) -> Order | None:
        """Fork for a launcher; return the order in the fork, nothing here."""
        launcher, _ = self._listener.accept()
        try:
            order = Order.receive(launcher)
        except (OSError, ValueError, TypeError):
            launcher.close()
            return None
        parent = os.getpid()
        worker = os.fork()
        if not worker:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            launcher.close()
            self._close()
            return order
        for stream in order.streams:
            os.close(stream)
        end = os.pidfd_open(worker)
        self._selector.register(launcher, selectors.EVENT_READ, end)
        self._selector.register(end, selectors.EVENT_READ, (worker, launcher))
        return None

    def _report(self, end: int, worker: int, launcher: socket.socket) -> None:
        """Tell a launcher how its worker ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        with contextlib.suppress(OSError):
            # What a shell says of a signal, and Java.
            launcher.send(bytes([128 - status if status < 0 else status]))
        with contextlib.suppress(KeyError):
            self._selector.unregister(launcher)
        launcher.close()
        self._selector.unregister(end)
        os.close(end)

    def _close(self) -> None:
        """Close what belongs to the parent."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        self._selector.close()


def main() -> None:
    """Import, then fork."""
    # Nearly nothing of what an import makes is garbage: looking for it takes an eighth of the time.
    gc.disable()
    for module in MODULES:
        importlib.import_module(module)
    # Nor is it in a fork, where the pages that are looked at would be copied.
    gc.freeze()
    gc.enable()
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve().become()


if __name__ == "__main__":
    main()
