"""How TorchServe gets its workers: from a fork server where the system allows it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.server.processes import die_with_parent, stop
from scripts.server.settings import inherited

FORKSERVER = Path(__file__).with_name("forkserver.py")
LAUNCHER = Path(__file__).with_name("launcher")


class Workers:
    """The fork server while it runs. Use as a context manager.

    Attributes:
        python: what TorchServe is to start as a worker's Python.
        variables: what TorchServe and the workers need in their environment.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Prepare for a server whose own folder is `folder`, and workers with these `variables`."""
        self.python = sys.executable
        self.variables = dict(variables)
        self._address = str(folder / "forkserver.sock")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Workers:
        """Start importing what workers need, where the system allows forks of it."""
        if sys.platform == "linux":
            # Launchers that come before the import is done wait in the listener's queue.
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(self._address)
                listener.listen()
                self._process = self._start(listener.fileno())
            self.python = str(LAUNCHER)
            self.variables |= {
                "FORKSERVER": self._address,
                "WORKER_PYTHON": sys.executable,
                # The launcher takes the first python3 that it finds.
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            }
        return self

    def _start(self, listener: int) -> subprocess.Popen[bytes]:
        environment = {**inherited(), **self.variables}
        # What is on a worker's path comes with each order.
        environment.pop("PYTHONPATH", None)
        return subprocess.Popen(
            # -P: its folder's modules are not for workers.
            [sys.executable, "-P", str(FORKSERVER), str(listener)],
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[listener],
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (no other thread runs yet)
        )

    def __exit__(self, *_: object) -> None:
        """End it, and with it whatever worker is left."""
        if self._process:
            # Ends at once, and the workers with it. A coverage tool in it writes its figures first.
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            stop(self._process)
