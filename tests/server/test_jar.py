"""Each edit of TorchServe's jar on a real server, compared with a server without the edits.

The model is a handler that reports its input, so that only TorchServe is tested.
"""

import contextlib
import json
import os
import shutil
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
import requests

from server import memory
from server.client import Client
from tests.server.test_foreign_archives import package
from tests.support import raw
from tests.support.operators import ONE_WORKER
from tests.support.server import Server
from tests.support.wait import wait_until

HANDLER = """
import json
def handle(data, context):
    if data is None:
        return None
    answers = []
    for i, request in enumerate(data):
        body = bytes(request.get("body", b""))
        answer = json.dumps({"fields": sorted(request), "size": len(body), "batch": len(data)})
        if body.startswith(b"error "):
            context.set_response_status(code=400, phrase="Bad Request", idx=i)
            answer = "x" * int(body.split()[1])
        answers.append(answer)
    return answers
"""
# The archive, which the tests register under other names.
ARCHIVE = "report-1.0.mar"
# How long the model `slow` waits for a batch to fill.
DELAY_MS = 1000


@pytest.fixture(scope="module")
def folder(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with doubleit, with an archive, and with a directory of the same content."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(store / "doubleit-1.0.mar", folder)
    (folder / "handler.py").write_text(HANDLER)
    package(folder, "report", str(folder / "handler.py"))
    with zipfile.ZipFile(folder / ARCHIVE) as archive:
        archive.extractall(folder / "directory")
    return folder


class Pair(NamedTuple):
    """Two servers, with and without the edits."""

    edited: Server
    shipped: Server


@pytest.fixture(scope="module")
def servers(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    logs = tmp_path_factory.mktemp("logs")
    # The little memory makes limits small that follow from it.
    little = {**ONE_WORKER, "TORCHSERVE_EDITS": "", "MEMORY": "768MiB"}
    off = {**ONE_WORKER, "TORCHSERVE_EDITS": "off"}
    with (
        Server(folder, logs / "edited", "report", environment=little) as edited,
        Server(folder, logs / "shipped", "report", environment=off) as shipped,
    ):
        yield Pair(edited, shipped)


def test_a_batch_of_another_handler_fills_for_as_long_as_in_torchserve(servers: Pair) -> None:
    for server in servers:
        server.register(ARCHIVE, model_name="slow", batch_size=8, max_batch_delay=DELAY_MS)
        answer = server.post("x", "/predictions/slow")
        assert answer.json()["batch"] == 1
        assert answer.elapsed.total_seconds() >= DELAY_MS / 1000


def test_a_lone_request_does_not_wait_for_a_batch_to_fill(servers: Pair) -> None:
    servers.edited.register("doubleit-1.0.mar", batch_size=8, max_batch_delay=DELAY_MS)
    began = time.monotonic()
    for _ in range(5):
        assert servers.edited.post("[1]", "/predictions/doubleit").text == "[2]"
    assert time.monotonic() - began < 5 * DELAY_MS / 1000


def thread_changes(server: Server, clients: int) -> float:
    """Return how often a thread of Java waits for another one during a request of one client."""

    def count() -> int:
        total = 0
        for task in Path(f"/proc/{server.java_pid()}/task").iterdir():
            if (task / "comm").read_text().startswith(("epollEventLoop", "W-", "ForkJoin")):
                total += int(
                    (task / "status").read_text().rpartition("nonvoluntary")[0].split()[-1]
                )
        return total

    many, before = 200 * clients, 0
    sent = raw.request(b"[1]", "/predictions/lone")
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(raw.connect(server.ports["PORT"])) for _ in range(clients)
        ]
        for i in range(2 * many):
            if i == many:
                before = count()
            assert raw.ask(connections[i % clients], sent).status == 200
    return (count() - before) / many


def test_a_lone_request_changes_threads_only_to_the_worker_and_back(servers: Pair) -> None:
    loops = max(2, memory.cores())
    for server in servers:
        server.register("doubleit-1.0.mar", model_name="lone", initial_workers=loops)
    # Each event loop has a worker and a client, so that none needs another loop.
    assert thread_changes(servers.edited, loops) < 2.5
    assert thread_changes(servers.shipped, 1) > 5


def kill(client: Client) -> None:
    os.kill(client.versions()["1.0"].workers[0].pid, signal.SIGKILL)


def scale_down_and_up(client: Client) -> None:
    url = f"{client.target.management}/models/{client.target.model}"
    for count in (0, 1):
        query = f"min_worker={count}&max_worker={count}&synchronous=true"
        requests.put(f"{url}?{query}", timeout=60).raise_for_status()


@pytest.mark.parametrize("end", [kill, scale_down_and_up])
def test_a_request_that_an_ending_worker_has_gathered_goes_to_the_next_one(
    servers: Pair, end: Callable[[Client], None]
) -> None:
    server, name = servers.edited, end.__name__
    # The worker waits for other requests to share the batch.
    server.register(ARCHIVE, model_name=name, batch_size=8, max_batch_delay=2000)
    counter = f'ts_inference_requests_total{{model_name="{name}"'
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.post, "x", f"/predictions/{name}")
        wait_until(lambda: counter in server.client.metrics(), "the request's count")
        end(server.client.of(name))
    assert answer.result().status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        # Netty's parser throws an exception for each.
        ("application/x-www-form-urlencoded", "a=%zz"),
        ("multipart/form-data; boundary=", "--x--"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        ),
    ],
)
@pytest.mark.parametrize(("path", "status"), [("/predictions/report", 200), ("/wfpredict/no", 404)])
def test_a_broken_form_is_not_the_servers_error(
    servers: Pair, path: str, status: int, kind: str, body: str
) -> None:
    answers = [server.post(body, path, **{"Content-Type": kind}) for server in servers]
    assert [answer.status_code for answer in answers] == [status, 500]


