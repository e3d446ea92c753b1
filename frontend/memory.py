"""Limit the memory of large inputs: process one at a time, and return free memory to the system."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

# Smaller inputs are processed concurrently.
LARGE_BYTES = 2**19
# How long a large input waits for its turn; the same as the timeout of a prediction.
TURN_SECONDS = 60

# glibc's malloc.h. Blocks of at least this size are returned to the system as soon as they are
# free; by default the threshold grows with the blocks that are freed, up to 32 MiB.
_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES = -3, 2**17
# Each thread's arena keeps its peak size, and each click runs in a thread.
_M_ARENA_MAX, _ARENAS = -8, 2

_turn = threading.Lock()


class BusyError(Exception):
    """Other large inputs took too long."""


def configure() -> None:
    """Make the allocators return free memory to the system; call this before threads start."""
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc
            libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
            libc.mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Return free memory in small blocks to the system."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):  # glibc
            libc.malloc_trim(0)


@contextmanager
def turn(size: int) -> Iterator[None]:
    """Process a large input exclusively: wait until no other session processes one.

    Args:
        size: bytes of the input; a small one does not wait.

    Raises:
        BusyError: other inputs took longer than `TURN_SECONDS`.
    """
    if size < LARGE_BYTES:
        yield
        return
    if not _turn.acquire(timeout=TURN_SECONDS):
        raise BusyError
    try:
        yield
    finally:
        _turn.release()
