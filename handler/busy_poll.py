"""Waits for the next message of a connection, without sleeping where that is worth it.

A client on the same machine that sends its next request as soon as it has a response does so within
a tenth of a millisecond. A process that sleeps meanwhile takes a third of that to wake up, and then
runs at half its speed for a while, with cold caches. So the worker asks the socket again and again
instead, but only while requests come one by one and this fast. On a server with more clients, or
with a client that pauses, it sleeps.
"""

import os
import select
import socket
import time

# An environment variable of the supervisor: not empty if there is a core for it. With less than two
# cores, the time would be taken from the process that sends the next message.
BUSY_POLL = "BUSY_POLL"
BUSY_SECONDS = 0.0002


class Arrivals:
    """Waits until something arrives on a connection."""

    def __init__(self, connection: socket.socket, *, busy: bool) -> None:
        """Wait on `connection`; `busy` says whether that may be done without sleeping."""
        # A thread that sleeps in recv() wakes up as well when the other side reads a response.
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        self._poll = poll.poll
        self._busy = busy
        self._quick = False

    def wait(self, *, single: bool) -> None:
        """Return when there is something to read, or the other side has closed the connection.

        Args:
            single: whether the last message was a single request.
        """
        end = time.monotonic() + BUSY_SECONDS
        if self._busy and single and self._quick:
            while not self._poll(0) and time.monotonic() < end:
                os.sched_yield()
        self._poll()
        self._quick = time.monotonic() < end
