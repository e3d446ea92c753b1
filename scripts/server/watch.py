"""Noticing at once that a worker died while it loaded a model."""

from __future__ import annotations

import os


class Watch:
    """Remembers the process of each worker that it is shown.

    TorchServe starts a dead worker again and again, and describes a dead one as it does one that
    loads. The first death is the news.
    """

    def __init__(self) -> None:
        """Start without a worker."""
        self._first: dict[str, tuple[int, bool]] = {}

    def died(self, worker: str, pid: int) -> bool:
        """Say whether the worker's first process is gone.

        Args:
            worker: the worker's id, which no other worker of the server has.
            pid: its process id now; not positive before it has one.
        """
        if pid <= 0:
            return False
        first, visible = self._first.setdefault(worker, (pid, alive(pid)))
        # The server may be in a container, its process ids another namespace's: only a process
        # that was seen alive can be seen dead. A new process id is news everywhere.
        return pid != first or (visible and not alive(pid))


def alive(pid: int) -> bool:
    """Say whether a process of that id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
