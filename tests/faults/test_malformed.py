"""Malformed requests get a 4xx, or the correct response, and have no other effect."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from examples.photos.model import MainColor
from examples.rows.model import Price
from scripts.model import archiver
from server.store.paths import ROOT
from tests.faults import fuzzer
from tests.faults.conftest import ROWS, counted, fault, resident_mib
from tests.support import raw
from tests.support.server import JSON, Server

BODIES = int(os.environ.get("FUZZ_BODIES", "200000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SENDERS, QUARTERS = 8, 4
# A response is late after the first, and does not come after the second.
PATIENCE_SECONDS, SILENT_SECONDS = 30, 0.5


def send(port: int, seed: int, statuses: Counter[int]) -> list[str]:
    """Send malformed bodies over a connection and count the statuses; return what is wrong."""
    pick, wrong = random.Random(seed), []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    for _ in range(BODIES // SENDERS // QUARTERS):
        sent = fuzzer.make(pick)
        try:
            connection.request("POST", sent.path, sent.body, sent.headers or JSON)
            response = connection.getresponse()
            mistake = fuzzer.judge(sent, response.status, response.read())
            statuses[response.status] += 1
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            mistake = repr(error)
        if mistake:
            wrong.append(f"{sent}: {mistake}")
    connection.close()
    return wrong


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
def test_malformed_http(store: Path, tmp_path: Path, edits: str) -> None:
    """Without the edits, only a response with the wrong numbers is wrong."""
    pick, statuses, wrong = random.Random(SEED), Counter[str](), []
    edited = edits == "on"
    count, behind = (BODIES // 20, raw.request(b"[5]")) if edited else (BODIES // 100, b"")
    with (
        Server(store, tmp_path / "log", environment={"TORCHSERVE_EDITS": edits}) as server,
        fault(f"beside malformed HTTP, edits {edits}", server, clients=2),
    ):
        for _ in range(count):
            sent = fuzzer.http(pick)
            # Behind what is refused, nothing is run as a request of its own.
            answers = exchange(server.ports["PORT"], sent + behind, shut=edited)
            final = [answer for answer in answers if answer.status != 100]
            statuses[" ".join(str(answer.status) for answer in final[:1]) or "none"] += 1
            numbers = [answer.body for answer in final if answer.status == 200]
            right = numbers == [fuzzer.DOUBLED, b"[10]"][: len(numbers)]
            if edited and not numbers:
                right = len(final) == 1 and final[0].status in range(400, 500)
            if not right:
                wrong.append(f"{sent!r}: {final}")
    name = f"{count} times malformed HTTP, edits {edits}"
    ROWS.append((name, count, 0, len(wrong), "", "", counted(statuses)))
    assert wrong == [], wrong[:20]
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
        yield server


@pytest.mark.timeout(900)
def test_malformed_requests(server: Server) -> None:
    statuses, sizes, wrong = Counter[int](), [], []
    with fault("beside malformed requests", server, clients=2) as it:
        processes, port = server.processes(), server.ports["PORT"]
        with ThreadPoolExecutor(SENDERS) as pool:
            for quarter in range(QUARTERS):
                seeds = (SEED * 1000 + quarter * SENDERS + n for n in range(SENDERS))
                for mistakes in pool.map(lambda seed: send(port, seed, statuses), seeds):
                    wrong += mistakes
                sizes.append(resident_mib(server))
        took = time.monotonic() - it.began
        assert server.processes() == processes
    memory = f"memory {'/'.join(map(str, sizes))} MiB"
    remark = f"seed {SEED}, {took:.0f} s; {counted(statuses)}; {memory}"
    ROWS.append((f"{BODIES} malformed requests", BODIES, 0, len(wrong), "", "", remark))
    assert wrong == [], wrong[:20]
    assert set(statuses) <= {200, 400, 404, 413, 415}
    # Compared with the end of the first quarter, which warms up the server.
    assert sizes[-1] < sizes[0] * 1.25 + 50
    # None for a body.
    assert server.output().count("\n") < 200
