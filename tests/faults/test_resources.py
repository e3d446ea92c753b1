"""Disk, file descriptors and memory run out."""

import contextlib
import math
import os
import resource
import signal
import time
from collections import Counter
from pathlib import Path

import psutil

from tests.faults.conftest import MIB, counted, fault
from tests.support import raw
from tests.support.mounts import mounted
from tests.support.operators import ONE_WORKER
from tests.support.server import Server


def fill(folder: Path) -> Path:
    """Fill a file system completely; return the file that fills it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def test_disk_full_for_temporary_files(store: Path, tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "size=4m") as disk,
        Server(store, tmp_path / "log", environment={"TMPDIR": str(disk)}) as server,
    ):
        with fault("temp disk full, then a worker killed (-9)", server, failures=64) as it:
            filler = fill(disk)
            time.sleep(3)
            assert it.load.failures == []
            # A new worker can start on a full disk.
            os.kill(server.worker_pids()[0], signal.SIGKILL)
        filler.unlink()
        assert server.stop() == 0


def test_disk_full_for_the_log(store: Path, tmp_path: Path) -> None:
    environment = {"ACCESS_LOG": "info", "TMPDIR": str(tmp_path)}
    with (
        mounted(tmp_path / "disk", "size=4m") as disk,
        Server(store, disk / "log", environment=environment) as server,
        fault("log disk full, then SIGTERM", server) as it,
    ):
        fill(disk)
        size = server.log.stat().st_size
        time.sleep(4)
        assert server.log.stat().st_size - size < 8192
        # The last log lines are lost, but requests in flight still get their responses.
        server.process.send_signal(signal.SIGTERM)
        it.load.pause()
        assert server.process.wait(15) == 0


def test_file_descriptors_run_out(server: Server) -> None:
    java = psutil.Process(server.java_pid())
    soft, hard = java.rlimit(psutil.RLIMIT_NOFILE)
    name = "file descriptors run out, 200 idle connections beyond"
    with fault(name, server, failures=math.inf) as it, contextlib.ExitStack() as stack:
        java.rlimit(psutil.RLIMIT_NOFILE, (java.num_fds() + 50, hard))
        for _ in range(200):
            stack.enter_context(raw.connect(server.ports["PORT"]))
        time.sleep(5)
        stack.close()
        it.load.settle()
        java.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
    assert server.output().count("Too many open files") < 100


def test_a_workers_memory_runs_out(store: Path, tmp_path: Path) -> None:
    name = "worker's memory limited, 3 bodies of 16 MiB beyond it"
    with (
        Server(store, tmp_path / "log", environment=ONE_WORKER) as server,
        fault(name, server, clients=8) as it,
    ):
        worker = psutil.Process(server.worker_pids()[0])
        limit = worker.memory_info().vms + 100 * MIB
        worker.rlimit(psutil.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        it.load.pause()
        statuses = [server.post(f"[{'1,' * (8 * MIB)}1]").status_code for _ in range(3)]
        it.load.sending.set()
        it.remark = f"the large ones: {counted(Counter(statuses))}"
    # The handler ran out of memory in one request, or the worker while it read the batch.
    assert set(statuses) <= {413, 507}
