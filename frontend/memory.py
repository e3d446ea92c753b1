"""Memory of large inputs: one at a time is worked on, and what is free goes back to the system."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

# Bytes. Less than this is worked on beside everything else.
LARGE_BYTES = 2**19
# Seconds that a large input waits for its turn; as long as for the server's answer.
TURN_SECONDS = 60

# glibc's malloc.h. A block of this size and more is given back as soon as it is free; by default
# the limit grows with the blocks that are freed, up to 32 MiB.
_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES = -3, 2**17
# Each thread's arena keeps what it had at its peak, and each click runs in a thread.
_M_ARENA_MAX, _ARENAS = -8, 2

_turn = threading.Lock()


class BusyError(Exception):
    """The turn did not come."""


def configure() -> None:
    """Let free memory go back to the system; to be called before threads start."""
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc
            libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
            libc.mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Give the system what is free in small blocks."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):  # glibc
            libc.malloc_trim(0)


@contextmanager
def turn(size: int) -> Iterator[None]:
    """Wait until no other session works on a large input, if this one is large.

    Args:
        size: bytes of the input.

    Raises:
        BusyError: others were at work for `TURN_SECONDS`.
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
