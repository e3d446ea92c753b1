"""Floods of each kind of attack, next to 32 ordinary clients."""

import contextlib
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.faults import attacks, fuzzer
from tests.faults.conftest import MIB, counted, fault
from tests.support import raw
from tests.support.server import Server

SENDERS = 2
SECONDS = 5.0
SEED = 1
# Longer than `responseTimeout`, after which a hanging worker is replaced.
PATIENCE_SECONDS = 45


def flood(port: int, attack: attacks.Attack) -> tuple[Counter[str], int]:
    """Send for SECONDS; return the outcomes and the number of bytes sent."""
    until = time.monotonic() + SECONDS
    outcomes, sent = Counter[str](), 0

    def send(seed: int) -> None:
        nonlocal sent
        pick = random.Random(SEED * 100 + seed)
        while time.monotonic() < until:
            request = attack(pick)
            sent += len(request)
            outcome = "cut off"
            with (
                contextlib.suppress(ConnectionError),
                raw.connect(port, PATIENCE_SECONDS) as client,
            ):
                # The server may respond before it has read everything.
                with contextlib.suppress(ConnectionError):
                    client.sendall(request)
                answer = raw.read(client.makefile("rb"))
                outcome = str(answer.status) if answer else "closed"
            outcomes[outcome] += 1

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, range(SENDERS)))
    return outcomes, sent


@pytest.mark.parametrize("kind", attacks.KINDS)
def test_a_flood_costs_nobody_an_answer(server: Server, kind: str) -> None:
    with fault(kind, server) as it:
        outcomes, sent = flood(server.ports["PORT"], attacks.KINDS[kind])
        it.remark = f"{sent / MIB:.0f} MiB: {counted(outcomes)}"
    assert not [outcome for outcome in outcomes if outcome.startswith("5")], it.remark


# Those of TorchServe's own service, of which no odd message may cost anything either.
METHODS = ("Predictions", "StreamPredictions")


def test_a_flood_over_grpc(server: Server) -> None:
    pick, outcomes = random.Random(SEED), Counter[str]()
    address = f"127.0.0.1:{server.ports['GRPC_PORT']}"
    service = "/org.pytorch.serve.grpc.inference.InferenceAPIsService"
    with fault("odd messages over gRPC", server) as it, grpc.insecure_channel(address) as channel:
        while time.monotonic() < it.began + SECONDS:
            ask = channel.unary_stream(f"{service}/{pick.choice(METHODS)}")
            try:
                list(ask(pick.choice(fuzzer.CALLS)(pick).message, timeout=20))
                outcomes["answered"] += 1
            except grpc.RpcError as error:
                outcomes[error.code().name] += 1
        it.remark = counted(outcomes)
    assert outcomes["DEADLINE_EXCEEDED"] == 0
