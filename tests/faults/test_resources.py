"""Disk, file descriptors and memory run out."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.server import memory, settings
from tests.faults.conftest import Report, wait_for_all_workers
from tests.faults.load import Load
from tests.support import raw

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


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


def test_uploads_that_never_end(serve: Any, report: Report) -> None:
    """With as many uploads as the memory is sized for; docs/reliability.md describes more."""
    limits = memory.limits(512 * MIB, models=[MIB])
    body = raw.request(b"[1]".rjust(limits.request * 9 // 10))
    uploads = settings.FULL_SIZE_REQUESTS
    with (
        serve(MEMORY="512MiB") as server,
        Load(server.ports["PORT"]) as load,
        contextlib.ExitStack() as stack,
    ):
        load.run(2)
        began = time.monotonic()
        for _ in range(uploads):
            client = stack.enter_context(raw.connect(server.ports["PORT"]))
            client.sendall(body[:-1])
        load.run(5)
        load.settle()
    report(f"{uploads} uploads of the largest size that never end, 512 MiB", load, began)
    assert load.failures == []
