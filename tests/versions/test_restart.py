"""A server that was stopped or killed starts again with the same versions."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.measuring import COVERAGE
from tests.support.operators import ONE_WORKER, Operator
from tests.support.server import Server
from tests.support.wait import wait_until


def state(operator: Operator) -> dict[str, object]:
    """Return the state that a restart must preserve."""
    found = operator.show()
    workers = {v["version"]: len(v["workers"]) for v in found["versions"]}
    return {**{key: found[key] for key in ("default", "previous", "recorded")}, "workers": workers}


def test_a_killed_server_comes_back_as_it_was(fresh_store: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Server(fresh_store, log, environment={**ONE_WORKER, **COVERAGE}) as server:
        operator = Operator(server)
        operator.do("rollout", "2.0", "--workers", "2")
        operator.do("--name", "other", "register", "1.0")
        before = state(operator)
        assert before == {
            "default": "2.0",
            "previous": "1.0",
            "recorded": True,
            "workers": {"1.0": 1, "2.0": 2},
        }
        server.stop(signal.SIGKILL)
        wait_until(lambda: operator.run("list")[0] != 0, "the server's end")
        log.unlink()

        server.start().wait_ready()
        assert (
            f"{fresh_store}/doubleit.json: the default is doubleit 2.0, also 1.0\n"
            in server.output()
        )
        assert f"doubleit 2.0 is ready at {server.predictions}\n" in server.output()
        assert operator.answering() == "2.0"
        assert state(operator) == before
        assert f"other 1.0 is ready at {server.url}/predictions/other\n" in server.output()
        assert server.post("[1]", "/predictions/other").text == "[2]"
        operator.do("rollback")
        operator.do("unregister", "2.0")
        assert server.stop(signal.SIGTERM) == 0
        log.unlink()

        # The record takes precedence over the version on the command line.
        server.version = "2.0"
        server.start().wait_ready()
        assert state(operator) == {
            "default": "1.0",
            "previous": "2.0",
            "recorded": True,
            "workers": {"1.0": 1},
        }
        assert server.post("[1]").text == "[2]"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "it is not a regular file of at most 1 MiB"),
        (
            lambda file: file.write_text(
                '{"default": "1.0", "previous": null, "versions": {"1.0": {"workers": "two"}}}'
            ),
            "Expected `int`, got `str` - at `$.versions[...].workers`",
        ),
    ],
    ids=["pipe", "text"],
)
def test_a_record_that_cannot_be_followed_is_refused(
    fresh_store: Path, tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    record = fresh_store / "other.json"
    make(record)
    server = Server(fresh_store, tmp_path / "log", environment=COVERAGE)
    process = server.start().process
    assert process
    assert process.wait(60) == 1
    assert server.output().splitlines()[-1] == (
        f"serve: {record} is not a record of versions: {reason}; fix or remove it"
    )
