"""Every command against a real server: its effect and its errors."""

import pytest

from tests.support.operators import Operator
from tests.support.server import free_port


def test_machines_get_everything_as_json(operator: Operator) -> None:
    before = operator.show()
    operator.server.post("[1]")
    operator.server.post("[1]", "/predictions/doubleit/1.0")
    after = operator.show()
    version, earlier = after["versions"][0], before["versions"][0]
    assert after["model"] == "doubleit"
    assert after["default"] == version["version"] == "1.0"
    assert version["requests"] == earlier["requests"] + 1
    assert after["requests_without_version"] == before["requests_without_version"] + 1
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
    assert max(map(len, out.splitlines())) <= 80


def test_register_serves_a_version_beside_the_default(only_one: Operator) -> None:
    only_one.do("register", "2.0", "--workers", "2")
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

    only_one.do("scale", "2.0", "1")
    assert len(only_one.show()["versions"][1]["workers"]) == 1
    assert only_one.record()["versions"]["2.0"] == {"workers": 1}

    archive = (only_one.store / "doubleit-2.0.mar").read_bytes()
    only_one.do("unregister", "2.0")
    assert only_one.versions() == ("1.0", ["1.0"])
    assert only_one.server.post("[2]", "/predictions/doubleit/2.0").status_code == 404
    assert (only_one.store / "doubleit-2.0.mar").read_bytes() == archive
    assert list(only_one.record()["versions"]) == ["1.0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
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
        ("rollout 2.0 --smoke /nowhere", "cannot read /nowhere: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    operator: Operator, arguments: str, message: str
) -> None:
    assert operator.refused(*arguments.split()) == message
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
    only_one.server.client.set_default("2.0")
    assert only_one.do("list").splitlines()[-1] == (
        "after a restart the default would be 1.0, besides 2.0: "
        "versions were changed without this tool"
    )
    assert not only_one.show()["recorded"]
    only_one.do("rollback")
    assert only_one.show()["recorded"]
    assert only_one.versions() == ("1.0", ["1.0", "2.0"])
