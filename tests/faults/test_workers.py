"""Processes that die, hang or are told to stop, while 32 clients send requests."""

import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import fault, wait_for_all_workers
from tests.support.server import Server
from tests.support.wait import wait_until

KILLS = 8
SECONDS_BETWEEN = 1.5
# The requests of a batch.
BATCH = 64


def test_a_worker_killed_again_and_again(server: Server) -> None:
    pick = random.Random(1)
    name = f"worker killed (-9) {KILLS} times, {SECONDS_BETWEEN} s apart"
    # At most the batch that each worker was computing.
    with fault(name, server, failures=KILLS * BATCH) as it:
        kills = 0
        while kills < KILLS:
            it.began = time.monotonic()
            # The management API lists a dead worker until the next one has started.
            alive = [pid for pid in server.worker_pids() if psutil.pid_exists(pid)]
            if alive:
                os.kill(pick.choice(alive), signal.SIGKILL)
                kills += 1
            time.sleep(SECONDS_BETWEEN)
    assert it.load.requests > 10 * len(it.load.failures)


def test_all_workers_killed_at_once(server: Server) -> None:
    workers = server.worker_pids()
    name, failures = "all workers killed (-9) at once", BATCH * len(workers)
    with fault(name, server, failures=failures, recovery_seconds=15):
        for pid in workers:
            os.kill(pid, signal.SIGKILL)


def test_a_hung_worker(server: Server) -> None:
    name = "worker hung (SIGSTOP), responseTimeout 30 s"
    with fault(name, server, failures=BATCH, recovery_seconds=45) as it:
        pid = server.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        time.sleep(5)
        # The other worker still responds.
        it.load.wait_for(50)
        wait_until(lambda: pid not in server.worker_pids(), "another worker")


def test_the_fork_server_killed(server: Server) -> None:
    name = "fork server killed (-9), then a worker"
    with fault(name, server, failures=2 * BATCH, recovery_seconds=30) as it:
        server.fork_server().kill()
        it.load.settle()
        wait_for_all_workers(server)
        # Without the fork server, TorchServe starts workers in its usual way.
        os.kill(server.worker_pids()[0], signal.SIGKILL)


# SIGHUP: tests/server/test_lifecycle.py.
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(store: Path, tmp_path: Path, number: signal.Signals) -> None:
    with (
        Server(store, tmp_path / "log") as server,
        fault(f"{number.name} with requests in flight", server) as it,
    ):
        # No new requests after the signal: a platform sends none to an instance that it stops.
        server.process.send_signal(number)
        it.load.pause()
        assert server.process.wait(15) == 0
        took = time.monotonic() - it.began
        it.remark = f"ended in {took:.1f} s"
        assert took < 10
