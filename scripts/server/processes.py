"""The processes that a server consists of: tied to their parent, and ended as a group."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys

# prctl(2): the signal that a process gets when its parent dies. Linux only.
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have this process, a child before its program, killed when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End TorchServe, or whatever leads a process group of its own, and what it started, at once.

    What it does by itself when it is asked to end is no use here: it cuts off what is in flight,
    and waits two seconds for Netty. Requests are let finish before (drain.py).
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
