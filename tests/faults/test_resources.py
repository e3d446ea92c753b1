"""Disk, file descriptors and memory run out."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from server import memory
from tests.faults.conftest import Report, resident, wait_for_all_workers
from tests.support import raw
from tests.support.load import Load
from tests.support.mounts import mounted

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    with mounted(tmp_path / "disk", "size=4m") as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Fill a file system completely; return the file that fills it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def test_disk_full_for_temporary_files(serve: Any, report: Report, small_disk: Path) -> None:
    with serve(TMPDIR=str(small_disk)) as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        filler = fill(small_disk)
        full = time.monotonic()
        load.run(3)
        assert load.failures == []
        # A new worker can start on a full disk.
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        load.settle()
        wait_for_all_workers(server)
        filler.unlink()
        load.pause()
        assert server.stop() == 0
    report("temp disk full, then a worker killed (-9)", load, full)


def test_disk_full_for_the_log(
    serve: Any, report: Report, small_disk: Path, tmp_path: Path
) -> None:
    log = small_disk / "log"
    with (
        serve(log, ACCESS_LOG="info", TMPDIR=str(tmp_path)) as server,
        Load(server.ports["PORT"]) as load,
    ):
        load.run(1)
        fill(small_disk)
        full = time.monotonic()
        size = log.stat().st_size
        load.run(4)
        assert log.stat().st_size - size < 8192
        assert load.failures == []
        # The last log lines are lost, but requests in flight still get their responses.
        server.process.send_signal(signal.SIGTERM)
        load.pause()
        assert server.process.wait(15) == 0
    report("log disk full, then SIGTERM", load, full)
    assert load.failures == []


def test_file_descriptors_run_out(serve: Any, report: Report) -> None:
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        java = psutil.Process(server.java_pid())
        soft, hard = java.rlimit(psutil.RLIMIT_NOFILE)
        java.rlimit(psutil.RLIMIT_NOFILE, (java.num_fds() + 50, hard))
        out = time.monotonic()
        idle = [raw.connect(server.ports["PORT"]) for _ in range(200)]
        load.run(5)
        for each in idle:
            each.close()
        load.settle()
        java.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
        wait_for_all_workers(server)
        lines = server.output().count("Too many open files")
    report("file descriptors run out, 200 idle connections beyond", load, out)
    assert lines < 100


def test_a_workers_memory_runs_out(serve: Any, report: Report) -> None:
    with (
        serve(TS_DEFAULT_WORKERS_PER_MODEL="1") as server,
        Load(server.ports["PORT"], clients=8) as load,
    ):
        load.run(1)
        (pid,) = server.worker_pids()
        worker = psutil.Process(pid)
        limit = worker.memory_info().vms + 100 * MIB
        worker.rlimit(psutil.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        out = time.monotonic()
        load.pause()
        statuses = [server.post(f"[{'1,' * (8 * MIB)}1]").status_code for _ in range(3)]
        load.resume()
        load.settle()
        assert server.worker_pids() == [pid]
    report(
        "worker's memory limited, 3 bodies of 16 MiB beyond it",
        load,
        out,
        f"the large ones: {', '.join(map(str, statuses))}",
    )
    # The handler ran out of memory in one request, or the worker while it read the batch.
    assert set(statuses) <= {413, 507}


CONTAINED = memory.limits(512 * MIB, models=[MIB])
# It fits into a socket's buffers, so that no client waits for the server to read.
BODY = b"[1]".rjust(MIB)
assert len(BODY) < CONTAINED.request
HEAD = raw.request(b"")[: -len(b"Content-Length: 0\r\n\r\n")]
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# Requests that stay incomplete, by the name in docs/reliability.md.
UNFINISHED = {
    "uploads that lack a byte": raw.request(BODY)[:-1],
    "uploads that stop halfway": raw.request(BODY)[: -len(BODY) // 2],
    "uploads that stop after their headers": raw.request(BODY)[: -len(BODY)],
    "uploads that stop in 4000 headers": HEAD + b"a:\r\n" * 4000,
    "chunked uploads without an end": CHUNKED + b"%x\r\n%b\r\n" % (len(BODY), BODY),
    "chunked uploads in chunks of a byte": CHUNKED + b"1\r\n \r\n" * (len(BODY) // 20),
}


def reopen(port: int, clients: list[socket.socket], beginning: bytes) -> int:
    """Send a byte to each client, and open those anew that the server closed; return how many."""
    closed = 0
    for i, client in enumerate(clients):
        try:
            client.sendall(b" ")
        except OSError:
            client.close()
            clients[i] = upload(port, beginning)
            closed += 1
    return closed


def upload(port: int, beginning: bytes) -> socket.socket:
    client = raw.connect(port)
    # The server may close it meanwhile.
    with contextlib.suppress(OSError):
        client.sendall(beginning)
    return client


@pytest.mark.parametrize("count", [32, 640])
@pytest.mark.parametrize("kind", UNFINISHED)
def test_uploads_that_never_end(serve: Any, report: Report, kind: str, count: int) -> None:
    """The clients go on with a byte per second, and return when they are disconnected."""
    beginning = UNFINISHED[kind]
    with serve(MEMORY="512MiB") as server, Load(server.ports["PORT"]) as load:
        port, java = server.ports["PORT"], server.java_pid()
        load.run(2)
        began = time.monotonic()
        clients = [upload(port, beginning) for _ in range(count)]
        closed = 0
        for _ in range(5):
            load.run(1)
            closed += reopen(port, clients, beginning)
        for each in clients:
            each.close()
        load.settle()
        assert server.java_pid() == java
        memory_mib = resident(server) // MIB
    report(f"{count} {kind}, 512 MiB", load, began, f"{closed} closed; memory {memory_mib} MiB")
    assert load.failures == []
    assert "OutOfMemoryError" not in server.output()


@pytest.mark.parametrize("length", [4000, 6000, 7500])
def test_long_cookies_of_many_clients_are_accepted(serve: Any, length: int) -> None:
    request = raw.request(b"[21]").replace(b"Host: x", b"Cookie: " + b"c" * length)
    with serve(MEMORY="512MiB") as server, contextlib.ExitStack() as stack:
        port = server.ports["PORT"]
        clients = [stack.enter_context(raw.connect(port, 60)) for _ in range(400)]
        for client in clients:
            client.sendall(request)
        answers = [raw.read(client.makefile("rb")) for client in clients]
    assert [answer.body for answer in answers if answer] == [b"[42]"] * len(clients)


# What clients send, by the responses that they do not read (docs/reliability.md).
UNREAD = {
    "large responses": raw.request(f"[{'1,' * (CONTAINED.request // 4)}1.5]".encode()),
    "responses to 400 pipelined requests": raw.request(b"[1]") * 400,
    "responses to 2000 pipelined pings": b"GET /ping HTTP/1.1\r\n\r\n" * 2000,
}


@pytest.mark.parametrize("count", [32, 320])
@pytest.mark.parametrize("kind", UNREAD)
def test_responses_that_are_never_read(serve: Any, report: Report, kind: str, count: int) -> None:
    with (
        serve(MEMORY="512MiB") as server,
        Load(server.ports["PORT"]) as load,
        contextlib.ExitStack() as stack,
    ):
        java = server.java_pid()
        load.run(2)
        began = time.monotonic()
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            # A small buffer, so that most of the response stays in the server.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", server.ports["PORT"]))
            client.sendall(UNREAD[kind])
        load.run(5)
        load.settle()
        assert server.java_pid() == java
        memory_mib = resident(server) // MIB
    report(f"{count} clients that never read {kind}, 512 MiB", load, began, f"{memory_mib} MiB")
    assert load.failures == []
    assert "OutOfMemoryError" not in server.output()
