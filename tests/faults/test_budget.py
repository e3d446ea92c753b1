"""The memory that requests share: they wait for each other, and each gives its share back."""

import gzip
import http.client
import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from torch import Tensor, nn

from scripts.bench.bodies import FORMS
from server import memory
from tests.faults.conftest import MIB, counted, fault, wait_for_all_workers
from tests.support import raw
from tests.support.operators import add
from tests.support.server import JSON, Server
from tests.support.wait import wait_until

MEMORY = 1024 * MIB
ENVIRONMENT = {"MEMORY": str(MEMORY), "TS_DEFAULT_WORKERS_PER_MODEL": "2"}
LIMITS = memory.limits(MEMORY, workers=2, models=[MIB])
LARGEST = LIMITS.request
SETTINGS = "model: {batch: none, inputs: {numbers: {datatype: INT64, shape: [-1]}}}\n"
GZIP = {"Content-Encoding": "gzip"}
# What InTurn.java and Budget.java state.
SMALL_BYTES, STALLED_SECONDS, WAIT_SECONDS = 64 << 10, 5, 30
PATIENCE_SECONDS = 60


NUMBERS = FORMS["list of integers"]
FULL = NUMBERS(LARGEST).content
COSTLY = NUMBERS(min(8 * MIB, LARGEST)).content
CHUNKED = raw.request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")


@pytest.fixture(autouse=True)
def nothing_is_lost(server: Server) -> Iterator[None]:
    """After each fault, the largest body is answered at once: all of the memory is free again."""
    java = server.java_pid()
    yield
    wait_for_all_workers(server)
    answers = [post(server, FULL) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = (answer.elapsed.total_seconds() for answer in answers)
    # A busy machine needs seconds for each, and not always the same.
    assert first - second < max(STALLED_SECONDS, second)
    assert server.java_pid() == java
    assert "OutOfMemoryError" not in server.output()


def post(server: Server, body: bytes, **headers: str) -> requests.Response:
    """Send a request whose response is not to be compressed."""
    return server.post(body, **{"Accept-Encoding": "identity", **headers})


def at_once(server: Server, body: bytes, count: int, **headers: str) -> Counter[int]:
    """Return the statuses of requests that are sent at the same time."""
    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(lambda _: post(server, body, **headers).status_code, range(count)))


def connect(server: Server, seconds: float = PATIENCE_SECONDS) -> socket.socket:
    return raw.connect(server.ports["PORT"], seconds)


def begin(server: Server, body: bytes, sent: int) -> socket.socket:
    """Return a connection on which the first `sent` bytes of a body have been sent."""
    client, request = connect(server), raw.request(body)
    client.sendall(request[: len(request) - len(body) + sent])
    return client


def refused(client: socket.socket) -> raw.Answer:
    """Return the response to a request that the client has not sent completely."""
    with client:
        answer = raw.ask(client)
    error = json.loads(answer.body)
    assert error["code"] == answer.status
    assert error["error"] == error["message"]
    return answer


def test_more_bodies_than_fit_are_answered_one_after_the_other(server: Server) -> None:
    name = f"16 lists of {len(COSTLY) // MIB} MiB at once, 1 GiB"
    with fault(name, server, clients=8) as it:
        statuses = at_once(server, COSTLY, 16)
        it.remark = counted(statuses)
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= 8


