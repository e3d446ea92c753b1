"""Letting requests in flight finish before TorchServe is stopped, because it cuts them off.

A request is in flight from its first byte to the last byte of its response:

- The kernel knows for each connection what has arrived and has not been read, what was written and
  has not been received by the client, and whether the last data came from the client: then a
  request is arriving, or waits for its response.
- TorchServe's management API returns the length of the queue of each version.
- A worker holds a lock while it processes a batch (handler/in_flight.py).

Between these places a request may briefly not be visible, so the server has to be idle for a while.
"""

import contextlib
import fcntl
import os
import socket
import struct
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from server.client import Client, ClientError, Unreachable

# How long no request has to be in flight.
QUIET_SECONDS = 0.25
# Platforms send SIGKILL 10 seconds after SIGTERM.
LIMIT_SECONDS = 8.5
POLL_SECONDS = 0.02
# A request that arrives counts as abandoned if no further data comes for this long. One that has
# arrived is in the queue or in a worker.
ABANDONED_MS = 2000

# sock_diag(7), inet_diag.h, netlink.h and tcp.h of Linux.
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, DUMP_REQUEST = 4, 20, 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
INET_DIAG_INFO = 2
ESTABLISHED, CLOSE_WAIT = 1, 8
MESSAGE = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBBxI2sH16s16sI8s")
# Of inet_diag_msg: the local port, and the bytes that were not read and not received.
SOCKET = struct.Struct("=4x2s46x4xII8x")
# Of tcp_info: the milliseconds since data was sent (with a resolution of some milliseconds) and
# since data was received, and how many segments of data were received and sent.
TRAFFIC = struct.Struct("=44xI4xI96xII")
ATTRIBUTE = struct.Struct("=HH")
DUMP_BYTES = 1 << 16


class Connections:
    """Reads the state of TCP connections to ports of this machine from the kernel.

    Linux only; elsewhere there are none. The socket is opened at the start: when the server is
    stopped there may be no descriptor left.
    """

    def __init__(self, ports: Collection[int]) -> None:
        self._ports = {port.to_bytes(2) for port in ports}
        self._netlink: socket.socket | None = None
        if sys.platform == "linux":
            # Some container runtimes have no such sockets.
            with contextlib.suppress(OSError):
                self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
                self._netlink.settimeout(1)

    def close(self) -> None:
        """Close the socket."""
        if self._netlink:
            self._netlink.close()

    def busy(self) -> bool:
        """Return whether a request or a response is on its way through a connection."""
        if not self._netlink:
            return False
        try:
            # All, because a message that is not read would belong to the next answer.
            messages = [
                message
                for family in (socket.AF_INET, socket.AF_INET6)
                for message in _dump(self._netlink, family)
            ]
        except OSError:
            return False
        return any(
            SOCKET.unpack_from(message)[0] in self._ports and _is_busy(message)
            for message in messages
        )


def _dump(netlink: socket.socket, family: int) -> Iterator[bytes]:
    """Yield the kernel's messages about all established connections of a family."""
    states = 1 << ESTABLISHED | 1 << CLOSE_WAIT
    fields = (1 << (INET_DIAG_INFO - 1), states, b"", 0, b"", b"", 0, b"")
    request = REQUEST.pack(family, socket.IPPROTO_TCP, *fields)
    length = MESSAGE.size + REQUEST.size
    netlink.send(MESSAGE.pack(length, SOCK_DIAG_BY_FAMILY, DUMP_REQUEST, 0, 0) + request)
    while True:
        data = netlink.recv(DUMP_BYTES)
        while data:
            length, kind, *_ = MESSAGE.unpack_from(data)
            if kind in (NLMSG_ERROR, NLMSG_DONE):
                return
            yield data[MESSAGE.size : length]
            data = data[(length + 3) & ~3 :]


def _is_busy(message: bytes) -> bool:
    """Return whether a request or a response is on its way, by the kernel's message."""
    _, unread, unsent = SOCKET.unpack_from(message)
    if unread or unsent:
        return True
    attributes = message[SOCKET.size :]
    while attributes:
        length, kind = ATTRIBUTE.unpack_from(attributes)
        if kind == INET_DIAG_INFO and length >= ATTRIBUTE.size + TRAFFIC.size:
            traffic = TRAFFIC.unpack_from(attributes, ATTRIBUTE.size)
            sent_ms, received_ms, received, sent = traffic
            last_from_peer = received_ms < sent_ms or (received and not sent)
            return bool(last_from_peer and received_ms < ABANDONED_MS)
        attributes = attributes[(length + 3) & ~3 :]
    return False


class Drain(contextlib.AbstractContextManager["Drain"]):
    """Waits until a server has completed all requests. Use as a context manager.

    The lock's file is opened at the start, as for `Connections`.
    """

    def __init__(self, client: Client, lock: Path, ports: Collection[int]) -> None:
        """Open `lock`, the file that workers lock while they process a batch.

        Args:
            client: of the server.
            lock: the lock's path.
            ports: where the server accepts requests.
        """
        self._client = client
        self._descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._connections = Connections(ports)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        self._connections.close()

    def wait(self, limit: float = LIMIT_SECONDS) -> bool:
        """Wait until no request is in flight; return False if `limit` seconds were not enough.

        TorchServe accepts requests until it ends, and those that arrive meanwhile are completed
        too. A platform sends none after SIGTERM.
        """
        deadline = time.monotonic() + limit
        quiet_since = None
        while (now := time.monotonic()) < deadline:
            if self._connections.busy() or self._working() or self._queued(deadline - now):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since >= QUIET_SECONDS:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _working(self) -> bool:
        """Return whether a worker holds the lock."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    def _queued(self, limit: float) -> bool:
        """Return whether a version of a model has requests in its queue."""
        timeout = min(1.0, limit)
        try:
            return any(
                version.job_queue_status.pending_requests
                for version in self._client.all_versions(timeout)
            )
        except Unreachable:
            # Not known, as when this process has no descriptor left for a connection.
            return True
        except ClientError:
            return False
