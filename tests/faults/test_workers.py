"""Processes that die, hang or are told to stop, while 32 clients send requests."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.conftest import Report, wait_for_all_workers
from tests.support.load import Load

KILLS = 8
SECONDS_BETWEEN = 1.5


def test_a_worker_killed_again_and_again(serve: Any, report: Report) -> None:
    pick = random.Random(1)
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        kills = 0
        while kills < KILLS:
            killed = time.monotonic()
            # The management API lists a dead worker until the next one has started.
            alive = [pid for pid in server.worker_pids() if psutil.pid_exists(pid)]
            if alive:
                os.kill(pick.choice(alive), signal.SIGKILL)
                kills += 1
            load.run(SECONDS_BETWEEN)
        load.settle()
        wait_for_all_workers(server)
    report(f"worker killed (-9) {KILLS} times, {SECONDS_BETWEEN} s apart", load, killed)
    # At most the batch that each worker was computing.
    assert len(load.failures) < KILLS * 64
    assert load.requests > 10 * len(load.failures)


def test_all_workers_killed_at_once(serve: Any, report: Report) -> None:
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        killed = time.monotonic()
        for pid in server.worker_pids():
            os.kill(pid, signal.SIGKILL)
        load.settle()
        wait_for_all_workers(server)
    report("all workers killed (-9) at once", load, killed)
    assert load.recovery(killed) < 15


def test_the_fork_server_killed(serve: Any, report: Report) -> None:
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        killed = time.monotonic()
        server.fork_server().kill()
        load.settle()
        wait_for_all_workers(server)
        # Without the fork server, TorchServe starts workers in its usual way.
        before = set(server.worker_pids())
        os.kill(before.pop(), signal.SIGKILL)
        load.settle()
        wait_for_all_workers(server)
    report("fork server killed (-9), then a worker", load, killed)
    assert load.recovery(killed) < 30


def test_a_hung_worker(serve: Any, report: Report) -> None:
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        hung = time.monotonic()
        pid = server.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        load.run(5)
        # The other worker still responds.
        before = load.requests
        load.run(2)
        assert load.requests > before + 50
        while pid in server.worker_pids():
            assert time.monotonic() - hung < 60
            time.sleep(0.2)
        load.settle()
        wait_for_all_workers(server)
    report("worker hung (SIGSTOP), responseTimeout 30 s", load, hung)
    assert len(load.failures) <= 64
    assert load.recovery(hung) < 45


def test_java_killed_and_the_server_replaced(serve: Any, report: Report, tmp_path: Path) -> None:
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        killed = time.monotonic()
        os.kill(server.java_pid(), signal.SIGKILL)
        # A supervisor restarts a command that exits with an error: a container runtime, systemd.
        assert server.process.wait(15) == 1
        ended = time.monotonic() - killed
        server.log = tmp_path / "again"
        server.start().wait_ready()
        load.settle()
        wait_for_all_workers(server)
    report("Java process killed (-9), server replaced", load, killed, f"ended in {ended:.1f} s")
    assert load.recovery(killed) < 30


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop(serve: Any, report: Report, number: signal.Signals) -> None:
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        # No new requests after the signal: a platform sends none to an instance that it stops.
        stopped = time.monotonic()
        server.process.send_signal(number)
        load.pause()
        assert server.process.wait(15) == 0
        took = time.monotonic() - stopped
    report(f"{number.name} with requests in flight", load, stopped, f"ended in {took:.1f} s")
    assert load.failures == []
    assert took < 10
