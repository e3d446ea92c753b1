"""The memory that requests share: they wait for each other, and each gives its share back."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from torch import Tensor, nn

from scripts.model import archiver
from server import memory
from tests.faults.conftest import Report, wait_for_all_workers
from tests.support import models, raw
from tests.support.load import Load
from tests.support.server import JSON, Server
from tests.support.wait import wait_until

MIB = 1 << 20
MEMORY = 1024 * MIB
LARGEST = memory.limits(MEMORY, workers=2, models=[MIB]).request
SETTINGS = "model: {batch: none, inputs: {numbers: {datatype: INT64, shape: [-1]}}}\n"
GZIP = {**JSON, "Content-Encoding": "gzip"}
# What InTurn.java and Budget.java state.
SMALL_BYTES, STALLED_SECONDS, WAIT_SECONDS = 64 << 10, 5, 30
PATIENCE_SECONDS = 60


def numbers(size: int) -> bytes:
    """Return a list of ones with about `size` bytes."""
    return b"[%b1]" % (b"1," * (size // 2 - 2))


FULL = numbers(LARGEST)
CHUNKED = raw.request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
COSTLY = numbers(min(8 * MIB, LARGEST))


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all faults, so that a share which is not given back shows in the next."""
    environment = {"MEMORY": str(MEMORY), "TS_DEFAULT_WORKERS_PER_MODEL": "2"}
    with Server(store, tmp_path_factory.mktemp("budget") / "log", environment=environment) as each:
        wait_for_all_workers(each)
        yield each


@pytest.fixture(autouse=True)
def nothing_is_lost(server: Server) -> Iterator[None]:
    """After each fault, the largest body is answered at once: all of the memory is free again."""
    java = server.java_pid()
    yield
    wait_for_all_workers(server)
    first, second = (seconds_for_all_memory(server) for _ in range(2))
    assert first - second < STALLED_SECONDS
    assert server.java_pid() == java
    assert "OutOfMemoryError" not in server.output()


def seconds_for_all_memory(server: Server) -> float:
    began = time.monotonic()
    assert ask(server, FULL)[0] == 200
    return time.monotonic() - began


