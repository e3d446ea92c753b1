"""Child processes that end with their parent, and process groups that end as a whole."""

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
