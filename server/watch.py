"""Immediate detection of a worker that died while it loaded a model."""

from __future__ import annotations

import os


class Watch:
    """Remembers the first process of each worker.

    TorchServe keeps restarting a dead worker, and reports it like one that is still loading. So the
    loss of a worker's first process is what shows a failure.
    """

    def __init__(self) -> None:
        """Start without any worker."""
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