def register_over_grpc(server: Server, url: str, name: str) -> grpc.StatusCode:
    # The fields of RegisterModelRequest in TorchServe's management.proto.
    fields = {5: name, 9: url}
    message = b"".join(
        bytes([8 * number + 2, len(text)]) + text.encode() for number, text in fields.items()
    )
    path = "/org.pytorch.serve.grpc.management.ManagementAPIsService/RegisterModel"
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['GRPC_MANAGEMENT_PORT']}") as channel:
        try:
            channel.unary_unary(path)(message, timeout=30)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def test_a_directory_is_not_registered_over_grpc(
    servers: Pair, folder: Path, tmp_path: Path
) -> None:
    elsewhere = shutil.copytree(folder / "directory", tmp_path / "elsewhere")
    for name, place in (("inside", "directory"), ("outside", str(elsewhere))):
        assert register_over_grpc(servers.edited, place, name) is grpc.StatusCode.NOT_FOUND
        assert register_over_grpc(servers.shipped, place, name) is grpc.StatusCode.OK
        assert register_over_grpc(servers.edited, ARCHIVE, name) is grpc.StatusCode.OK


def test_a_large_error_arrives_whole(servers: Pair) -> None:
    sent = raw.request(b"error 2000000", "/predictions/report")
    for _ in range(20):
        with raw.connect(servers.edited.ports["PORT"]) as client:
            answer = raw.ask(client, sent)
        assert (answer.status, len(answer.body)) == (400, 2_000_000)


def closed_after(server: Server, head: bytes, seconds: float) -> bool:
    """Return whether the server closes the connection within `seconds` of its response."""
    with raw.connect(server.ports["PORT"], seconds) as client:
        client.sendall(b"GET /ping " + head + b"\r\n\r\n")
        stream = client.makefile("rb")
        answer = raw.read(stream)
        assert answer
        assert answer.status == 200
        try:
            closed = stream.read(1) == b""
        except TimeoutError:
            closed = False
        assert closed == (answer.headers["connection"] == "close")
        return closed


