"""A control group with a memory limit, as a container has one. Needs root, on Linux."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Group:
    """A control group, version 1 or 2."""

    def __init__(self, name: str, limit: int) -> None:
        """Make a group whose processes may have `limit` bytes together.

        Raises:
            OSError: this process may not, or there are no control groups here.
        """
        self._v2 = (ROOT / "cgroup.controllers").exists()
        parent = ROOT if self._v2 else ROOT / "memory"
        self.folder = parent / name
        if self._v2:
            (parent / "cgroup.subtree_control").write_text("+memory")
        self.folder.mkdir()
        names = ("memory.max", "memory.swap.max") if self._v2 else ("memory.limit_in_bytes",)
        for file in names:
            if (self.folder / file).exists():
                (self.folder / file).write_text("0" if "swap" in file else str(limit))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the group meanwhile, so that what is started is in it from its first byte."""
        before = self._own()
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            (before / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self) -> int:
        """Return the most bytes that the group has had."""
        file = "memory.peak" if self._v2 else "memory.max_usage_in_bytes"
        return int((self.folder / file).read_text())

    def killed(self) -> int:
        """Return how many of its processes the system has killed for want of memory."""
        file = "memory.events" if self._v2 else "memory.oom_control"
        words = (self.folder / file).read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def remove(self) -> None:
        """Remove the group once its processes have ended."""
        deadline = time.monotonic() + 20
        while (self.folder / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.folder.rmdir()

    def _own(self) -> Path:
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if self._v2 and not controllers:
                return ROOT / path.lstrip("/")
            if "memory" in controllers.split(","):
                return ROOT / "memory" / path.lstrip("/")
        raise OSError("this process is in no control group")
