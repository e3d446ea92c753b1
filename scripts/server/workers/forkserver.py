"""Workers forked from one process that has imported PyTorch already.

TorchServe starts each worker as a Python process of its own, which spends a second importing
PyTorch and takes some hundred megabytes for it. Here the import happens once, while Java starts,
and all workers share its memory: a worker is a fork of this server (`multiprocessing` of the
standard library has the same notion), ready a moment after TorchServe asks for it, at the start,
after a crash and when a version is rolled out.

TorchServe starts `launcher` beside this file instead of Python. That program requests a fork with
its own arguments, environment, folder, input and output, lives as long as the fork, and ends with
its exit status. Where no fork server answers, it becomes an ordinary worker.

Linux only: elsewhere forking a process with such libraries is not safe.

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
from collections.abc import Callable
from typing import Any, NamedTuple

# What every worker imports. A module that an archive brings is never among them: each version has
# its own.
MODULES = (
    "msgspec.json",
    "multipart",
    "numpy",
    "orjson",
    "simdjson",
    "torch",
    "ts.model_service_worker",
)
# prctl(2): the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1
# Seconds that a launcher has to send its order, which it does at once.
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


class Worker:
    """A worker that was forked.

    Attributes:
        end: its process as a descriptor, which becomes readable when it ends.
        launcher: the connection of the program that stands for it.
    """

    def __init__(self, process: int, launcher: socket.socket) -> None:
        """Look after a process."""
        self._process = process
        self.end = os.pidfd_open(process)
        self.launcher = launcher

    def kill(self) -> None:
        """End it, as TorchServe wants of a worker that hangs."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.end, signal.SIGKILL)

    def report(self) -> None:
        """Send the launcher the worker's exit status."""
        status = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        with contextlib.suppress(OSError):
            # What a shell and Java call the end by a signal.
            self.launcher.send(bytes([128 - status if status < 0 else status]))

    def close(self) -> None:
        """Close its descriptors in this process."""
        self.launcher.close()
        os.close(self.end)


class ForkServer:
    """Launchers and their workers."""

    def __init__(self, listener: socket.socket) -> None:
        """Take launchers from `listener`."""
        self._process = os.getpid()
        self._listener = listener
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._watch(listener, self._accept)

    def serve(self) -> Order:
        """Fork workers for ever; return in each fork, with what it is to become."""
        while True:
            # One event at a time: handling it may close the source of another one.
            for key, _ in self._selector.select()[:1]:
                order: Order | None = key.data()
                if order:
                    return order

    def _watch(self, source: socket.socket | int, react: Callable[[], Order | None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)

    def _ignore(self, source: socket.socket | int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(source)

    def _accept(self) -> Order | None:
        """Fork for a launcher; return the order in the fork, nothing here."""
        launcher, _ = self._listener.accept()
        try:
            order = Order.receive(launcher)
        except (OSError, ValueError, TypeError):
            launcher.close()
            return None
        try:
            return self._fork(launcher, order)
        except OSError as error:
            # No process or descriptor to be had. TorchServe tries again, and the others live on.
            print(f"cannot fork a worker: {error}", file=sys.stderr)
            launcher.close()
            return None
        finally:
            if os.getpid() == self._process:
                for stream in order.streams:
                    os.close(stream)

    def _fork(self, launcher: socket.socket, order: Order) -> Order | None:
        process = os.fork()
        if not process:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self._process:
                os._exit(1)
            # The other side learns of an end by the descriptors that it closes: none may stay open
            # in another worker.
            for worker in self._workers:
                worker.close()
            for each in (launcher, self._listener, self._selector):
                each.close()
            return order
        worker = Worker(process, launcher)
        self._workers.append(worker)
        self._watch(launcher, lambda: self._launcher_ended(worker))
        self._watch(worker.end, lambda: self._ended(worker))
        return None

    def _launcher_ended(self, worker: Worker) -> None:
        self._ignore(worker.launcher)
        worker.kill()

    def _ended(self, worker: Worker) -> None:
        for source in (worker.launcher, worker.end):
            self._ignore(source)
        self._workers.remove(worker)
        worker.report()
        worker.close()


def main() -> None:
    """Import, then fork."""
    # Imports create little garbage; disabling the collector makes them about 12 % faster.
    gc.disable()
    for module in MODULES:
        importlib.import_module(module)
    # A collection in a worker would write to these objects, so that their pages would be copied.
    gc.freeze()
    gc.enable()
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve().become()


if __name__ == "__main__":
    main()
