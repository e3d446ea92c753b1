"""The whole server exits: after a fault, or after a signal."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Report, wait_for_all_workers
from tests.support.load import Load


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
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
