"""Stop signals, and what ends with this process: its children and its temporary folder."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

# SIGHUP comes when a terminal is closed, unless `nohup` has the program ignore it.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# prctl(2): the signal that a process gets when its parent dies. Linux only.
PR_SET_PDEATHSIG = 1
# The beginning of the names of temporary folders.
PREFIX = "torchserve-"
# A file by which such a folder is told from those of other programs.
MARK = ".doubleit"
# A folder is locked as soon as it exists; one that is older and not locked belongs to no process.
UNLOCKED_SECONDS = 60


class Stop(BaseException):
    """A stop signal arrived. Not an Exception: no handler of errors may swallow it."""


def raise_stop_on_signals() -> None:
    """Have the first of STOP_SIGNALS raise Stop in the main thread; later ones are ignored.

    `finally` blocks then end the program in order.
    """
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise_stop)


def _raise_stop(_number: int, _frame: FrameType | None) -> None:
    # A second signal does not cut the orderly end short.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stop


def die_with_parent() -> None:
    """Have this process killed when its parent ends. For use as `preexec_fn`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a process group, such as TorchServe's, and the whole group.

    TorchServe's own shutdown is of no use: it cuts off requests in flight and waits two seconds for
    Netty. Requests in flight finish before this is called (drain.py).
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder, and remove those of processes that were killed.

    It is locked, by which this function and systemd-tmpfiles see that it is in use.
    """
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _opened(left) as descriptor:
            status = os.fstat(descriptor)
            old = status.st_mtime < time.time() - UNLOCKED_SECONDS
            if old and status.st_uid == os.geteuid() and (left / MARK).exists():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder,
        _opened(Path(folder)) as descriptor,
    ):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        Path(folder, MARK).touch()
        yield Path(folder)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
