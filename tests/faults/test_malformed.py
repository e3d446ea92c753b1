"""Malformed requests get a 4xx, or the correct response, and have no other effect."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import torch

from examples.photos.model import MainColor
from examples.rows.model import Price
from scripts.model import archiver
from server.store.paths import ROOT
from tests.faults import attacks, fuzzer
from tests.faults.conftest import Report, Row, resident, wait_for_all_workers
from tests.support import raw
from tests.support.load import Load
from tests.support.server import Server

BODIES = int(os.environ.get("FUZZ_BODIES", "200000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SENDERS = 8
MIB = 1 << 20
# A response is late after the first, and does not come after the second.
PATIENCE_SECONDS, SILENT_SECONDS = 30, 0.5


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
        for _ in range(count):
            sent = fuzzer.make(self._pick)
            answer, fault = None, "no answer"
            try:
                answer = self._ask(attacks.http(sent.body, sent.headers or attacks.JSON, sent.path))
            except OSError as error:
                fault = str(error)
            if answer:
                self.statuses[answer.status] += 1
                fault = fuzzer.judge(sent, answer.status, answer.body)
            if fault:
                self.wrong.append(f"{sent}: {fault}")
            if answer is None:
                self.close()
                continue
            if answer.headers.get("connection") == "close":
                self.close()

    def _ask(self, request: bytes) -> raw.Answer | None:
        if self._socket is None:
            self._socket = raw.connect(self._port)
            self._stream = self._socket.makefile("rb")
        self._socket.sendall(request)
        return raw.read(self._stream)

    def close(self) -> None:
        """Close the connection."""
        if self._socket:
            self._stream.close()
            self._socket.close()
        self._socket = None


def exchange(port: int, sent: bytes, *, shut: bool) -> list[raw.Answer]:
    """Send bytes; return the responses until the connection is closed, or stays silent."""
    answers: list[raw.Answer] = []
    with raw.connect(port, PATIENCE_SECONDS if shut else SILENT_SECONDS) as client:
        with contextlib.suppress(OSError):
            client.sendall(sent)
            if shut:
                client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream, contextlib.suppress(ConnectionError):
            try:
                while answer := raw.read(stream):
                    answers.append(answer)
            except TimeoutError:
                assert not shut, sent
    return answers


@pytest.mark.timeout(900)
@pytest.mark.parametrize("edits", ["on", "off"])
def test_malformed_http(serve: Any, report: Report, table: list[Row], edits: str) -> None:
    """Without the edits, only a response with the wrong numbers is wrong."""
    pick, statuses, wrong = random.Random(SEED), Counter[str](), []
    edited = edits == "on"
    count, behind = (BODIES // 20, raw.request(b"[5]")) if edited else (BODIES // 100, b"")
    with serve(TORCHSERVE_EDITS=edits) as server, Load(server.ports["PORT"], clients=2) as load:
        began = time.monotonic()
        for _ in range(count):
            sent = fuzzer.http(pick)
            # Behind what is refused, nothing is run as a request of its own.
            answers = exchange(server.ports["PORT"], sent + behind, shut=edited)
            final = [answer for answer in answers if answer.status != HTTPStatus.CONTINUE]
            statuses[" ".join(str(answer.status) for answer in final[:1]) or "none"] += 1
            numbers = [answer.body for answer in final if answer.status == HTTPStatus.OK]
            right = numbers == [fuzzer.DOUBLED, b"[10]"][: len(numbers)]
            if edited and not numbers:
                right = len(final) == 1 and final[0].status in range(400, 500)
            if not right:
                wrong.append(f"{sent!r}: {final}")
        load.settle()
    report(f"beside malformed HTTP, edits {edits}", load, began)
    remark = ", ".join(f"{number} with {status}" for status, number in statuses.most_common())
    table.append(
        Row(f"{count} times malformed HTTP, edits {edits}", count, 0, len(wrong), "", "", remark)
    )
    assert wrong == [], wrong[:20]
    assert load.failures == []
    assert statuses["200"] > count // 20


@pytest.fixture
def server(store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of several models, two of which have code of their own."""
    for name, module, files in (
        ("rows", Price(), ["houses.csv"]),
        ("photos", MainColor(), ["labels.txt", "sky.jpg"]),
    ):
        folder, model = ROOT / "examples" / name, tmp_path / f"{name}.pt"
        torch.jit.script(module.eval()).save(str(model))
        archiver.main(
            name=name,
            model=model,
            config=folder / "model-config.yaml",
            store=tmp_path,
            code=folder / f"{name}.py",
            files=",".join(str(folder / file) for file in files),
        )
    shutil.copy(store / "doubleit-1.0.mar", tmp_path)
    with Server(tmp_path, tmp_path / "log") as server:
        for name in ("rows", "photos"):
            server.register(f"{name}-1.0.mar")
        wait_for_all_workers(server)
        yield server


@pytest.mark.timeout(900)
def test_malformed_requests(server: Server, report: Report, table: list[Row]) -> None:
    with Load(server.ports["PORT"], clients=2) as load:
        workers = server.processes()
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
        assert server.processes() == workers
    output = server.output()
    report("beside malformed requests", load, began)
    statuses: Counter[int] = sum((sender.statuses for sender in senders), Counter())
    wrong = [line for sender in senders for line in sender.wrong]
    counts = ", ".join(f"{n} with {status}" for status, n in sorted(statuses.items()))
    remark = f"seed {SEED}, {took:.0f} s; {counts}; memory {'/'.join(map(str, sizes))} MiB"
    table.append(Row(f"{BODIES} malformed requests", BODIES, 0, len(wrong), "", "", remark))
    assert wrong == [], wrong[:20]
    assert load.failures == []
    assert set(statuses) <= {200, 400, 404, 413, 415}
    # Compared with the end of the first quarter, which warms up the server.
    assert sizes[-1] < sizes[0] * 1.25 + 50
    # None for a body.
    assert output.count("\n") < 200
