"""Floods of each kind of attack, next to 32 ordinary clients."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults import attacks
from tests.faults.conftest import Report
from tests.support import raw
from tests.support.load import Load
from tests.support.server import Server

SENDERS = 2
SECONDS = 5.0
SEED = 1
# Longer than `responseTimeout`, after which a hanging worker is replaced.
PATIENCE_SECONDS = 45


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all floods, so that the effects of one would show in the next."""
    with Server(store, tmp_path_factory.mktemp("server") / "log") as server:
        server.post("[1]").raise_for_status()
        yield server


def send(port: int, attack: attacks.Attack, seed: int, until: float) -> tuple[Counter[str], int]:
    """Send until `until` (`time.monotonic`); return the outcomes and the number of bytes sent."""
    pick, outcomes, sent = random.Random(seed), Counter[str](), 0
    while time.monotonic() < until:
        request = attack(pick)
        sent += len(request)
        outcome = "cut off"
        with contextlib.suppress(ConnectionError), raw.connect(port, PATIENCE_SECONDS) as client:
            # The server may respond before it has read everything.
            with contextlib.suppress(ConnectionError):
                client.sendall(request)
            answer = raw.read(client.makefile("rb"))
            outcome = str(answer.status) if answer else "closed"
        outcomes[outcome] += 1
    return outcomes, sent


@pytest.mark.parametrize("kind", attacks.KINDS)
def test_a_flood_costs_nobody_an_answer(server: Server, report: Report, kind: str) -> None:
    workers = server.worker_pids()
    with Load(server.ports["PORT"]) as load, ThreadPoolExecutor(SENDERS) as pool:
        load.run(1)
        began = time.monotonic()
        port, attack = server.ports["PORT"], attacks.KINDS[kind]
        futures = [
            pool.submit(send, port, attack, SEED * 100 + n, began + SECONDS) for n in range(SENDERS)
        ]
        results = [future.result() for future in futures]
        load.settle(1)
    outcomes = sum((counter for counter, _ in results), Counter[str]())
    sent = sum(size for _, size in results)
    counts = ", ".join(f"{count} {what}" for what, count in outcomes.most_common())
    report(kind, load, None, f"{sent / attacks.MIB:.0f} MiB: {counts}")
    assert load.failures == []
    assert server.worker_pids() == workers
    assert not [what for what in outcomes if what.startswith("5")], counts
