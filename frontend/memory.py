"""Limit memory: process one large input at a time, and release what is no longer needed.

Streamlit has no public way to release ended sessions. A version without the private one releases
them later, and a log line says so.
"""

import ctypes
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from streamlit import runtime

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
_log = logging.getLogger(__name__)


class BusyError(Exception):
    """Other large inputs took too long."""


def _call_glibc(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, name):
        getattr(libc, name)(*arguments)


def configure() -> None:
    """Make the allocators return free memory to the system; call this before threads start."""
    pa.set_memory_pool(pa.system_memory_pool())
    _call_glibc("mallopt", _M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    _call_glibc("mallopt", _M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Return free memory in small blocks to the system."""
    _call_glibc("malloc_trim", 0)


@contextmanager
def turn(size: int) -> Iterator[None]:
    """Process an input exclusively, if its size in bytes is large, or raise BusyError."""
    if size >= LARGE_BYTES and not _turn.acquire(timeout=TURN_SECONDS):
        raise BusyError
    try:
        yield
    finally:
        if size >= LARGE_BYTES:
            _turn.release()


def expire() -> None:
    """Release ended sessions; Streamlit only releases one when the next one ends."""
    manager: Any = runtime.get_instance()
    try:
        manager._session_mgr._session_storage._cache.expire()
    except AttributeError as error:
        _log.warning("page: ended sessions stay in memory until the next one ends: %s", error)
