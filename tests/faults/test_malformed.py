"""Malformed requests, over HTTP and gRPC, are refused or get the correct response; that is all."""

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

import grpc
import pytest

from tests.faults import fuzzer
from tests.faults.conftest import ROWS, counted, fault, resident_mib
from tests.support import raw
from tests.support.examples import build
from tests.support.server import Server

BODIES = int(os.environ.get("FUZZ_BODIES", "200000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SENDERS, QUARTERS = 8, 4
# A response is late after that.
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of several models, two of which have code of their own."""
    folder = tmp_path_factory.mktemp("malformed")
    shutil.copy(store / "doubleit-1.0.mar", folder)
    with Server(folder, folder / "log") as server:
        for name in ("rows", "photos"):
            server.register(f"{build(name, folder)}-1.0.mar")
        yield server


def send(port: int, seed: int, statuses: Counter[int]) -> list[str]:
    """Send malformed bodies over a connection and count the statuses; return what is wrong."""
    pick, wrong = random.Random(seed), []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    for _ in range(BODIES // SENDERS // QUARTERS):
        sent = pick.choice(fuzzer.KINDS)(pick)
        try:
            connection.request("POST", sent.path, sent.body, sent.headers)
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


def exchange(port: int, sent: bytes) -> list[raw.Answer]:
    """Send bytes; return the responses until the connection is closed."""
    answers: list[raw.Answer] = []
    with raw.connect(port, PATIENCE_SECONDS) as client:
        with contextlib.suppress(OSError):
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream, contextlib.suppress(ConnectionError):
            while answer := raw.read(stream):
                answers.append(answer)
    return answers


@pytest.mark.timeout(900)
def test_malformed_http(server: Server) -> None:
    pick, statuses, wrong, count = random.Random(SEED), Counter[str](), [], BODIES // 20
    with fault("beside malformed HTTP", server, clients=2):
        for _ in range(count):
            sent = fuzzer.http(pick)
            # Behind what is refused, nothing is run as a request of its own.
            answers = exchange(server.ports["PORT"], sent + raw.request(b"[5]"))
            final = [answer for answer in answers if answer.status != 100]
            statuses[str(final[0].status) if final else "none"] += 1
            numbers = [answer.body for answer in final if answer.status == 200]
            right = numbers == [fuzzer.DOUBLED, b"[10]"][: len(numbers)]
            if not numbers:
                right = len(final) == 1 and final[0].status in range(400, 500)
            if not right:
                wrong.append(f"{sent!r}: {final}")
    ROWS.append((f"{count} times malformed HTTP", count, 0, len(wrong), "", "", counted(statuses)))
    assert wrong == [], wrong[:20]
    assert statuses["200"] > count // 20


@pytest.mark.timeout(900)
def test_malformed_messages_over_grpc(server: Server) -> None:
    codes, wrong = Counter[str](), list[str]()

    def send(seed: int) -> None:
        pick = random.Random(SEED * 1000 + seed)
        address = f"127.0.0.1:{server.ports['GRPC_PORT']}"
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            for _ in range(BODIES // 40 // SENDERS):
                sent, code, answer = pick.choice(fuzzer.CALLS)(pick), "OK", b""
                infer = channel.unary_unary(f"/inference.GRPCInferenceService/{sent.method}")
                compression = pick.choice((None, None, grpc.Compression.Gzip))
                try:
                    answer = infer(sent.message, PATIENCE_SECONDS, compression=compression)
                except grpc.RpcError as error:
                    code = error.code().name
                codes[code] += 1
                if mistake := fuzzer.judge_call(sent, code, answer):
                    wrong.append(f"{sent}: {mistake}")

    name = "beside malformed messages over gRPC"
    with fault(name, server, clients=2), ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, range(SENDERS)))
    assert wrong == [], wrong[:20]
    assert codes.keys() == {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}
