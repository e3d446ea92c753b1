"""The resources that a server's processes use."""

from __future__ import annotations

import psutil

MIB = 1 << 20


def measure(server: psutil.Process) -> dict[str, float]:
    """Return memory in MiB (Java's and the workers'), open file descriptors and threads.

    Args:
        server: the supervising process, `python -m server`.

    Raises:
        psutil.Error: a process ended during the measurement.
    """
    everything = server.children(recursive=True)
    java = [process for process in everything if process.name() == "java"]
    python = [process for process in everything if process not in java]
    return {
        "java": sum(process.memory_info().rss for process in java) / MIB,
        "workers": sum(process.memory_info().rss for process in python) / MIB,
        "descriptors": sum(process.num_fds() for process in everything),
        "threads": sum(process.num_threads() for process in everything),
    }
