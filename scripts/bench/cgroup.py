"""A control group with a memory limit, like that of a container. Requires root, on Linux."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

ROOT = Path("/sys/fs/cgroup")
END_SECONDS = 20.0


class Group:
    """A control group, version 1 or 2. As a context manager it is removed at the end."""

    def __init__(self, name: str, limit: int) -> None:
        """Create a group whose processes can use `limit` bytes together.

        Raises:
            OSError: this process lacks the permission, or the system has no control groups.
        """
        self._v2 = (ROOT / "cgroup.controllers").exists()
        parent = ROOT if self._v2 else ROOT / "memory"
        self._folder = parent / name
        if self._v2:
            (parent / "cgroup.subtree_control").write_text("+memory")
        self._folder.mkdir()
        limits = {"memory.max": limit, "memory.swap.max": 0, "memory.limit_in_bytes": limit}
        for file, size in limits.items():
            if (self._folder / file).exists():
                (self._folder / file).write_text(str(size))

    def __enter__(self) -> Self:
        """Return the group."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the group once its processes have ended."""
        deadline = time.monotonic() + END_SECONDS
        while (self._folder / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._folder.rmdir()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Move this process into the group, so that the processes that it starts begin there."""
        before = self._current()
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            (before / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self) -> int:
        """Return the group's peak memory in bytes."""
        file = "memory.peak" if self._v2 else "memory.max_usage_in_bytes"
        return int((self._folder / file).read_text())

    def killed(self) -> int:
        """Return how many of the group's processes the system has killed for lack of memory."""
        file = "memory.events" if self._v2 else "memory.oom_control"
        words = (self._folder / file).read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def _current(self) -> Path:
        """Return the folder of the group that this process is in."""
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if self._v2 and not controllers:
                return ROOT / path.lstrip("/")
            if "memory" in controllers.split(","):
                return ROOT / "memory" / path.lstrip("/")
        raise OSError("this process is in no control group")
