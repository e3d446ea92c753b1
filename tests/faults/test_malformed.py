"""Malformed bodies get a 4xx, or the correct response, and have no other effect."""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults import fuzzer
from tests.faults.conftest import Report, Row, resident
from tests.support import raw
from tests.support.load import Load

BODIES = int(os.environ.get("FUZZ_BODIES", "200000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SENDERS = 8
# One in this many bodies of each sender has a wrong Content-Length.
WRONG_LENGTH = 50
MIB = 1 << 20


class Sender:
    """A client that sends malformed bodies and judges the responses."""

    def __init__(self, port: int, seed: int) -> None:
        self._port, self._pick = port, random.Random(seed)
        self._socket: socket.socket | None = None
        self._stream: Any = None
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []

    def send(self, count: int) -> None:
        """Send this number of bodies."""
        for n in range(count):
            body = fuzzer.make(self._pick)
            if n % WRONG_LENGTH == 0:
                self._wrong_length(body)
                continue
            try:
                answer = self._ask(raw.request(body))
            except OSError as error:
                self.wrong.append(f"{body[:100]!r}: {error}")
                self.close()
                continue
            if answer is None:
                self.wrong.append(f"{body[:100]!r}: no answer")
                self.close()
                continue
            self.statuses[answer.status] += 1
            fault = fuzzer.judge(body, answer.status, answer.body)
            if fault:
                self.wrong.append(f"{body[:100]!r}: {fault}")
            if answer.headers.get("connection") == "close":
                self.close()

    def _ask(self, request: bytes) -> raw.Answer | None:
        if self._socket is None:
            self._socket = raw.connect(self._port)
            self._stream = self._socket.makefile("rb")
        self._socket.sendall(request)
        return raw.read(self._stream)

    def _wrong_length(self, body: bytes) -> None:
        """Send a body with a wrong Content-Length, and disconnect."""
        self.close()
        length = max(0, len(body) + self._pick.randint(-20, 20))
        with raw.connect(self._port) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(raw.request(body, length=length))
        self.statuses[0] += 1

    def close(self) -> None:
        """Close the connection."""
        if self._socket:
            self._stream.close()
            self._socket.close()
        self._socket = None


@pytest.mark.timeout(900)
def test_malformed_bodies(serve: Any, report: Report, table: list[Row]) -> None:
    with serve() as server, Load(server.ports["PORT"], clients=2) as load:
        workers = server.worker_pids()
        senders = [Sender(server.ports["PORT"], SEED * 1000 + n) for n in range(SENDERS)]
        began = time.monotonic()
        sizes = []
        with ThreadPoolExecutor(SENDERS) as pool:
            for _ in range(4):
                list(pool.map(lambda sender: sender.send(BODIES // SENDERS // 4), senders))
                sizes.append(resident(server) // MIB)
        took = time.monotonic() - began
        for sender in senders:
            sender.close()
        load.settle()
        assert server.worker_pids() == workers
        output = server.output()
    report("beside malformed bodies", load, began)
    statuses: Counter[int] = sum((sender.statuses for sender in senders), Counter())
    wrong = [line for sender in senders for line in sender.wrong]
    counts = ", ".join(f"{n} with {status}" for status, n in sorted(statuses.items()) if status)
    remark = f"seed {SEED}, {took:.0f} s; {counts}; memory {'/'.join(map(str, sizes))} MiB"
    table.append(Row(f"{BODIES} malformed bodies", BODIES, 0, len(wrong), "", "", remark))
    assert wrong == [], wrong[:20]
    assert load.failures == []
    assert set(statuses) <= {0, 200, 400, 413}
    # Compared with the end of the first quarter, which warms up the server.
    assert sizes[-1] < sizes[0] * 1.25 + 50
    # At most one line for each connection that was cut off, and none for a body.
    assert output.count("\n") < BODIES // WRONG_LENGTH + 100