def test_a_client_that_stops_half_way_does_not_keep_others_waiting(server: Server) -> None:
    with fault("uploads that stop halfway while others wait, 1 GiB", server, clients=8) as it:
        stopped = [begin(server, FULL, len(FULL) // 2) for _ in range(3)]
        statuses = at_once(server, COSTLY, 2)
        it.remark = f"{time.monotonic() - it.began:.0f} s"
    assert statuses == {200: 2}
    assert [refused(client).status for client in stopped] == [408] * 3


@pytest.mark.parametrize("sent", [len(FULL) // 2, len(FULL)])
def test_a_client_that_leaves_gives_its_share_back(server: Server, sent: int) -> None:
    for _ in range(5):
        begin(server, FULL, sent).close()


def test_what_waits_for_too_long_gets_503(server: Server) -> None:
    # It sends just enough not to count as stalled.
    slow, sent = begin(server, FULL, MIB), MIB
    waiting = begin(server, FULL, 0)
    deadline = time.monotonic() + WAIT_SECONDS + 4
    while time.monotonic() < deadline:
        slow.sendall(FULL[sent : sent + 300_000])
        sent += 300_000
        time.sleep(2.5)
    answer = refused(waiting)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    with slow:
        assert raw.ask(slow, FULL[sent:]).status == 200


def test_clients_that_read_steadily_get_whole_responses(server: Server) -> None:
    """Together their responses are larger than what the server holds for clients."""
    # Each number becomes 2000000000000000.0 and a comma.
    count = LIMITS.response // 20
    body = b"[%b1e15]" % (b"1e15," * (count - 1))

    def read_slowly(_: int) -> int:
        with begin(server, body, len(body)) as client:
            response = http.client.HTTPResponse(client)
            response.begin()
            received = 0
            while part := response.read(MIB):
                received += len(part)
                time.sleep(0.05)
        return received

    clients = 8
    with ThreadPoolExecutor(clients) as pool:
        assert set(pool.map(read_slowly, range(clients))) == {19 * count + 1}


def test_a_thousand_requests_wait(server: Server) -> None:
    body = NUMBERS(2 * SMALL_BYTES).content
    with (
        fault("1000 requests that wait for memory, 1 GiB", server, clients=8),
        ExitStack() as stack,
    ):
        blocking = begin(server, FULL, len(FULL) // 2)
        clients = [stack.enter_context(begin(server, body, 100)) for _ in range(1000)]
        blocking.close()
        for client in clients:
            client.sendall(body[100:])
        answers = [raw.ask(client) for client in clients]
    assert {(answer.status, answer.body) for answer in answers} == {(200, body.replace(b"1", b"2"))}


def test_chunked_bodies_wait_as_well(server: Server) -> None:
    def send(_: int) -> int:
        pieces = (COSTLY[i : i + SMALL_BYTES] for i in range(0, len(COSTLY), SMALL_BYTES))
        headers = {**JSON, "Accept-Encoding": "identity"}
        return requests.post(server.predictions, pieces, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(send, range(6))) == [200] * 6


def test_a_chunked_body_that_waits_is_not_read_on(server: Server) -> None:
    # Less time than after which the first client counts as stalled.
    with (
        begin(server, FULL, len(FULL) // 2),
        connect(server, STALLED_SECONDS / 2) as client,
        pytest.raises(TimeoutError),
    ):
        client.sendall(CHUNKED + b"%x\r\n" % len(FULL) + FULL)


def test_a_chunked_body_without_an_end_gets_413(server: Server) -> None:
    client = connect(server)
    client.sendall(CHUNKED + b"%x\r\n" % (2 * LARGEST) + FULL + FULL[:MIB])
    answer = refused(client)
    assert answer.status == 413
    assert "the limit that follows from the server's memory" in answer.body.decode()


def test_compressed_bodies_wait_for_what_they_usually_unpack_to(server: Server) -> None:
    packed = gzip.compress(json.dumps(list(range(10**6))).encode())
    assert at_once(server, packed, 16, **GZIP) == {200: 16}


def test_a_compressed_body_that_unpacks_to_much_more_needs_free_memory(server: Server) -> None:
    packed = gzip.compress(b" " * (LARGEST * 2 // 3) + b"[1]")
    request = raw.request(packed).replace(b"Host: x", b"Content-Encoding: gzip")

    def first_has_the_memory() -> bool:
        with connect(server) as first:
            first.sendall(request[:-9])
            time.sleep(0.5)
            # If both are unpacked at the same time, either of them can be refused.
            if post(server, packed, **GZIP).status_code != 503:
                return False
            assert post(server, gzip.compress(b"[1]"), **GZIP).text == "[2]"
            assert raw.ask(first, request[-9:]).body == b"[2]"
        return True

    wait_until(first_has_the_memory, "the memory")


def test_expect_continue_is_answered_when_there_is_memory(server: Server) -> None:
    head = raw.request(FULL)[: -len(FULL) - 2] + b"Expect: 100-continue\r\n\r\n"
    with connect(server) as client:
        assert raw.ask(client, head).status == 100
        assert raw.ask(client, FULL).status == 200


def test_a_worker_that_is_killed_gives_its_share_back(server: Server) -> None:
    name = "worker killed (-9) among 8 large bodies, 1 GiB"
    with fault(name, server, clients=8, failures=64) as it, ThreadPoolExecutor(1) as pool:
        answers = pool.submit(at_once, server, COSTLY, 8)
        time.sleep(0.5)
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        statuses = answers.result()
        it.remark = counted(statuses)
    assert set(statuses) <= {200, 500, 503, 507}
    assert statuses[200] >= 4


class Repeating(nn.Module):
    """Returns each number as many times as the first one says."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers.repeat(int(numbers[0])) if numbers.numel() > 0 else numbers


def test_answers_much_larger_than_their_questions(tmp_path: Path) -> None:
    """Clients that do not read such answers do not affect others."""
    add(tmp_path, "1.0", Repeating(), SETTINGS)
    question, answer = b"[1000000]", b"[%b1000000]" % (b"1000000," * 999_999)
    log = tmp_path / "log"
    with Server(tmp_path, log, environment=ENVIRONMENT) as server, ExitStack() as stack:
        wait_for_all_workers(server)
        workers, java = server.worker_pids(), server.java_pid()
        for _ in range(40):
            client = stack.enter_context(raw.connect(server.ports["PORT"], buffer_bytes=2048))
            client.sendall(raw.request(question))
        for _ in range(10):
            assert post(server, question).content == answer
        assert (server.worker_pids(), server.java_pid()) == (workers, java)
        assert "OutOfMemoryError" not in server.output()
