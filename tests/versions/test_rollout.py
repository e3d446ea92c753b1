"""Rollouts and rollbacks on a real server: under load, with faulty versions and slow requests."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from server.versions import comparison, operations
from server.versions.display import Progress
from server.versions.registered import VersionsError
from tests.support import models
from tests.support.load import Load, doubled
from tests.support.operators import Operator, add
from tests.support.raw import PATH
from tests.support.slow import wait_busy
from tests.support.wait import wait_until

RATE = 300  # requests per second


@pytest.fixture
def untouched(only_one: Operator) -> Iterator[Operator]:
    """The operator of a server that must be unchanged after the test, including its processes."""
    archives = {path.name: path.read_bytes() for path in only_one.store.glob("*.mar")}
    before = (only_one.server.worker_pids(), _workers(only_one), only_one.answering())
    yield only_one
    assert only_one.versions() == ("1.0", ["1.0"])
    assert (only_one.server.worker_pids(), _workers(only_one), only_one.answering()) == before
    assert only_one.record() == {
        "default": "1.0",
        "previous": None,
        "versions": {"1.0": {"workers": 1}},
    }
    for name, content in archives.items():
        assert (only_one.store / name).read_bytes() == content


def _workers(operator: Operator) -> list[int]:
    """Return TorchServe's child processes, once only one is left."""
    java = psutil.Process(operator.server.java_pid())
    wait_until(lambda: len(java.children()) <= 1, "the end of all workers but one")
    return [child.pid for child in java.children()]


def test_rollout_and_rollback_lose_nothing_under_load(only_one: Operator) -> None:
    with Load(only_one.server.ports["PORT"], make=doubled, rate=RATE) as load:
        load.wait_for(RATE)
        out = only_one.do("rollout", "2.0")
        assert out.endswith("doubleit 1.0 has completed its requests and stays for a rollback\n")
        assert only_one.answering() == "2.0"
        assert only_one.record()["previous"] == "1.0"
        load.wait_for(RATE)
        assert only_one.do("rollback") == "doubleit 1.0 is the default again; 2.0 stays\n"
        assert only_one.answering() == "1.0"
        only_one.do("rollback")
        assert only_one.answering() == "2.0"
        load.wait_for(RATE)
        only_one.do("rollout", "1.0", "--retire")
        load.wait_for(RATE)
        assert only_one.versions() == ("1.0", ["1.0"])
        assert only_one.do("rollout", "1.0") == "doubleit 1.0 is already the default\n"
    assert (load.failures, load.wrong) == ([], [])


def test_a_retired_version_completes_its_requests_first(only_one: Operator) -> None:
    add(only_one.store, "3.0", models.Slow())
    smoke = only_one.store / "smoke"
    smoke.write_text("[0]\n\n[1, 0]\n")
    # A smoke request waits for slow requests that came before it.
    options = ("--smoke", str(smoke), "--timeout", "120")
    assert "responds to 2 smoke requests" in only_one.do("rollout", "3.0", *options, "--retire")
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(only_one.server.post, "[-1]") for _ in range(3)]
        wait_busy(only_one.server, "3.0")
        assert only_one.do("rollout", "1.0", *options, "--retire").splitlines()[-1] == (
            "doubleit 3.0 has completed its requests and is removed"
        )
        # The responses came before the version was removed.
        assert all(future.done() for future in slow)
        assert [future.result().text for future in slow] == ["[-2]"] * 3
    assert only_one.versions() == ("1.0", ["1.0"])
    assert only_one.refused("rollback") == (
        "3.0, the previous default, was removed: roll it out again"
    )