@pytest.mark.parametrize(
    ("head", "close"),
    [
        (b"HTTP/1.1\r\nHost: x", False),
        (b"HTTP/1.1\r\nHost: x\r\nConnection: close", True),
        (b"HTTP/1.0", True),
        (b"HTTP/1.0\r\nConnection: keep-alive", False),
    ],
)
def test_the_clients_wish_to_close_is_followed(servers: Pair, head: bytes, *, close: bool) -> None:
    assert closed_after(servers.edited, head, 30 if close else 0.5) == close
    assert not closed_after(servers.shipped, head, 0.5)


@pytest.mark.parametrize(
    ("sent", "edited", "shipped"),
    [
        (b"OPTIONS * HTTP/1.1\r\n\r\n", 200, 500),
        (b"OPTIONS / HTTP/1.1\r\n\r\n", 200, 200),
        (b"GET ping HTTP/1.1\r\n\r\n", 400, 500),
        (b"GET http://x/ping HTTP/1.1\r\n\r\n", 200, 404),
        (b"GET /v2/health/ready HTTP/1.1\r\n\r\n", 200, 404),
        (b"GET /v2/models/report/versions/1.0/ready HTTP/1.1\r\n\r\n", 200, 404),
    ],
)
def test_requests_that_torchserve_does_not_know(
    servers: Pair, sent: bytes, edited: int, shipped: int
) -> None:
    for server, status in ((servers.edited, edited), (servers.shipped, shipped)):
        with raw.connect(server.ports["PORT"]) as client:
            assert raw.ask(client, sent).status == status


def test_a_model_without_a_worker_is_not_ready(servers: Pair) -> None:
    url, server = servers.edited.url, servers.edited
    urls = [f"{url}/v1/models/idle", f"{url}/v2/models/idle/ready", f"{url}/v2/health/ready"]
    server.register(ARCHIVE, model_name="idle", initial_workers=0)
    for each in urls:
        answer = requests.get(each, timeout=10)
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert answer.json()["error"] == "No worker has loaded the model yet"
    assert requests.get(f"{url}/v2/models/report/ready", timeout=10).ok
    index = requests.post(f"{url}/v2/repository/index", timeout=10).json()
    states = {each["name"]: each["state"] for each in index}
    assert (states["idle"], states["report"]) == ("UNAVAILABLE", "READY")
    assert "idle" in requests.get(f"{url}/v1/models", timeout=10).json()["models"]
    requests.put(f"{server.management}/models/idle", {"min_worker": 1}, timeout=10)
    wait_until(lambda: all(requests.get(each, timeout=10).ok for each in urls), "a worker")


def test_the_new_routes_are_not_on_the_management_port(servers: Pair) -> None:
    for path in ("v2", "v2/health/ready", "v1/models"):
        assert requests.get(f"{servers.edited.management}/{path}", timeout=10).status_code == 404


def test_pipelined_requests_are_answered_in_order(servers: Pair) -> None:
    sizes = [size for n in range(1, 21) for size in (n, 100_000 + n)]
    sent = [raw.request(b"x" * size, "/predictions/report") for size in sizes]
    for server, in_order in ((servers.edited, True), (servers.shipped, False)):
        answers = raw.pipeline(server.ports["PORT"], sent)
        found = [json.loads(answer.body).get("size") for answer in answers]
        assert (found == sizes) is in_order


@pytest.mark.parametrize("count", [127, 128])
def test_many_header_lines_are_refused(servers: Pair, count: int) -> None:
    """Each takes a hundred bytes of Java's heap, even those of three bytes."""
    head, lines = b"GET /ping HTTP/1.1\r\nHost: x\r\n", b"a:\r\n" * count + b"\r\n"
    # In one packet and in two.
    for first, rest in ((b"", head + lines), (head, lines)):
        with raw.connect(servers.edited.ports["PORT"]) as client:
            client.sendall(first)
            time.sleep(0.05)
            answer = raw.ask(client, rest)
        assert answer.status == (400 if count > 127 else 200)
        assert (b"at most 128 header lines" in answer.body) == (count > 127)
