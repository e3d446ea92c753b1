"""Workers forked from one process that has imported PyTorch already.

TorchServe starts each worker as a Python of its own, which imports PyTorch for a second and keeps
some hundred megabytes of it to itself. Here the import happens once, while Java starts, and what it
takes in memory is shared by all workers: a worker is a fork of this server (CPython's own
`multiprocessing` calls such a one a fork server), there a moment after TorchServe asks for it, at
the start, after a crash and when a version is rolled out.

TorchServe starts `launcher` beside this file instead of Python. That program asks for a fork that
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
import math
import os
import runpy
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

# What every worker imports. A module that an archive brings is never among them: each version has
# its own.
MODULES = ("msgspec.json", "numpy", "orjson", "simdjson", "torch", "ts.model_service_worker")
# prctl(2): the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1
# Seconds in which a launcher has to say what it wants; it does so at once.
PATIENCE_SECONDS = 5.0
# Seconds without a request after which a worker's end is told.
QUIET_SECONDS = 0.2


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
        end: its process as a descriptor, which can be read once it has ended.
        launcher: the connection of the program that stands for it.
        keeper: where it shows the connection that TorchServe makes to it.
        connection: that connection, kept open here.
        until: when the connection of a worker that has ended is closed, as `time.monotonic`.
    """

    def __init__(self, process: int, launcher: socket.socket, keeper: socket.socket) -> None:
        """Look after a process."""
        self._process = process
        self.end = os.pidfd_open(process)
        self.launcher, self.keeper = launcher, keeper
        self.connection: socket.socket | None = None
        self.until = math.inf

    def kill(self) -> None:
        """End it, as TorchServe wants of a worker that hangs."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.end, signal.SIGKILL)

    def receive(self) -> None:
        """Take the connection that the worker shows, if it shows one."""
        with contextlib.suppress(OSError):
            _, found, _, _ = socket.recv_fds(self.keeper, 1, 1)
            if found:
                self.connection = socket.socket(fileno=found[0])

    def report(self) -> None:
        """Tell the launcher how the worker ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        with contextlib.suppress(OSError):
            # What a shell says of a signal, and Java.
            self.launcher.send(bytes([128 - status if status < 0 else status]))

    def close(self) -> None:
        """Let go of it."""
        for each in (self.launcher, self.keeper, self.connection):
            if each:
                each.close()
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

    def serve(self) -> Fork:
        """Fork workers for ever; return in each fork, with what it is to become."""
        while True:
            until = min((worker.until for worker in self._workers), default=math.inf)
            wait = max(0.0, until - time.monotonic()) if until < math.inf else None
            # One event at a time: what it leads to may be the end of another one's source.
            for key, _ in self._selector.select(wait)[:1]:
                fork: Fork | None = key.data()
                if fork:
                    return fork
            for worker in [w for w in self._workers if w.until <= time.monotonic()]:
                self._forget(worker)

    def _watch(self, source: socket.socket | int, react: Callable[[], Fork | None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)

    def _ignore(self, source: socket.socket | int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(source)

    def _accept(self) -> Fork | None:
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

    def _fork(self, launcher: socket.socket, order: Order) -> Fork | None:
        keeper, shown = socket.socketpair()
        try:
            process = os.fork()
        except OSError:
            keeper.close()
            shown.close()
            raise
        if not process:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self._process:
                os._exit(1)
            # A connection that this process kept too would outlive its worker.
            for each in (launcher, keeper, self._listener):
                each.close()
            for other in self._workers:
                other.close()
            self._selector.close()
            return Fork(order, shown)
        shown.close()
        worker = Worker(process, launcher, keeper)
        self._workers.append(worker)
        self._watch(launcher, lambda: self._launcher_ended(worker))
        self._watch(keeper, lambda: self._shown(worker))
        self._watch(worker.end, lambda: self._ended(worker))
        return None

    def _launcher_ended(self, worker: Worker) -> None:
        self._ignore(worker.launcher)
        worker.kill()

    def _shown(self, worker: Worker) -> None:
        self._ignore(worker.keeper)
        worker.receive()

    def _ended(self, worker: Worker) -> None:
        """Let TorchServe know, but not while it may be about to give the worker requests.

        A thread of TorchServe that learns of its worker's end while it gathers a batch forgets the
        requests that it has: nobody answers them. So the end of the connection waits until a batch
        lies in it, whose requests TorchServe then answers with 500, or until none has come.
        """
        self._ignore(worker.end)
        if worker.connection:
            worker.until = time.monotonic() + QUIET_SECONDS
            self._watch(worker.connection, lambda: self._forget(worker))
        else:
            self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        for source in (worker.launcher, worker.keeper, worker.end, worker.connection):
            if source:
                self._ignore(source)
        self._workers.remove(worker)
        worker.report()
        worker.close()


class Fork(NamedTuple):
    """A process that is to become a worker.

    Attributes:
        order: which.
        keeper: where it shows the connection that TorchServe makes to it.
    """

    order: Order
    keeper: socket.socket

    def become(self) -> None:
        """Turn this process into the worker."""
        accept = socket.socket.accept

        def accept_once(listener: socket.socket) -> tuple[socket.socket, Any]:
            connection, address = accept(listener)
            socket.socket.accept = accept  # type: ignore[method-assign]
            with self.keeper, contextlib.suppress(OSError):
                socket.send_fds(self.keeper, [b"1"], [connection.fileno()])
            return connection, address

        # A worker accepts one connection, TorchServe's.
        socket.socket.accept = accept_once  # type: ignore[assignment, method-assign]
        self.order.become()


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
