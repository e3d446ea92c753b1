"""Every command against a real server: its effect and its errors."""

from __future__ import annotations

import pytest
import requests

from tests.support.operators import Operator
from tests.support.server import free_port


def test_the_table_shows_what_each_version_is(operator: Operator) -> None:
    for _ in range(3):
        assert operator.server.post("[1]").status_code == 200
    lines = operator.do("list").splitlines()
    assert " ".join(lines[0].split()) == "doubleit kind workers queue loaded (UTC) requests"
    row = next(line.split() for line in lines if line.startswith("1.0"))
    assert row[:7] == ["1.0", "default", "torchscript", "1", "of", "1", "0"]
    assert lines[-1].endswith("requests without a version went to the then-current default")
    assert int(lines[-1].split()[0]) >= 3
    assert max(map(len, lines)) <= 80


def test_machines_get_everything_as_json(operator: Operator) -> None:
    before = operator.show()
    operator.server.post("[1]", "/predictions/doubleit/1.0")
    after = operator.show()
    version, earlier = after["versions"][0], before["versions"][0]
    assert after["model"] == "doubleit"
    assert after["default"] == version["version"] == "1.0"
    assert version["requests"] == earlier["requests"] + 1
    assert (version["archive"], version["kind"]) == ("doubleit-1.0.mar", "torchscript")
    assert (version["batch_size"], version["max_batch_delay"], version["queue"]) == (64, 1, 0)
    (worker,) = version["workers"]
    assert worker["ready"]
    assert worker["pid"] in operator.server.worker_pids()
    assert version["loaded"] == worker["started"]


def test_without_metrics_the_rest_is_shown(operator: Operator) -> None:
    port = free_port()
    status, out, _ = operator.run("list", METRICS_URL=f"http://127.0.0.1:{port}")
    assert status == 0
    assert f"no metrics at http://127.0.0.1:{port}: the numbers of requests are unknown" in out
    assert next(line for line in out.splitlines() if line.startswith("1.0")).endswith("?")


def test_register_serves_a_version_beside_the_default(only_one: Operator) -> None:
    assert only_one.do("register", "2.0", "--workers", "2") == (
        "doubleit 2.0 is ready, with 2 workers\n"
    )
    found = only_one.show()
    assert found["default"] == only_one.answering() == "1.0"
    assert [v["version"] for v in found["versions"]] == ["1.0", "2.0"]
    assert [w["ready"] for w in found["versions"][1]["workers"]] == [True, True]
    assert only_one.server.post("[2]", "/predictions/doubleit/2.0").text == "[4]"
    assert only_one.refused("register", "2.0") == "version 2.0 is already registered"
    assert only_one.record() == {
        "default": "1.0",
        "previous": None,
        "versions": {"1.0": {"workers": 1}, "2.0": {"workers": 2}},
    }

    assert only_one.do("scale", "2.0", "1") == "doubleit 2.0 has 1 worker\n"
    assert len(only_one.show()["versions"][1]["workers"]) == 1
    assert only_one.record()["versions"]["2.0"] == {"workers": 1}

    archive = (only_one.store / "doubleit-2.0.mar").read_bytes()
    assert (
        only_one.do("unregister", "2.0")
        == "doubleit 2.0 has completed its requests and is removed\n"
    )
    assert only_one.versions() == ("1.0", ["1.0"])
    assert only_one.server.post("[2]", "/predictions/doubleit/2.0").status_code == 404
    assert (only_one.store / "doubleit-2.0.mar").read_bytes() == archive
    assert list(only_one.record()["versions"]) == ["1.0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("rollout 9.9", "{store}/doubleit-9.9.mar is missing: build it with make archive"),
        (
            "unregister 1.0",
            "1.0 is the default and cannot be removed: roll out another version first",
        ),
        ("scale 9.9 2", "version 9.9 is not registered; the server has 1.0"),
        (
            "register ../etc",
            "'../etc' is not a version: use digits and dots, such as 2.0, 50 characters at most",
        ),
        ("rollback", "1.0 is the first default: there is nothing to roll back to"),
        ("--name other list", "{management} has no model other; it has doubleit"),
        ("rollout 2.0 --smoke /nowhere", "cannot read /nowhere: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    operator: Operator, arguments: str, message: str
) -> None:
    places = {"store": operator.store, "management": operator.server.management}
    assert operator.refused(*arguments.format(**places).split()) == message.format(**places)
    assert operator.versions() == ("1.0", ["1.0"])


def test_another_store_or_server_is_refused(operator: Operator) -> None:
    parent, port = operator.store.parent, free_port()
    message = (
        f"the server has doubleit-1.0.mar, which is not in {parent}: name the server's model store "
        "with MODEL_STORE"
    )
    for command in ("rollback", "--name other register 1.0"):
        assert operator.refused(*command.split(), MODEL_STORE=str(parent)) == message
    assert operator.refused("rollback", MODEL_STORE="/nowhere") == (
        "no model store at /nowhere: No such file or directory"
    )
    assert operator.refused("list", MANAGEMENT_URL=f"http://localhost:{port}/") == (
        f"no server responds at http://localhost:{port}/models?next_page_token=0: Connection "
        "refused; start it with make serve, or set MANAGEMENT_URL to another one"
    )
    # The same server at an address that is not loopback.
    url = operator.server.management.replace("127.0.0.1", "0.0.0.0")
    assert operator.refused("list", MANAGEMENT_URL=url).startswith(f"{url} is not on loopback")
    status, out, _ = operator.run("--allow-remote", "list", "--json", MANAGEMENT_URL=url)
    assert status == 0
    assert '"default": "1.0"' in out


def test_a_change_behind_the_tools_back_is_noticed(only_one: Operator) -> None:
    only_one.do("register", "2.0")
    management = only_one.server.management
    requests.put(f"{management}/models/doubleit/2.0/set-default", timeout=10).raise_for_status()
    assert only_one.do("list").splitlines()[-1] == (
        "after a restart the default would be 1.0, besides 2.0: "
        "versions were changed without this tool"
    )
    assert not only_one.show()["recorded"]
    only_one.do("rollback")
    assert only_one.show()["recorded"]
    assert only_one.versions() == ("1.0", ["1.0", "2.0"])
