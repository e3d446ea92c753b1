"""The soak's clients."""

from __future__ import annotations

from scripts.soak.load import Clients
from tests.support.wait import wait_until


def test_a_server_that_is_not_there_is_a_fault_of_every_request() -> None:
    with Clients("127.0.0.1", 1, clients=2, rate=100) as broken:
        wait_until(lambda: broken.requests >= 4, "four requests")
    assert len(broken.faults) == broken.requests
    assert "ConnectionRefusedError" in broken.faults[0]
    assert broken.p99() > 0
