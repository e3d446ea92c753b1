"""The program's output, which never blocks: lines that nobody reads are dropped and counted.

A write to a full pipe waits until somebody reads it. Java logs in the threads that answer requests,
so without this a log collector that hangs would stop the server, and its stop as well.
"""

import contextlib
import os
import threading
import time
from collections import deque
from typing import Self

CHUNK_BYTES = 1 << 16
# What is kept while the output blocks; everything beyond it is dropped.
KEPT_BYTES = 1 << 20
# How long the end of the program waits for the rest of the output to be read.
END_SECONDS = 0.25


class Output:
    """Replaces a file descriptor by a pipe, and passes on what arrives there.

    Children inherit the pipe. Use as a context manager; in its block nothing that is written to the
    descriptor blocks.
    """

    def __init__(self, descriptor: int) -> None:
        """Prepare for `descriptor`, such as 1 for stdout."""
        self._descriptor = descriptor
        self._kept: deque[bytes] = deque()
        self._size = self._dropped = 0
        self._changed = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        self._target = os.dup(self._descriptor)
        read, write = os.pipe()
        os.dup2(write, self._descriptor)
        os.close(write)
        self._threads = [
            threading.Thread(target=target, args=arguments, daemon=True)
            for target, arguments in ((self._receive, (read,)), (self._pass_on, ()))
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the descriptor; the rest of the output gets END_SECONDS."""
        os.dup2(self._target, self._descriptor)
        deadline = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            os.close(self._target)

    def _receive(self, source: int) -> None:
        """Keep what arrives; never wait for the target."""
        rest = b""
        while chunk := os.read(source, CHUNK_BYTES):
            # Only whole lines are kept or dropped.
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            self._keep(lines + newline)
            if len(rest) > CHUNK_BYTES:
                self._keep(rest)
                rest = b""
        os.close(source)
        self._keep(rest)
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _keep(self, lines: bytes) -> None:
        with self._changed:
            if self._size + len(lines) > KEPT_BYTES:
                self._dropped += lines.count(b"\n")
            elif lines:
                self._kept.append(self._note() + lines)
                self._size += len(self._kept[-1])
                self._changed.notify()

    def _note(self) -> bytes:
        """Return the line that stands where lines are missing, if they are."""
        number, self._dropped = self._dropped, 0
        return b"serve: %d lines of the log were dropped\n" % number if number else b""

    def _pass_on(self) -> None:
        """Write to the target, which may block this thread and no other."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._kept or self._ended)
                if not self._kept:
                    break
                lines = self._kept.popleft()
                # The target has a buffer of its own; what is being written does not count as kept.
                self._size -= len(lines)
            while lines:
                # A full disk or a closed pipe: the log is lost, and the server goes on.
                with contextlib.suppress(OSError):
                    lines = lines[os.write(self._target, lines) :]
                    continue
                break
        with contextlib.suppress(OSError):
            os.write(self._target, self._note())
