"""Starts the fork server for TorchServe's workers, on systems that support it."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from server.processes import die_with_parent, stop
from server.settings import inherited

FORKSERVER = Path(__file__).with_name("forkserver.py")
LAUNCHER = Path(__file__).with_name("launcher")
# Its name in the server's temporary folder.
SOCKET = "forkserver.sock"
# How long the fork server may take to end by itself.
END_SECONDS = 0.5


class Workers:
    """The fork server. Use as a context manager.

    Attributes:
        python: the program that TorchServe must start as a worker's Python.
        variables: environment variables that TorchServe and the workers need.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Prepare a fork server with its socket in `folder`, and workers with these `variables`."""
        self.python = sys.executable
        self.variables = dict(variables)
        self._address = str(folder / SOCKET)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the fork server on Linux; elsewhere workers are ordinary Python processes."""
        if sys.platform == "linux":
            # Launchers that connect before the imports are done wait in the listener's backlog.
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(self._address)
                listener.listen()
                self._process = self._start(listener.fileno())
            self.python = str(LAUNCHER)
            self.variables |= {
                "FORKSERVER": self._address,
                "WORKER_PYTHON": sys.executable,
                # The launcher's shebang line runs the first python3 on PATH.
                "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            }
        return self

    def _start(self, listener: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # -P: workers must not import modules from the folder of forkserver.py.
            [sys.executable, "-P", str(FORKSERVER), str(listener)],
            env={**inherited(), **self.variables},
            stdin=subprocess.DEVNULL,
            pass_fds=[listener],
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (the other threads wait in system calls)
        )

    def __exit__(self, *_: object) -> None:
        """Stop the fork server and all remaining workers."""
        if self._process:
            # SIGTERM first, so that a coverage tool in the process can write its data.
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
            stop(self._process)