def ask(server: Server, body: bytes, headers: Mapping[str, str] = JSON) -> tuple[int, bytes]:
    """Return the status and the body of the response; status 0 if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["PORT"], PATIENCE_SECONDS)
    try:
        connection.request("POST", raw.PATH, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (ConnectionError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def at_once(server: Server, bodies: list[bytes]) -> Counter[int]:
    """Return the statuses of requests that are sent at the same time."""
    with ThreadPoolExecutor(len(bodies)) as pool:
        return Counter(status for status, _ in pool.map(lambda body: ask(server, body), bodies))


def begin(server: Server, body: bytes, sent: int) -> socket.socket:
    """Return a connection on which the first `sent` bytes of a body have been sent."""
    client = raw.connect(server.ports["PORT"], PATIENCE_SECONDS)
    request = raw.request(body)
    client.sendall(request[: len(request) - len(body) + sent])
    return client


def refused(client: socket.socket) -> raw.Answer:
    """Return the response to a request that the client has not sent completely."""
    with client, client.makefile("rb") as stream:
        answer = raw.read(stream)
    assert answer
    error = json.loads(answer.body)
    assert error["code"] == answer.status
    assert error["error"] == error["message"]
    return answer


def test_more_bodies_than_fit_are_answered_one_after_the_other(
    server: Server, report: Report
) -> None:
    with Load(server.ports["PORT"], clients=8) as load:
        load.run(1)
        began = time.monotonic()
        statuses = at_once(server, [COSTLY] * 16)
        load.settle(1)
    ended = ", ".join(f"{n} {status}" for status, n in sorted(statuses.items()))
    report(f"16 lists of {len(COSTLY) // MIB} MiB at once, 1 GiB", load, began, ended)
    assert load.failures == []
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= 8


def test_a_client_that_stops_half_way_does_not_keep_others_waiting(
    server: Server, report: Report
) -> None:
    with Load(server.ports["PORT"], clients=8) as load:
        stopped = [begin(server, FULL, len(FULL) // 2) for _ in range(3)]
        began = time.monotonic()
        statuses = at_once(server, [COSTLY] * 2)
        took = time.monotonic() - began
        load.settle(1)
    report("uploads that stop halfway while others wait, 1 GiB", load, began, f"{took:.0f} s")
    assert load.failures == []
    assert statuses == {200: 2}
    assert [refused(client).status for client in stopped] == [408] * 3


def test_a_client_that_leaves_half_way_gives_its_share_back(server: Server) -> None:
    for _ in range(5):
        begin(server, FULL, len(FULL) // 2).close()
    assert ask(server, FULL)[0] == 200


def test_a_client_that_leaves_without_its_response_gives_its_share_back(server: Server) -> None:
    for _ in range(5):
        begin(server, FULL, len(FULL)).close()


def test_what_waits_for_too_long_gets_503(server: Server) -> None:
    # It sends just enough not to count as stalled.
    slow, sent = begin(server, FULL, MIB), MIB
    waiting = begin(server, FULL, 0)
    deadline = time.monotonic() + WAIT_SECONDS + 4
    waiting.settimeout(0.01)
    while time.monotonic() < deadline:
        slow.sendall(FULL[sent : sent + 300_000])
        sent += 300_000
        time.sleep(2.5)
    waiting.settimeout(PATIENCE_SECONDS)
    answer = refused(waiting)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    slow.sendall(FULL[sent:])
    with slow, slow.makefile("rb") as stream:
        done = raw.read(stream)
    assert done
    assert done.status == 200


def test_a_thousand_requests_wait(server: Server, report: Report) -> None:
    body = numbers(2 * SMALL_BYTES)
    expected = body.replace(b"1", b"2")
    with Load(server.ports["PORT"], clients=8) as load:
        blocking = begin(server, FULL, len(FULL) // 2)
        began = time.monotonic()
        clients = [begin(server, body, 100) for _ in range(1000)]
        blocking.close()
        for client in clients:
            client.sendall(body[100:])
        answers = []
        for client in clients:
            with client, client.makefile("rb") as stream:
                answers.append(raw.read(stream))
        load.settle(1)
    report("1000 requests that wait for memory, 1 GiB", load, began)
    assert load.failures == []
    assert [answer.status for answer in answers if answer] == [200] * 1000
    assert all(answer and answer.body == expected for answer in answers)


def test_chunked_bodies_wait_as_well(server: Server) -> None:
    def send(_: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.ports["PORT"], PATIENCE_SECONDS)
        pieces = (COSTLY[i : i + SMALL_BYTES] for i in range(0, len(COSTLY), SMALL_BYTES))
        connection.request("POST", raw.PATH, pieces, JSON, encode_chunked=True)
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(send, range(6))) == [200] * 6


def test_a_chunked_body_that_waits_is_not_read_on(server: Server) -> None:
    # Less time than after which the first client counts as stalled.
    with (
        begin(server, FULL, len(FULL) // 2),
        raw.connect(server.ports["PORT"], STALLED_SECONDS / 2) as client,
        pytest.raises(TimeoutError),
    ):
        client.sendall(CHUNKED + b"%x\r\n" % len(FULL) + FULL)


def test_a_chunked_body_without_an_end_gets_413(server: Server) -> None:
    with raw.connect(server.ports["PORT"], PATIENCE_SECONDS) as client:
        client.sendall(CHUNKED + b"%x\r\n" % (2 * LARGEST) + FULL + FULL[:MIB])
        answer = refused(client)
    assert answer.status == 413
    assert "the limit that follows from the server's memory" in answer.body.decode()


def test_compressed_bodies_wait_for_what_they_usually_unpack_to(server: Server) -> None:
    packed = gzip.compress(json.dumps(list(range(10**6))).encode())
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda _: ask(server, packed, GZIP), range(16))
        assert [status for status, _ in answers] == [200] * 16


def test_a_compressed_body_that_unpacks_to_much_more_needs_free_memory(server: Server) -> None:
    packed = gzip.compress(b" " * (LARGEST * 2 // 3) + b"[1]")
    request = raw.request(packed).replace(b"Host: x", b"Content-Encoding: gzip")

    def first_has_the_memory() -> bool:
        with raw.connect(server.ports["PORT"], PATIENCE_SECONDS) as first:
            first.sendall(request[:-9])
            time.sleep(0.5)
            # If both are unpacked at the same time, either of them can be refused.
            if ask(server, packed, GZIP)[0] != 503:
                return False
            assert ask(server, gzip.compress(b"[1]"), GZIP) == (200, b"[2]")
            first.sendall(request[-9:])
            with first.makefile("rb") as stream:
                answer = raw.read(stream)
        assert answer
        assert answer.body == b"[2]"
        return True

    wait_until(first_has_the_memory, "the memory")


@pytest.mark.parametrize("continued", [True, False])
def test_expect_continue_is_answered_when_there_is_memory(
    server: Server, *, continued: bool
) -> None:
    body = FULL if continued else FULL + FULL
    head = raw.request(body)[: -len(body) - 2] + b"Expect: 100-continue\r\n\r\n"
    with raw.connect(server.ports["PORT"], PATIENCE_SECONDS) as client:
        client.sendall(head)
        with client.makefile("rb") as stream:
            first = raw.read(stream)
            assert first
            assert first.status == (100 if continued else 413)
            if continued:
                client.sendall(body)
                last = raw.read(stream)
                assert last
                assert last.status == 200
            else:
                # What the client may send now is no new request.
                assert stream.read() == b""


def test_a_worker_that_is_killed_gives_its_share_back(server: Server, report: Report) -> None:
    with Load(server.ports["PORT"], clients=8) as load, ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        asked = pool.submit(at_once, server, [COSTLY] * 8)
        time.sleep(0.5)
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        statuses = asked.result()
        load.settle()
    ended = ", ".join(f"{n} {status}" for status, n in sorted(statuses.items()))
    report("worker killed (-9) among 8 large bodies, 1 GiB", load, began, ended)
    assert set(statuses) <= {200, 500, 503, 507}
    assert statuses[200] >= 4


class Repeating(nn.Module):
    """Returns each number as many times as the first one says."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers.repeat(int(numbers[0])) if numbers.numel() > 0 else numbers


def test_answers_much_larger_than_their_questions(tmp_path: Path) -> None:
    """Clients that do not read such answers do not affect others."""
    store = tmp_path / "store"
    module = models.save(Repeating(), tmp_path / "doubleit.pt", SETTINGS)
    archiver.package(module, "doubleit", "1.0", module.with_suffix(".yaml"), store)
    question, answer = b"[1000000]", b"[%b1000000]" % (b"1000000," * 999_999)
    environment = {"MEMORY": str(MEMORY)}
    with Server(store, tmp_path / "log", environment=environment) as server:
        wait_for_all_workers(server)
        workers, java = server.worker_pids(), server.java_pid()
        unread = []
        for _ in range(40):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", server.ports["PORT"]))
            client.sendall(raw.request(question))
            unread.append(client)
        for _ in range(10):
            assert ask(server, question) == (200, answer)
        for client in unread:
            client.close()
        assert (server.worker_pids(), server.java_pid()) == (workers, java)
        assert "OutOfMemoryError" not in server.output()
