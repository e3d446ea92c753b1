"""A server that forks TorchServe's workers from one process that has imported PyTorch.

TorchServe starts each worker as a separate Python process, which takes a second and some hundred
megabytes to import PyTorch. Here the import happens once, while Java starts, and all workers share
its memory. Each worker is a fork of this process, like the fork server of `multiprocessing`, and is
ready almost immediately: at the start, after a crash, and when a version is rolled out.

TorchServe starts `launcher`, in the same folder, instead of Python. The launcher requests a fork
with its own arguments, environment, working directory and standard streams, runs as long as the
fork does, and exits with its status. Without a fork server it becomes an ordinary worker.

Linux only: on other systems, forking a process with such libraries is not safe.

    python -P forkserver.py DESCRIPTOR    DESCRIPTOR is the listening socket
"""

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import random
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Self

# Modules that every worker imports. Modules from archives are excluded, because each version has
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
# PyTorch's kernels for tensors without data (the device `meta`) are a quarter of the time of its
# import. They are imported for the first archive that may use them.
LATER = "torch._meta_registrations"
# Option of prctl(2): the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1
# Time limit for a launcher to send its order; it does so immediately after connecting.
PATIENCE_SECONDS = 5.0


class Order(NamedTuple):
    """A request for a worker.

    Attributes:
        arguments: the program, ts/model_service_worker.py, and its arguments.
        environment: all environment variables of the worker.
        folder: its working directory.
        streams: file descriptors of its standard input, output and error.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]

    @classmethod
    def receive(cls, launcher: socket.socket) -> Self:
        """Read an order from a launcher.

        Raises:
            OSError, ValueError: the launcher sends no valid order in time.
        """
        launcher.settimeout(PATIENCE_SECONDS)
        head, streams, _, _ = socket.recv_fds(launcher, 4, 3, socket.MSG_WAITALL)
        with launcher.makefile("rb") as rest:
            wanted: dict[str, Any] = json.loads(rest.read(int.from_bytes(head)))
        return cls(**wanted, streams=streams)

    def become(self) -> None:
        """Turn this process, which is a fork, into the worker."""
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.argv = self.arguments
        sys.path[:0] = filter(None, self.environment.get("PYTHONPATH", "").split(os.pathsep))
        reseed()
        runpy.run_path(self.arguments[0], run_name="__main__")


def reseed() -> None:
    """Seed each global random generator anew; otherwise all forks would draw the same numbers.

    torch.seed() covers the CPU and every GPU: for a device that is not in use yet, it takes effect
    when the device is initialized.
    """
    random.seed()
    for module in ("numpy.random", "torch"):
        if module in sys.modules:
            sys.modules[module].seed()


class Worker:
    """A forked worker.

    Attributes:
        end: a pidfd of its process, which becomes readable when the process ends.
        launcher: the connection to its launcher.
    """

    def __init__(self, process: int, launcher: socket.socket) -> None:
        """Watch the process with the id `process`."""
        self._process = process
        self.end = os.pidfd_open(process)
        self.launcher = launcher

    def kill(self) -> None:
        """Kill the worker."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.end, signal.SIGKILL)

    def report(self) -> None:
        """Send the worker's exit status to the launcher."""
        status = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        with contextlib.suppress(OSError):
            # Shells and Java report death by signal N as status 128 + N.
            self.launcher.send(b"%d\n" % (128 - status if status < 0 else status))

    def close(self) -> None:
        """Close this process's descriptors for the worker."""
        self.launcher.close()
        os.close(self.end)


class ForkServer:
    """Accepts launchers and forks their workers."""

    def __init__(self, listener: socket.socket) -> None:
        """Accept launchers on `listener`."""
        self._process = os.getpid()
        self._listener = listener
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._watch(listener, self._accept)

    def serve(self) -> Order:
        """Fork workers forever; return the order in each fork only."""
        while True:
            # Handle one event at a time, because a handler may close the source of another event.
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
        """Fork for a launcher; return the order in the fork, and None in this process."""
        launcher, _ = self._listener.accept()
        try:
            order = Order.receive(launcher)
        except (OSError, ValueError, TypeError):
            launcher.close()
            return None
        if not _only_torchscript(Path(order.folder)):
            _import_later()
        try:
            return self._fork(launcher, order)
        except OSError as error:
            # No process or descriptor is available. TorchServe tries again; other workers go on.
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
            # The peer of a connection notices its end only once every copy of the descriptor is
            # closed, so a worker must not keep those of other workers open.
            for worker in self._workers:
                worker.close()
            for resource in (launcher, self._listener, self._selector):
                resource.close()
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


def _load_fields() -> None:
    """Load fields.py, whose folder is not on the path, so that workers cannot import from it."""
    path = Path(__file__).with_name("fields.py")
    spec = importlib.util.spec_from_file_location(f"workers.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()


def _only_torchscript(archive: Path) -> bool:
    """Return whether an archive has this project's handler, a TorchScript file, and no own code."""
    other = (*archive.glob("*.pt2"), *archive.glob("code/*"))
    return (archive / "wire").is_dir() and not other


def _import_later() -> None:
    if LATER not in sys.modules:
        importlib.import_module(LATER)
        gc.freeze()


def main() -> None:
    """Import the modules, then fork workers."""
    # Imports create little garbage; disabling the collector makes them about 12 % faster.
    gc.disable()
    # PyTorch imports the module for its effects only, so an empty one replaces it for now.
    sys.modules[LATER] = ModuleType(LATER)
    for module in MODULES:
        importlib.import_module(module)
    del sys.modules[LATER]
    _load_fields()
    # Garbage collection in a worker would write to these objects, and their pages would be copied.
    gc.freeze()
    gc.enable()
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve().become()


if __name__ == "__main__":
    main()