def test_a_version_that_clients_name_is_not_retired(
    only_one: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(operations, "FINISH_SECONDS", -28)  # responseTimeout is 30
    monkeypatch.setattr(operations, "KEPT_SECONDS", 2)
    server = only_one.server
    todo = operations.Operations(server.client, only_one.store, Progress())
    check = comparison.Check([comparison.Sent(b"[1]")], 10, accept_differences=False)
    port = server.ports["PORT"]
    with Load(port, 1, path=f"{PATH}/1.0") as load:
        todo.rollout("2.0", check)
        assert capsys.readouterr().out.splitlines()[-1] == (
            "doubleit 1.0 stays for clients whose URL names it"
        )
        todo.rollback()
    with (
        Load(port, 1, path=f"{PATH}/1.0") as more,
        pytest.raises(VersionsError, match="1.0 still gets requests after 2 s"),
    ):
        todo.rollout("2.0", check, retire=True)
    assert load.failures + more.failures == []
    assert load.wrong + more.wrong == []
    assert only_one.versions() == ("2.0", ["1.0", "2.0"])
    assert only_one.record()["default"] == "2.0"


def test_a_version_without_workers_is_not_rolled_back_to(only_one: Operator) -> None:
    only_one.do("rollout", "2.0")
    only_one.server.client.scale("1.0", 0)
    assert only_one.refused("rollback") == "1.0 has no ready worker"
    assert only_one.versions() == ("2.0", ["1.0", "2.0"])
    only_one.do("scale", "1.0", "1")
    assert only_one.do("rollback") == "doubleit 1.0 is the default again; 2.0 stays\n"


def test_a_version_that_hangs_is_removed_also_after_an_interruption(untouched: Operator) -> None:
    add(untouched.store, "6.0", models.Hanging())
    smoke = untouched.store / "smoke"
    smoke.write_text("[1]\n[100]\n")
    assert untouched.refused("rollout", "6.0", "--smoke", str(smoke), "--timeout", "1.5") == (
        "6.0 failed the smoke check on [100]: expected 200 [200] as from 1.0, "
        f"got {untouched.server.predictions}/6.0 did not respond within 1.5 s"
    )
    assert untouched.versions() == ("1.0", ["1.0"])
    process = untouched.start("rollout", "6.0", "--smoke", str(smoke), "--timeout", "30")
    assert process.stdout
    assert process.stdout.readline() == "doubleit 6.0 is ready, with 1 worker\n"
    wait_busy(untouched.server, "6.0")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode != 0


def test_a_version_that_does_not_load_is_removed(untouched: Operator) -> None:
    add(untouched.store, "4.0", models.Difference(), models.ELEMENTWISE)
    # It never returns from the samples that the handler runs while it loads the model.
    samples = "model: {inputs: {numbers: {datatype: INT64, shape: [-1], minimum: 100}}}\n"
    add(untouched.store, "7.0", models.Hanging(), "startupTimeout: 1\n" + samples)
    for command in (("register", "4.0"), ("rollout", "4.0"), ("register", "7.0")):
        assert untouched.refused(*command) == (
            f"a worker died while loading doubleit {command[1]}: see the server's log"
        )
    # TorchServe may drop the end of a log whose version is removed at once, so this is for both.
    wait_until(lambda: "set batch to none" in untouched.server.output(), "the reason")


def test_other_responses_are_refused_unless_they_are_meant(only_one: Operator) -> None:
    # The archive's own number of workers is not the one that is asked for.
    workers = "minWorkers: 2\nmaxWorkers: 2\n"
    add(only_one.store, "5.0", models.Triple(), workers + models.ELEMENTWISE)
    message = (
        "5.0 failed the smoke check on [1, 2, 3, 4]: expected 200 [2,4,6,8] as from 1.0, "
        "got 200 [3,6,9,12]"
    )
    assert only_one.refused("rollout", "5.0") == message
    assert only_one.versions() == ("1.0", ["1.0"])
    only_one.do("register", "5.0")
    assert len(only_one.show()["versions"][1]["workers"]) == 1
    # What was registered before stays.
    assert only_one.refused("rollout", "5.0") == message
    assert only_one.versions() == ("1.0", ["1.0", "5.0"])
    out = only_one.do("rollout", "5.0", "--accept-differences", "--json")
    assert json.loads(out) == only_one.show()
    assert json.loads(out)["default"] == "5.0"
    assert only_one.server.post("[1]").text == "[3]"
